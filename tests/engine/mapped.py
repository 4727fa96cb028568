"""Queues with a function that an event source mapping hands their messages, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from taskguard.evidence.recorder.recording import Invocation
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.recorded import recorded

WORK = """
    |import json, time
    |
    |def handler(event, context):
    |    failed = []
    |    for record in event["Records"]:
    |        told = json.loads(record["body"])
    |        time.sleep(told.get("work", 0))
    |        if told.get("raises"):
    |            raise ValueError(told["name"])
    |        if int(record["attributes"]["ApproximateReceiveCount"]) <= told.get("failures", 0):
    |            failed.append({"itemIdentifier": record["messageId"]})
    |    return {"batchItemFailures": failed}
"""
"""It works for so many seconds at each message, and fails its first deliveries, as the message says."""

_numbers = count()


@dataclass(frozen=True)
class Mapped:
    """A queue that is mapped to a function."""

    endpoint: Endpoint
    function: Function
    url: str
    arn: str
    uuid: str

    def send(self, *bodies: Any, group: str | None = None) -> None:
        """Send these messages, one after the other; what is no text as JSON."""
        fifo: dict[str, Any] = {}
        for body in bodies:
            if group is not None:
                fifo = {"MessageGroupId": group, "MessageDeduplicationId": f"n{next(_numbers)}"}
            text = body if isinstance(body, str) else json.dumps(body)
            self.endpoint.sqs().send_message(QueueUrl=self.url, MessageBody=text, **fifo)

    def invocations(self) -> list[Invocation]:
        """All that have begun, in this order."""
        every = recorded(self.endpoint).invocations.values()
        return sorted(
            (each for each in every if each.function == self.function.name), key=lambda one: one.started_at_ms
        )

    def ended(self, number: int, *, seconds: float = 30) -> list[Invocation]:
        """The first ``number`` invocations, once they have ended."""
        with suppress(WaitedInVain):
            wait_for(lambda: self._has_ended(number), seconds=seconds)
        ended = [each for each in self.invocations() if each.ended_at_ms is not None]
        assert len(ended) >= number, [(each.started_at_ms, each.messages) for each in self.invocations()]
        return ended[:number]

    def names(self) -> list[list[str]]:
        """What the messages of each invocation are called."""
        return [[json.loads(message.body)["name"] for message in each.messages] for each in self.invocations()]

    def is_empty(self) -> bool:
        """Whether no message is left in the queue."""
        return not any(self.holds(kind) for kind in ("", "NotVisible", "Delayed"))

    def holds(self, kind: str = "") -> int:
        """How many messages are in the queue and visible, ``NotVisible`` or ``Delayed``."""
        answer: Any = self.endpoint.sqs().get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return int(answer["Attributes"][f"ApproximateNumberOfMessages{kind}"])

    def state(self) -> str:
        return self.endpoint.functions().get_event_source_mapping(UUID=self.uuid)["State"]

    def _has_ended(self, number: int) -> bool:
        return sum(each.ended_at_ms is not None for each in self.invocations()) >= number


Map = Callable[..., Mapped]


def waited_ms(invocation: Invocation) -> float:
    """How long before the invocation its first message was sent."""
    records = json.loads(invocation.payload)["Records"]
    return invocation.started_at_ms - min(int(record["attributes"]["SentTimestamp"]) for record in records)


def at_once(invocations: list[Invocation]) -> int:
    """How many of these were under way at the same time, at most."""
    changes = sorted(
        change for each in invocations for change in ((each.started_at_ms, 1), (each.ended_at_ms or 9e15, -1))
    )
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


@pytest.fixture
def mapped(endpoint: Endpoint, function: Create) -> Iterator[Map]:
    """As :func:`map_queue`; gone after the test."""
    with ExitStack() as stack:

        def make(source: str = WORK, *, timeout: int = 10, reserved: int | None = None, **options: Any) -> Mapped:
            made = function(source, timeout=timeout)
            if reserved is not None:
                endpoint.functions().put_function_concurrency(
                    FunctionName=made.name, ReservedConcurrentExecutions=reserved
                )
            return map_queue(stack, endpoint, made, **options)

        yield make


def make_queue(
    stack: ExitStack, endpoint: Endpoint, *, fifo: bool = False, hidden_seconds: int = 30, dead_after: int = 0
) -> tuple[str, str]:
    """A queue's address and ARN."""
    sqs = endpoint.sqs()

    def create(kind: str, **attributes: str) -> tuple[str, str]:
        every: Any = {"VisibilityTimeout": str(hidden_seconds), **attributes}
        if fifo:
            every["FifoQueue"] = "true"
        url = sqs.create_queue(
            QueueName=f"mapped-{uuid4().hex[:8]}-{kind}{'.fifo' if fifo else ''}",
            Attributes=every,
        )["QueueUrl"]
        stack.callback(sqs.delete_queue, QueueUrl=url)
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    if not dead_after:
        return create("work")
    _, dead = create("dead")
    return create("work", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": dead_after}))


def map_queue(
    stack: ExitStack,
    endpoint: Endpoint,
    function: Function,
    *,
    fifo: bool = False,
    hidden_seconds: int = 30,
    dead_after: int = 0,
    **mapping: Any,
) -> Mapped:
    """Map a new queue to ``function``; ``mapping`` are parameters of CreateEventSourceMapping."""
    functions = endpoint.functions()
    url, arn = make_queue(stack, endpoint, fifo=fifo, hidden_seconds=hidden_seconds, dead_after=dead_after)
    mapping.setdefault("FunctionResponseTypes", ["ReportBatchItemFailures"])
    uuid = functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, **mapping)["UUID"]
    stack.callback(functions.delete_event_source_mapping, UUID=uuid)
    made = Mapped(endpoint, function, url, arn, uuid)
    wait_for(lambda: made.state() == "Enabled", seconds=20)
    return made
