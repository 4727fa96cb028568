"""A stage goes as it came: deployed, used and removed, twice, it leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from harness import deployment
from harness.client import Client
from harness.deployment import Stack
from harness.targets.base import Endpoint
from harness.waiting import wait_for
from harness.workload import Task

pytestmark = pytest.mark.heavy

# Everything a stage is made of: the service, what lists it (an operation with pages), and the name in each entry.
KINDS = {
    "stack": ("cloudformation", "list_stacks", "StackSummaries", "StackName"),
    "table": ("dynamodb", "list_tables", "TableNames", None),
    "queue": ("sqs", "list_queues", "QueueUrls", None),
    "function": ("lambda", "list_functions", "Functions", "FunctionName"),
    "event source mapping": ("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
    "log group": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "role": ("iam", "list_roles", "Roles", "RoleName"),
    "API": ("apigateway", "get_rest_apis", "items", "name"),
    "bucket": ("s3", "list_buckets", "Buckets", "Name"),
    "alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
}


def test_a_stage_that_is_deployed_and_removed_twice_leaves_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    # Its name is in the name of all that belongs to it; on an engine that others use too, nothing else is.
    stage = f"gone-{uuid4().hex[:6]}"
    log = tmp_path / "deploy.log"
    try:
        for _ in range(2):
            stack = deployment.deploy(endpoint, stage, parameters={"failureRate": "0"}, log=log)
            work_a_little(stack)
            assert {kind for kind, names in belongings(endpoint, stage).items() if names} == set(KINDS)
            deployment.remove(endpoint, stage, log=log)
            # What is deleted may be listed a moment longer.
            wait_for(lambda: not any(belongings(endpoint, stage).values()), seconds=30)
    except BaseException:
        deployment.remove(endpoint, stage, log=log)
        raise


def work_a_little(stack: Stack) -> None:
    """Let functions run, so that they log."""
    client = Client(stack.api_url)
    assert client.submit(Task(task_id="t", payload={})).accepted
    wait_for(lambda: (client.record("t") or {}).get("status") == "COMPLETED", seconds=60)


def belongings(endpoint: Endpoint, stage: str) -> dict[str, list[str]]:
    """All that there is of a stage, by kind."""
    return {kind: [name for name in names(endpoint, kind) if stage in name.lower()] for kind in KINDS}


def names(endpoint: Endpoint, kind: str) -> Iterator[str]:
    service, operation, entries, name = KINDS[kind]
    client = endpoint.client(service)
    pages: Any = client.get_paginator(operation).paginate()
    for page in pages:
        for entry in page.get(entries, ()):
            if kind != "stack" or entry["StackStatus"] != "DELETE_COMPLETE":
                yield entry if name is None else entry[name]
