"""What an operator works with, on a stage as it was deployed: logs that a task's id leads through, metrics, alarms."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.testing.pipeline import Pipeline


def lines(endpoint: Endpoint, stack: Stack, function: str, term: str, since_ms: int) -> list[dict[str, Any]]:
    """What a function logged with this term in it, each line read as JSON."""
    group = f"/aws/lambda/TaskGuard-{stack.stage}-{function}"
    pages = (
        endpoint.logs()
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, filterPattern=f'"{term}"', startTime=since_ms)
    )
    # LocalStack leaves the pattern aside.
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if f'"{term}"' in message]


def test_a_tasks_logs_are_found_by_its_id(endpoint: Endpoint, stack: Stack, pipeline: Pipeline) -> None:
    task, since_ms = pipeline.task(), int(time.time() * 1000) - 10_000
    pipeline.submit(task)
    pipeline.settle(task)

    def about_the_task() -> dict[str, dict[str, Any]]:
        found = [
            line
            for function in ("submitTask", "processTask")
            for line in lines(endpoint, stack, function, task.task_id, since_ms)
            if line["message"] != "trail"
        ]
        # Logs arrive when they arrive.
        return {line["message"]: line for line in found} if len(found) >= 3 else {}

    found = wait_for(about_the_task, seconds=60)
    assert set(found) == {"task accepted", "attempt started", "attempt succeeded"}
    assert {line["taskId"] for line in found.values()} == {task.task_id}
    assert len({line["messageId"] for line in found.values()}) == 1
    assert found["task accepted"]["correlation_id"]


@pytest.mark.parametrize(
    ("function", "metric"),
    [("submitTask", "TasksSubmitted"), ("processTask", "TasksCompleted"), ("processTask", "TimeToSettle")],
)
def test_metrics_are_written_for_the_stage(
    endpoint: Endpoint, stack: Stack, pipeline: Pipeline, function: str, metric: str
) -> None:
    task, since_ms = pipeline.task(), int(time.time() * 1000) - 10_000
    pipeline.submit(task)
    pipeline.settle(task)
    for line in wait_for(lambda: lines(endpoint, stack, function, metric, since_ms), seconds=60):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "TaskGuard"
        assert [sorted(names) for names in directive["Dimensions"]] == [["service", "stage"]]
        assert (line["service"], line["stage"]) == ("TaskGuard", stack.stage)
        assert min(line[metric]) >= 0


def test_the_stage_has_its_alarms(endpoint: Endpoint, stack: Stack) -> None:
    functions = [f"{name}-errors" for name in ("submitTask", "getTask", "processTask", "monitorDLQ")]
    kinds = ["dead-letter", "dead-letter-waiting", "oldest-task", "api-5xx", *functions]
    # By their whole names: those of another stage may begin alike.
    names = [f"TaskGuard-{stack.stage}-{kind}" for kind in kinds]
    alarms = endpoint.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == set(names)
    assert [action for alarm in alarms for action in alarm.get("AlarmActions", [])] == []
