"""Stacks of a test's own, as small as a fault needs them: a function, two queues, a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from taskguard.evidence.recorder.recording import Call
from taskguard.faults.plan import Plan, parse
from taskguard.history import FaultInjected
from taskguard.run.injecting.handing_over import injecting
from taskguard.service import stack as deployed
from taskguard.service.stack import Queue, Stack, Table
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Function
from tests.engine.recorded import recorded

ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Small:
    """A stack of which only what a test needs is there. Its function is called ``worker`` in plans."""

    stack: Stack
    endpoint: Endpoint
    function: Function

    @contextmanager
    def struck_by(self, lines: str, seed: str = "a seed") -> Iterator[None]:
        with injecting(self.endpoint, self.stack, Plan(seed=seed, faults=parse(lines))):
            yield

    def injections(self) -> list[FaultInjected]:
        """What was injected here, in order."""
        found = recorded(self.endpoint).injections
        return [each.event for each in found if each.stack == self.stack.work_queue.arn]


def small_stack(endpoint: Endpoint, function: Function, table: str = "", **urls: str) -> Small:
    """``function`` as a stack, with queues that nobody needs to have made."""
    name = function.name
    arn = f"arn:aws:sqs:{endpoint.region}:{ACCOUNT}:{name}"
    return Small(
        Stack(
            name=name,
            stage=name,
            region=endpoint.region,
            work_queue=Queue(logical_id="", url=urls.get("work", ""), arn=f"{arn}-work"),
            dead_letter_queue=Queue(logical_id="", url=urls.get("dead", ""), arn=f"{arn}-dead"),
            functions=(deployed.Function(logical_id="", name=name, arn="", label="worker", log_group="", role=""),),
            table=Table(logical_id="", name=table, key="taskId"),
            ingresses=(),
        ),
        endpoint,
        function,
    )


@contextmanager
def made_table(endpoint: Endpoint) -> Iterator[str]:
    """A table of tasks, gone afterwards."""
    name = f"table-{uuid4().hex[:8]}"
    endpoint.dynamodb().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "taskId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "taskId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    endpoint.dynamodb().delete_table(TableName=name)


def calls_of(function: Function) -> list[Call]:
    """The AWS calls that were recorded of this function."""
    return [call for call in recorded(function.endpoint).calls if call.function == function.name]


def request(task_id: str) -> dict[str, Any]:
    """An event as API Gateway makes it."""
    return {"body": json.dumps({"taskId": task_id})}


def batch(*task_ids: str, receive: int = 1) -> dict[str, Any]:
    """An event as an event source mapping makes it."""
    return {
        "Records": [
            {
                "messageId": f"message-{task_id}",
                "receiptHandle": f"handle-{task_id}",
                "body": json.dumps({"taskId": task_id}),
                "attributes": {"ApproximateReceiveCount": str(receive)},
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:any",
            }
            for task_id in task_ids
        ]
    }
