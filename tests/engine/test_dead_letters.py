"""The flight recorder hears of each message that a queue moves to its dead-letter queue, whether or not anybody consumes that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from taskguard.evidence.recorder.recording import Moved
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.recorded import recorded


@pytest.fixture
def queues(endpoint: Endpoint) -> Iterator[tuple[str, str, str]]:
    """The URL of a queue whose messages die after one receive, the URL of its dead-letter queue, and the ARN of that."""
    sqs = endpoint.sqs()
    with ExitStack() as stack:
        urls = []
        attributes: dict[str, str] = {}
        for name in ("dead", "work"):
            url = sqs.create_queue(QueueName=f"{name}-{uuid4().hex[:8]}", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
            stack.callback(sqs.delete_queue, QueueUrl=url)
            urls.append(url)
            arn = sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            policy = {"deadLetterTargetArn": arn, "maxReceiveCount": 1}
            attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
        yield urls[1], urls[0], arn


def test_a_message_that_is_received_once_too_often_is_told_of(endpoint: Endpoint, queues: tuple[str, str, str]) -> None:
    work, dead, arn = queues
    sqs = endpoint.sqs()
    message_id = sqs.send_message(QueueUrl=work, MessageBody="what it said")["MessageId"]
    for _ in range(2):
        sqs.receive_message(QueueUrl=work)

    def found() -> list[Moved]:
        return [each for each in recorded(endpoint).moved if each.queue_arn == arn]

    wait_for(lambda: bool(found()), seconds=10)
    [moved] = found()
    assert (moved.message_id, moved.body) == (message_id, "what it said")

    # Whoever sends to the queue, or reads it, moves nothing there.
    sqs.send_message(QueueUrl=dead, MessageBody="by hand")
    sqs.receive_message(QueueUrl=dead)
    assert len(found()) == 1
