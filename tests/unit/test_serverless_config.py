"""What serverless.yml makes of the pipeline: the package that Lambda gets, and the template that CloudFormation gets.

Runs the Serverless CLI in a copy of the service, as a deploy does, without an engine and without AWS.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

PROJECT = Path(__file__).parents[2]
FUNCTIONS = ("submitTask", "getTask", "processTask", "monitorDLQ")
STAGES = {
    "dev": [],
    "t1": [
        *("--stage", "t1", "--region", "eu-west-1", "--param=failureSeed=42", "--param=failureRate=0"),
        *("--param=backoffBaseSeconds=1", "--param=backoffFactor=3"),
    ],
}

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(not (PROJECT / "node_modules/.bin/serverless").exists(), reason="run `npm install` first"),
]


@dataclass(frozen=True)
class Package:
    """A packaged service."""

    template: dict[str, Any]
    archive: Path

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        resources = self.template["Resources"].items()
        return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}

    def resource(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.template["Resources"][name]["Properties"]
        return properties

    @property
    def files(self) -> list[str]:
        with zipfile.ZipFile(self.archive) as archive:
            return archive.namelist()


def make_package(folder: Path, stage: str) -> None:
    # The other stage is about the template alone; what only makes its archive would take longer than all the rest.
    left_out = () if stage == "dev" else ("package.json", "requirements.txt")
    folder.mkdir()
    for name in ("serverless", "handlers"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns(*left_out))
    for name in {"serverless.yml", "package.json"}.difference(left_out):
        shutil.copy2(PROJECT / name, folder / name)
    (folder / "node_modules").symlink_to(PROJECT / "node_modules")
    result = subprocess.run(
        ["node_modules/.bin/serverless", "package", *STAGES[stage]],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def read_package(folder: Path) -> Package:
    made = folder / ".serverless"
    template = json.loads((made / "cloudformation-template-update-stack.json").read_text())
    return Package(template, made / "TaskGuard.zip")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service packaged for each stage: side by side, and once for all processes of pytest-xdist."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "packages"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            making = tmp_path_factory.mktemp("making")
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda stage: make_package(making / stage, stage), STAGES))
            making.rename(folder)
    return folder


@pytest.fixture(scope="module")
def package(packages: Path) -> Package:
    """The service on its default stage."""
    return read_package(packages / "dev")


@pytest.fixture(scope="module")
def other_stage(packages: Path) -> Package:
    """The service on a stage of its own, with all parameters given. Its archive holds no dependencies."""
    return read_package(packages / "t1")


def test_package_holds_the_handlers_and_their_dependencies_and_nothing_else(package: Package) -> None:
    tops = {name.partition("/")[0] for name in package.files}
    assert tops == {"handlers", "aws_lambda_powertools", "jmespath", "typing_extensions.py"}
    packaged = {name for name in package.files if name.startswith("handlers/")}
    assert packaged == {f"handlers/{path.name}" for path in (PROJECT / "handlers").glob("*.py")}
    assert not [name for name in package.files if name.endswith((".pyc", ".so")) or "dist-info" in name]


def test_package_is_small(package: Package) -> None:
    assert package.archive.stat().st_size < 3_000_000


def test_handlers_import_nothing_of_the_harness() -> None:
    allowed = {"handlers", "aws_lambda_powertools", "boto3", "botocore", "mypy_boto3_dynamodb", "mypy_boto3_sqs"}
    for path in (PROJECT / "handlers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_dependencies_are_locked_by_hash_and_name_no_registry() -> None:
    text = (PROJECT / "handlers/requirements.txt").read_text()
    assert "://" not in text
    assert "boto" not in text
    pinned = re.findall(r"^[a-z].*$", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9-]+==[0-9.]+ \\\n    --hash=sha256:", text, re.MULTILINE)) > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(package: Package, name: str) -> None:
    logical = name[0].upper() + name[1:]
    function = package.resource(f"{logical}LambdaFunction")
    assert function["FunctionName"] == f"TaskGuard-dev-{name}"
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["x86_64"])
    group = package.resource(f"{logical}LogGroup")
    assert group == {"LogGroupName": f"/aws/lambda/TaskGuard-dev-{name}", "RetentionInDays": 14}
    assert function["Role"] == {"Fn::GetAtt": [f"{logical}Role", "Arn"]}


def test_each_function_gets_only_the_settings_it_needs(package: Package) -> None:
    environments = {
        function["FunctionName"].rpartition("-")[2]: set(function["Environment"]["Variables"])
        for function in package.of_type("AWS::Lambda::Function").values()
    }
    process_only = {"FAILURE_RATE", "FAILURE_SEED", "BACKOFF_BASE_SECONDS", "BACKOFF_FACTOR"}
    assert environments == {
        "submitTask": {"TABLE_NAME", "TASK_QUEUE_URL"},
        "getTask": {"TABLE_NAME"},
        "processTask": {"TABLE_NAME", "TASK_QUEUE_URL"} | process_only,
        "monitorDLQ": {"TABLE_NAME"},
    }


LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("SubmitTaskRole", {"TasksTable": {"dynamodb:PutItem"}, "TaskQueue": {"sqs:SendMessage"}}),
        ("GetTaskRole", {"TasksTable": {"dynamodb:GetItem"}}),
        (
            "ProcessTaskRole",
            {"TasksTable": {"dynamodb:UpdateItem"}, "TaskQueue": {"sqs:ChangeMessageVisibility"} | CONSUME},
        ),
        ("MonitorDLQRole", {"TasksTable": {"dynamodb:UpdateItem"}, "TaskDeadLetterQueue": CONSUME}),
    ],
)
def test_role_grants_exactly_what_its_function_uses(package: Package, role: str, expected: dict[str, set[str]]) -> None:
    properties = package.resource(role)
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


def test_there_is_no_role_but_the_functions_own(package: Package) -> None:
    assert set(package.of_type("AWS::IAM::Role")) == {
        "SubmitTaskRole",
        "GetTaskRole",
        "ProcessTaskRole",
        "MonitorDLQRole",
    }


def test_queues(package: Package) -> None:
    assert package.resource("TaskQueue") == {
        "QueueName": "TaskQueue",
        "VisibilityTimeout": 90,
        "MaximumMessageSize": 262_144,
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["TaskDeadLetterQueue", "Arn"]}, "maxReceiveCount": 3},
    }
    dead_letter_queue = package.resource("TaskDeadLetterQueue")
    assert dead_letter_queue["QueueName"] == "TaskDLQ"
    assert dead_letter_queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert dead_letter_queue["SqsManagedSseEnabled"] is True
    assert dead_letter_queue["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"


@pytest.mark.parametrize(("function", "queue"), [("ProcessTask", "TaskQueue"), ("MonitorDLQ", "TaskDeadLetterQueue")])
def test_consumer_reports_partial_failures_and_fits_its_queue(package: Package, function: str, queue: str) -> None:
    [mapping] = [
        mapping
        for mapping in package.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert mapping["FunctionName"] == {"Fn::GetAtt": [f"{function}LambdaFunction", "Arn"]}
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
    timeout = package.resource(f"{function}LambdaFunction")["Timeout"]
    assert package.resource(queue)["VisibilityTimeout"] >= 6 * timeout


def test_table(package: Package) -> None:
    table = package.resource("TasksTable")
    assert (table["TableName"], table["BillingMode"]) == ("TasksTable", "PAY_PER_REQUEST")
    assert table["KeySchema"] == [{"AttributeName": "taskId", "KeyType": "HASH"}]
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_api_is_throttled_at_its_stage(package: Package) -> None:
    [deployment] = package.of_type("AWS::ApiGateway::Deployment").values()
    assert deployment["StageName"] == "dev"
    assert deployment["StageDescription"] == {"ThrottlingRateLimit": 200, "ThrottlingBurstLimit": 100}


def test_outputs(package: Package) -> None:
    functions = {f"{name[0].upper()}{name[1:]}FunctionName" for name in FUNCTIONS}
    queues = {"TaskQueueUrl", "TaskQueueArn", "DeadLetterQueueUrl", "DeadLetterQueueArn"}
    assert functions | queues | {"ApiUrl", "ApiId", "TableName"} <= set(package.template["Outputs"])


def test_other_stage_has_names_and_settings_of_its_own(other_stage: Package) -> None:
    assert other_stage.resource("TasksTable")["TableName"] == "TasksTable-t1"
    assert other_stage.resource("TaskQueue")["QueueName"] == "TaskQueue-t1"
    assert other_stage.resource("TaskDeadLetterQueue")["QueueName"] == "TaskDLQ-t1"
    function = other_stage.resource("ProcessTaskLambdaFunction")
    assert function["FunctionName"] == "TaskGuard-t1-processTask"
    given = {"FAILURE_SEED": "42", "FAILURE_RATE": "0", "BACKOFF_BASE_SECONDS": "1", "BACKOFF_FACTOR": "3"}
    assert given.items() <= function["Environment"]["Variables"].items()


def test_defaults_of_the_simulation_and_the_backoff(package: Package) -> None:
    variables = package.resource("ProcessTaskLambdaFunction")["Environment"]["Variables"]
    defaults = {"FAILURE_SEED": "", "FAILURE_RATE": "0.3", "BACKOFF_BASE_SECONDS": "5", "BACKOFF_FACTOR": "2"}
    assert defaults.items() <= variables.items()
