"""The stack as deployed, read back from the engine: settings, permissions, names."""

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from taskguard.evidence.transport import refuses_unencrypted
from taskguard.history.values import QueueName
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

FUNCTIONS = ("submitTask", "getTask", "processTask", "monitorDLQ")
CONSUMERS = ("processTask", "monitorDLQ")


def configuration(endpoint: Endpoint, stack: Stack, function: str) -> Any:
    return endpoint.functions().get_function_configuration(FunctionName=f"TaskGuard-{stack.stage}-{function}")


def queue(endpoint: Endpoint, url: str) -> dict[str, str]:
    attributes = endpoint.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {str(name): value for name, value in attributes.items()}


def template(endpoint: Endpoint, stack: Stack) -> list[Any]:
    """The resources of the deployed template."""
    body: Any = endpoint.cloudformation().get_template(StackName=f"TaskGuard-{stack.stage}")["TemplateBody"]
    return list((json.loads(body) if isinstance(body, str) else body)["Resources"].values())


def mapping(endpoint: Endpoint, stack: Stack, function: str) -> Any:
    name = f"TaskGuard-{stack.stage}-{function}"
    (found,) = endpoint.functions().list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_run_on_python_3_13_and_x86_64_with_a_role_of_their_own(
    endpoint: Endpoint, stack: Stack, function: str
) -> None:
    found = configuration(endpoint, stack, function)
    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["x86_64"])
    roles = [configuration(endpoint, stack, each)["Role"] for each in FUNCTIONS]
    assert roles.count(found["Role"]) == 1


def test_log_groups_have_a_retention(endpoint: Endpoint, stack: Stack) -> None:
    # From the template that was deployed: LocalStack makes the groups without their retention.
    groups = [each["Properties"] for each in template(endpoint, stack) if each["Type"] == "AWS::Logs::LogGroup"]
    names = {f"/aws/lambda/TaskGuard-{stack.stage}-{function}" for function in FUNCTIONS}
    assert {group["LogGroupName"]: group["RetentionInDays"] for group in groups} == dict.fromkeys(names, 14)


def test_the_api_is_throttled(endpoint: Endpoint, stack: Stack) -> None:
    (api,) = [each["Properties"] for each in template(endpoint, stack) if each["Type"] == "AWS::ApiGateway::Deployment"]
    assert api["StageDescription"]["ThrottlingRateLimit"] > 0
    assert api["StageDescription"]["ThrottlingBurstLimit"] > 0


def test_roles_allow_named_actions_on_named_resources_only(endpoint: Endpoint, stack: Stack) -> None:
    roles = [each["Properties"] for each in template(endpoint, stack) if each["Type"] == "AWS::IAM::Role"]
    assert len(roles) == len(FUNCTIONS)
    for role in roles:
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not any("*" in action for action in actions)
                if not all(action.startswith("logs:") for action in actions):
                    assert "*" not in json.dumps(statement["Resource"])


def test_the_work_queue_redrives_after_three_receives(endpoint: Endpoint, stack: Stack) -> None:
    policy = json.loads(queue(endpoint, stack.work_queue.url)["RedrivePolicy"])
    assert int(policy["maxReceiveCount"]) == 3
    assert policy["deadLetterTargetArn"] == stack.queues["dead-letter"].arn


def test_queues_are_encrypted_and_dead_letters_kept_for_14_days(endpoint: Endpoint, stack: Stack) -> None:
    for url in (stack.work_queue.url, stack.queues["dead-letter"].url):
        assert queue(endpoint, url)["SqsManagedSseEnabled"] == "true"
    assert int(queue(endpoint, stack.queues["dead-letter"].url)["MessageRetentionPeriod"]) == 14 * 24 * 3600


@pytest.mark.parametrize("function", CONSUMERS)
def test_a_message_stays_hidden_for_six_times_its_consumers_timeout(
    endpoint: Endpoint, stack: Stack, function: str
) -> None:
    url = stack.work_queue.url if function == "processTask" else stack.queues["dead-letter"].url
    timeout = configuration(endpoint, stack, function)["Timeout"]
    assert int(queue(endpoint, url)["VisibilityTimeout"]) >= 6 * timeout


@pytest.mark.parametrize("function", CONSUMERS)
def test_consumers_report_partial_batches(endpoint: Endpoint, stack: Stack, function: str) -> None:
    found = mapping(endpoint, stack, function)
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    expected = stack.work_queue.arn if function == "processTask" else stack.queues["dead-letter"].arn
    assert found["EventSourceArn"] == expected


def test_the_table_is_keyed_by_task_id_and_paid_by_request(endpoint: Endpoint, stack: Stack) -> None:
    table = endpoint.dynamodb().describe_table(TableName=stack.table_name)["Table"]
    assert table["KeySchema"] == [{"AttributeName": "taskId", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_the_table_tells_what_is_written_to_it_and_no_function_may_listen(endpoint: Endpoint, stack: Stack) -> None:
    table = endpoint.dynamodb().describe_table(TableName=stack.table_name)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert "/stream/" in table["LatestStreamArn"]
    roles = [each["Properties"] for each in template(endpoint, stack) if each["Type"] == "AWS::IAM::Role"]
    assert "Stream" not in json.dumps([role["Policies"] for role in roles]).replace("logs:CreateLogStream", "")


def test_names_carry_the_stage_unless_it_is_dev(stack: Stack) -> None:
    assert stack.table_name == f"TasksTable-{stack.stage}"
    assert stack.work_queue.url.endswith(f"/TaskQueue-{stack.stage}")
    assert stack.queues["dead-letter"].url.endswith(f"/TaskDLQ-{stack.stage}")


@pytest.mark.parametrize("which", ["work", "dead-letter"])
def test_a_queue_refuses_who_comes_unencrypted(endpoint: Endpoint, stack: Stack, which: QueueName) -> None:
    told = queue(endpoint, stack.queues[which].url)
    assert refuses_unencrypted(json.loads(told["Policy"]), told["QueueArn"])
    if endpoint.target != "ministack":
        return
    # It heeds such policies. Here nothing leaves the machine; for calls from elsewhere this machine is made another one. Nobody
    # can remove the queue then, which goes with the engine.
    sqs, name = endpoint.sqs(), f"unencrypted-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    own = told["Policy"].replace(told["QueueArn"], queue(endpoint, url)["QueueArn"])
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": own})
    sqs.send_message(QueueUrl=url, MessageBody="from here")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": own.replace("127.0.0.0/8", "10.0.0.0/8")})
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=url, MessageBody="as from elsewhere")
