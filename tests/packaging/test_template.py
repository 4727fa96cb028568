"""The template that CloudFormation gets: what serverless.yml makes of the pipeline."""

from __future__ import annotations

import pytest

from tests.packaging.support import FUNCTIONS, Package


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(default: Package, name: str) -> None:
    logical = name[0].upper() + name[1:]
    function = default.resource(f"{logical}LambdaFunction")
    assert function["FunctionName"] == f"TaskGuard-dev-{name}"
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["x86_64"])
    group = default.resource(f"{logical}LogGroup")
    assert group == {"LogGroupName": f"/aws/lambda/TaskGuard-dev-{name}", "RetentionInDays": 14}
    assert function["Role"] == {"Fn::Sub": f"${{{logical}Role.Arn}}"}


def test_each_function_gets_only_the_settings_it_needs(default: Package) -> None:
    environments = {
        function["FunctionName"].rpartition("-")[2]: set(function["Environment"]["Variables"])
        for function in default.of_type("AWS::Lambda::Function").values()
    }
    process_only = {"FAILURE_RATE", "FAILURE_SEED", "BACKOFF_BASE_SECONDS", "BACKOFF_FACTOR"}
    assert environments == {
        "submitTask": {"STAGE", "TABLE_NAME", "TASK_QUEUE_URL"},
        "getTask": {"TABLE_NAME"},
        "processTask": {"STAGE", "TABLE_NAME", "TASK_QUEUE_URL"} | process_only,
        "monitorDLQ": {"STAGE", "TABLE_NAME"},
    }


LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("SubmitTaskRole", {"TasksTable": {"dynamodb:GetItem", "dynamodb:PutItem"}, "TaskQueue": {"sqs:SendMessage"}}),
        ("GetTaskRole", {"TasksTable": {"dynamodb:GetItem"}}),
        (
            "ProcessTaskRole",
            {"TasksTable": {"dynamodb:UpdateItem"}, "TaskQueue": {"sqs:ChangeMessageVisibility"} | CONSUME},
        ),
        ("MonitorDLQRole", {"TasksTable": {"dynamodb:UpdateItem"}, "TaskDeadLetterQueue": CONSUME}),
    ],
)
def test_role_grants_exactly_what_its_function_uses(default: Package, role: str, expected: dict[str, set[str]]) -> None:
    properties = default.resource(role)
    assert set(properties) == {"AssumeRolePolicyDocument", "Policies"}
    [policy] = properties["Policies"]
    granted: dict[str, set[str]] = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resource = statement["Resource"]
        name = resource["Fn::GetAtt"][0] if "Fn::GetAtt" in resource else resource["Fn::Sub"]
        granted[name] = set(actions)
    own_logs = (
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/TaskGuard-dev-"
        f"{role[0].lower()}{role.removesuffix('Role')[1:]}:*"
    )
    assert granted == expected | {own_logs: LOGS}


def test_there_is_no_role_but_the_functions_own(default: Package) -> None:
    assert set(default.of_type("AWS::IAM::Role")) == {
        "SubmitTaskRole",
        "GetTaskRole",
        "ProcessTaskRole",
        "MonitorDLQRole",
    }


def test_queues(default: Package) -> None:
    assert default.resource("TaskQueue") == {
        "QueueName": "TaskQueue",
        "VisibilityTimeout": 90,
        "MaximumMessageSize": 262_144,
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["TaskDeadLetterQueue", "Arn"]}, "maxReceiveCount": 3},
    }
    dead_letter_queue = default.resource("TaskDeadLetterQueue")
    assert dead_letter_queue["QueueName"] == "TaskDLQ"
    assert dead_letter_queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert dead_letter_queue["SqsManagedSseEnabled"] is True
    assert dead_letter_queue["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"


@pytest.mark.parametrize(("function", "queue"), [("ProcessTask", "TaskQueue"), ("MonitorDLQ", "TaskDeadLetterQueue")])
def test_consumer_reports_partial_failures_and_fits_its_queue(default: Package, function: str, queue: str) -> None:
    [mapping] = [
        mapping
        for mapping in default.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert mapping["FunctionName"] == {"Fn::GetAtt": [f"{function}LambdaFunction", "Arn"]}
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
    timeout = default.resource(f"{function}LambdaFunction")["Timeout"]
    assert default.resource(queue)["VisibilityTimeout"] >= 6 * timeout


def test_table(default: Package) -> None:
    table = default.resource("TasksTable")
    assert (table["TableName"], table["BillingMode"]) == ("TasksTable", "PAY_PER_REQUEST")
    assert table["KeySchema"] == [{"AttributeName": "taskId", "KeyType": "HASH"}]
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_api_is_throttled_at_its_stage(default: Package) -> None:
    [deployment] = default.of_type("AWS::ApiGateway::Deployment").values()
    assert deployment["StageName"] == "dev"
    assert deployment["StageDescription"] == {
        "ThrottlingRateLimit": 200,
        "ThrottlingBurstLimit": 100,
        "TracingEnabled": False,
    }


def test_outputs(default: Package) -> None:
    functions = {f"{name[0].upper()}{name[1:]}FunctionName" for name in FUNCTIONS}
    queues = {"TaskQueueUrl", "TaskQueueArn", "DeadLetterQueueUrl", "DeadLetterQueueArn"}
    assert functions | queues | {"ApiUrl", "ApiId", "TableName"} <= set(default.template["Outputs"])


def test_other_stage_has_names_and_settings_of_its_own(other_stage: Package) -> None:
    assert other_stage.resource("TasksTable")["TableName"] == "TasksTable-t1"
    assert other_stage.resource("TaskQueue")["QueueName"] == "TaskQueue-t1"
    assert other_stage.resource("TaskDeadLetterQueue")["QueueName"] == "TaskDLQ-t1"
    function = other_stage.resource("ProcessTaskLambdaFunction")
    assert function["FunctionName"] == "TaskGuard-t1-processTask"
    given = {"FAILURE_SEED": "42", "FAILURE_RATE": "0", "BACKOFF_BASE_SECONDS": "1", "BACKOFF_FACTOR": "3"}
    assert given.items() <= function["Environment"]["Variables"].items()


def test_defaults_of_the_simulation_and_the_backoff(default: Package) -> None:
    variables = default.resource("ProcessTaskLambdaFunction")["Environment"]["Variables"]
    defaults = {"FAILURE_SEED": "", "FAILURE_RATE": "0.3", "BACKOFF_BASE_SECONDS": "5", "BACKOFF_FACTOR": "2"}
    assert defaults.items() <= variables.items()
