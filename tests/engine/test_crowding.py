"""The flight recorder is told when no event source mapping of a queue had room for another batch, and at no other time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from taskguard.evidence.recorder.recording import Stall
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.recorded import recorded

SLOW = """
import time

def handler(event, context):
    time.sleep(float(event["Records"][0]["body"]))
"""
PLACES = 5

Send = Callable[[float], None]


@pytest.fixture
def mapped(endpoint: Endpoint) -> Iterator[Callable[..., tuple[str, Send]]]:
    """A new queue whose messages these functions are handed, one at a time: its ARN, and how to send to it."""
    with ExitStack() as stack:

        def make(*functions: Function) -> tuple[str, Send]:
            sqs, lambdas = endpoint.sqs(), endpoint.functions()
            url = sqs.create_queue(QueueName=f"crowded-{uuid4().hex[:8]}")["QueueUrl"]
            stack.callback(sqs.delete_queue, QueueUrl=url)
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            for function in functions:
                made = lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, BatchSize=1)
                stack.callback(lambdas.delete_event_source_mapping, UUID=made["UUID"])
                wait_for(partial(is_in_state, endpoint, made["UUID"], "Enabled"), seconds=20)

            def send(seconds: float) -> None:
                sqs.send_message(QueueUrl=url, MessageBody=str(seconds))

            return arn, send

        yield make


def is_in_state(endpoint: Endpoint, uuid: str, state: str) -> bool:
    return endpoint.functions().get_event_source_mapping(UUID=uuid)["State"] == state


def test_the_time_in_which_all_places_are_taken_is_noted(
    endpoint: Endpoint, function: Create, mapped: Callable[..., tuple[str, Send]]
) -> None:
    slow = function(SLOW, timeout=20)
    queue, send = mapped(slow)
    for _ in range(PLACES - 1):
        send(3)
    wait_for(lambda: len(under_way(endpoint, slow)) == PLACES - 1, seconds=20)
    assert noted(endpoint, queue) == []
    send(3)
    send(0)
    wait_for(lambda: len(invocations(endpoint, slow)) == PLACES + 1, seconds=30)

    *first, last = sorted(invocations(endpoint, slow), key=lambda each: each.started_at_ms)
    free_ms = min(each.ended_at_ms for each in first if each.ended_at_ms is not None)
    pieces = noted(endpoint, queue)
    gaps = [n for n, (one, other) in enumerate(pairwise(pieces), 1) if other.started_at_ms > one.ended_at_ms]
    until_ms = pieces[gaps[0] - 1 if gaps else -1].ended_at_ms
    assert max(each.started_at_ms for each in first) - 100 < until_ms
    assert pieces[0].started_at_ms < free_ms
    # As soon as there is room, it is over, and what was due is handed out.
    assert abs(until_ms - free_ms) < 500
    assert last.started_at_ms >= until_ms - 50


def test_a_queue_with_two_consumers_is_full_when_both_are(
    endpoint: Endpoint, function: Create, mapped: Callable[..., tuple[str, Send]]
) -> None:
    one, other = function(SLOW, timeout=20), function(SLOW, timeout=20)
    queue, send = mapped(one, other)
    for _ in range(2 * PLACES - 1):
        send(4)
    wait_for(lambda: len(under_way(endpoint, one, other)) == 2 * PLACES - 1, seconds=20)
    time.sleep(0.5)
    assert noted(endpoint, queue) == []
    send(4)
    wait_for(lambda: noted(endpoint, queue), seconds=20)


def test_a_consumer_that_was_switched_off_is_not_waited_for(
    endpoint: Endpoint, function: Create, mapped: Callable[..., tuple[str, Send]]
) -> None:
    one, other = function(SLOW, timeout=20), function(SLOW, timeout=20)
    queue, send = mapped(one, other)
    lambdas = endpoint.functions()
    [off] = lambdas.list_event_source_mappings(FunctionName=other.name)["EventSourceMappings"]
    lambdas.update_event_source_mapping(UUID=off["UUID"], Enabled=False)
    wait_for(partial(is_in_state, endpoint, off["UUID"], "Disabled"), seconds=20)
    # It may still take one.
    for _ in range(PLACES + 1):
        send(3)
    wait_for(lambda: noted(endpoint, queue), seconds=20)


def invocations(endpoint: Endpoint, *functions: Function) -> list[Any]:
    names = {function.name for function in functions}
    return [each for each in recorded(endpoint).invocations.values() if each.function in names]


def under_way(endpoint: Endpoint, *functions: Function) -> list[Any]:
    return [each for each in invocations(endpoint, *functions) if each.ended_at_ms is None]


def noted(endpoint: Endpoint, queue: str) -> list[Stall]:
    return [stall for stall in recorded(endpoint).stalls if stall.queue_arn == queue]
