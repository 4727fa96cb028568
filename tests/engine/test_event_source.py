"""When a message counts as one that is about to be delivered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from localstack.services.sqs.models import StandardQueue

ACCOUNT, REGION = "111111111111", "eu-central-1"


@pytest.fixture
def queue(localstack_itself: None) -> Iterator[StandardQueue]:
    from localstack.services.sqs.models import StandardQueue, sqs_stores
    from taskguard.engine.events import event_source

    queue = StandardQueue("about-to-deliver", REGION, ACCOUNT)
    queues = sqs_stores[ACCOUNT][REGION].queues
    queues[queue.name] = queue
    event_source._last_looks[queue.arn] = time.monotonic()
    yield queue
    queues.pop(queue.name, None)
    event_source._last_looks.pop(queue.arn, None)


def put(queue: StandardQueue) -> None:
    from localstack.services.sqs.models import Message, SqsMessage

    queue.visible.put_nowait(SqsMessage(0, Message(MessageId="m", Body="")))


def test_a_visible_message_in_a_queue_that_is_looked_into_is_about_to_be_delivered(queue: StandardQueue) -> None:
    from taskguard.engine.events import event_source

    assert not event_source.is_about_to_deliver()
    put(queue)
    assert event_source.is_about_to_deliver()


def test_a_message_that_nobody_looks_for_is_not(queue: StandardQueue) -> None:
    from taskguard.engine.events import event_source

    put(queue)
    event_source._last_looks[queue.arn] -= 60
    assert not event_source.is_about_to_deliver()


def test_a_queue_that_is_gone_is_forgotten(queue: StandardQueue) -> None:
    from localstack.services.sqs.models import sqs_stores
    from taskguard.engine.events import event_source

    put(queue)
    del sqs_stores[ACCOUNT][REGION].queues[queue.name]
    assert not event_source.is_about_to_deliver()
    assert queue.arn not in event_source._last_looks
