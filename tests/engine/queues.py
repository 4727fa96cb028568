"""Queues of a test's own, and what is done to their messages."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

LATE_SECONDS = 2.0
"""As late as a message may be back (docs/engines.md)."""


class Queues:
    """Makes queues on an engine; all are gone after the test, with what they hide."""

    def __init__(self, endpoint: Endpoint, stack: ExitStack) -> None:
        self.endpoint = endpoint
        self._sqs = endpoint.sqs()
        self._stack = stack

    def create(self, *, fifo: bool = False, name: str | None = None, **attributes: str) -> Queue:
        if fifo:
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} | attributes
        name = name or f"test-{uuid4().hex[:8]}" + (".fifo" if fifo else "")
        url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        queue = Queue(self.endpoint, url)
        self._stack.callback(queue.delete)
        return queue

    def create_pair(
        self, *, fifo: bool = False, receives: int = 1, dead: dict[str, str] | None = None
    ) -> tuple[Queue, Queue]:
        """A queue whose messages die when they are received more often than this, and its dead-letter queue."""
        dead_letters = self.create(fifo=fifo, **dead or {})
        work = self.create(fifo=fifo, VisibilityTimeout="0", RedrivePolicy=dead_letters.as_dead_letter_queue(receives))
        return work, dead_letters


class Queue:
    """One queue."""

    def __init__(self, endpoint: Endpoint, url: str) -> None:
        self._endpoint = endpoint
        self._sqs, self._lambdas = endpoint.sqs(), endpoint.functions()
        self._mappings: list[str] = []
        self.url = url
        self.arn = self.attributes()["QueueArn"]

    def as_dead_letter_queue(self, receives: int = 1) -> str:
        """The redrive policy of a queue whose messages are to die here when they are received more often than this."""
        return json.dumps({"deadLetterTargetArn": self.arn, "maxReceiveCount": receives})

    def send(self, body: str, **options: Any) -> str:
        """The message's id."""
        if self.url.endswith(".fifo"):
            options = {"MessageGroupId": "g"} | options
        return self._sqs.send_message(QueueUrl=self.url, MessageBody=body, **options)["MessageId"]

    def send_batch(self, *entries: Any) -> dict[str, Any]:
        """SQS's answer."""
        return dict(self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries))

    def receive(self, wait_seconds: int = 0, **options: Any) -> list[dict[str, Any]]:
        """What the queue gives now, or within so many seconds."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
            **options,
        )
        return [dict(each) for each in answer.get("Messages", [])]

    def receive_all(self, count: int, **options: Any) -> list[dict[str, Any]]:
        """That many messages that are there by now."""
        found: dict[str, dict[str, Any]] = {}

        def all_there() -> bool:
            found.update({each["MessageId"]: each for each in self.receive(**options)})
            return len(found) >= count

        wait_for(all_there, seconds=10)
        return list(found.values())

    def hide(self, message: dict[str, Any], seconds: int) -> tuple[float, float]:
        """Until when it is hidden, on the pipeline's clock: the earliest and the latest moment, for that may be fast until the call arrives,
        and again before its answer does."""
        earliest = self.now() + seconds
        self._sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )
        return earliest, self.now() + seconds

    def comes_back(self) -> tuple[list[str], float]:
        """The bodies that the queue gives next, and when, on the pipeline's clock."""
        # Who asks again and again may ask when the clock runs fast again already.
        got = wait_for(partial(self.receive, wait_seconds=10), seconds=90)
        return [each["Body"] for each in got], self.now()

    def now(self) -> float:
        """Seconds since the epoch, on the pipeline's clock."""
        return self._endpoint.clock.now_ms() / 1000

    def delete_message(self, message: dict[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def count(self) -> int:
        """How many messages it holds, hidden or not."""
        attributes = self.attributes()
        return sum(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))

    def waits_until_visible(self) -> None:
        """Until none of its messages is hidden."""
        wait_for(lambda: self.attributes()["ApproximateNumberOfMessagesNotVisible"] == "0", seconds=90)

    def set(self, **attributes: str) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)  # type: ignore[arg-type]

    def attributes(self) -> dict[str, str]:
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return {str(name): value for name, value in found.items()}

    def feeds(self, function: str) -> None:
        """Have the messages handed to this function, from now on until the queue is deleted."""
        made = self._lambdas.create_event_source_mapping(EventSourceArn=self.arn, FunctionName=function)
        self._mappings.append(made["UUID"])
        wait_for(lambda: self._lambdas.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled", seconds=20)

    def delete(self) -> None:
        while self._mappings:
            self._lambdas.delete_event_source_mapping(UUID=self._mappings.pop())
        with suppress(ClientError):
            self._sqs.delete_queue(QueueUrl=self.url)
