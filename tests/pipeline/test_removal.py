"""A stage goes as it came: deployed, used and removed, twice, it leaves nothing behind."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from taskguard.ingress.access import client_of
from taskguard.ingress.workload import Task
from taskguard.service import deployment
from taskguard.service.ours import stack_name
from taskguard.service.stack import Stack
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

from tests.places import PLACES

pytestmark = pytest.mark.heavy


@dataclass(frozen=True)
class Kind:
    """What a stage is made of: its type in CloudFormation, and how all of it are listed, in pages with entries."""

    name: str
    type: str
    service: str
    operation: str
    entries: str
    named: str | None = None


KINDS = (
    Kind("stack", "", "cloudformation", "list_stacks", "StackSummaries", "StackName"),
    Kind("table", "AWS::DynamoDB::Table", "dynamodb", "list_tables", "TableNames"),
    Kind("queue", "AWS::SQS::Queue", "sqs", "list_queues", "QueueUrls"),
    Kind("function", "AWS::Lambda::Function", "lambda", "list_functions", "Functions", "FunctionName"),
    Kind(
        "event source mapping",
        "AWS::Lambda::EventSourceMapping",
        "lambda",
        "list_event_source_mappings",
        "EventSourceMappings",
        "FunctionArn",
    ),
    Kind("log group", "AWS::Logs::LogGroup", "logs", "describe_log_groups", "logGroups", "logGroupName"),
    Kind("role", "AWS::IAM::Role", "iam", "list_roles", "Roles", "RoleName"),
    Kind("API", "AWS::ApiGateway::RestApi", "apigateway", "get_rest_apis", "items", "name"),
    Kind("API key", "AWS::ApiGateway::ApiKey", "apigateway", "get_api_keys", "items", "name"),
    Kind("usage plan", "AWS::ApiGateway::UsagePlan", "apigateway", "get_usage_plans", "items", "name"),
    Kind("bucket", "AWS::S3::Bucket", "s3", "list_buckets", "Buckets", "Name"),
    Kind("alarm", "AWS::CloudWatch::Alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Kind(
        "dashboard",
        "AWS::CloudWatch::Dashboard",
        "cloudwatch",
        "list_dashboards",
        "DashboardEntries",
        "DashboardName",
    ),
)

# LocalStack 4.13.1 accepts a dashboard in a template, and makes none.
NOT_EVERYWHERE = {"dashboard"}


def test_a_stage_that_is_deployed_and_removed_twice_leaves_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    # Its name is in the name of all that belongs to it; on an engine that others use too, nothing else is.
    stage = f"gone-{uuid4().hex[:6]}"
    log = tmp_path / "deploy.log"
    for _ in range(2):
        try:
            stack = deployment.deploy(
                endpoint, stage, places=PLACES, parameters={"failureRate": "0", "apiAuth": "apiKey"}, log=log
            )
            work_a_little(endpoint, stack)
            # What is not listed now could not be missed afterwards.
            listed = {kind for kind, names in belongings(endpoint, stage).items() if names}
            assert made_of(endpoint, stage) - NOT_EVERYWHERE <= listed
        finally:
            deployment.remove(endpoint, stage, places=PLACES, log=log)
        assert left_behind(endpoint, stage) == {}


def work_a_little(endpoint: Endpoint, stack: Stack) -> None:
    """Let functions run, so that they log."""
    client = client_of(endpoint, stack)
    assert client.submit(Task(task_id="t", payload={})).accepted
    wait_for(lambda: (client.record("t") or {}).get("status") == "COMPLETED", seconds=60)


def left_behind(endpoint: Endpoint, stage: str) -> dict[str, list[str]]:
    """What there is of a stage when its removal has had time: what is deleted may be listed a moment longer."""
    with suppress(WaitedInVain):
        wait_for(lambda: not any(belongings(endpoint, stage).values()), seconds=30)
    return {kind: names for kind, names in belongings(endpoint, stage).items() if names}


def made_of(endpoint: Endpoint, stage: str) -> set[str]:
    """The kinds of things that the stage's stack has."""
    pages = endpoint.cloudformation().get_paginator("list_stack_resources").paginate(StackName=stack_name(stage))
    types = {each["ResourceType"] for page in pages for each in page["StackResourceSummaries"]}
    return {kind.name for kind in KINDS if kind.type in types} | {"stack"}


def belongings(endpoint: Endpoint, stage: str) -> dict[str, list[str]]:
    """All that there is of a stage, by kind."""
    return {kind.name: [name for name in names(endpoint, kind) if stage in name.lower()] for kind in KINDS}


def names(endpoint: Endpoint, kind: Kind) -> Iterator[str]:
    pages: Any = endpoint.client(kind.service).get_paginator(kind.operation).paginate()
    for page in pages:
        for entry in page.get(kind.entries, ()):
            if kind.name != "stack" or entry["StackStatus"] != "DELETE_COMPLETE":
                yield entry if kind.named is None else entry[kind.named]
