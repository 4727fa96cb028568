"""What an event source mapping of a FIFO queue hands its function, when, and what becomes of it: as AWS documents it."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise

import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.mapped import Map, at_once, make_queue, mapped

pytestmark = pytest.mark.documented

__all__ = ["mapped"]


def test_message_groups_are_worked_on_at_the_same_time(mapped: Map) -> None:
    """AWS: "If you have six message group IDs and a maximum concurrency setting of 10, then your function can have a maximum of six
    concurrent invocations" (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)."""
    queue = mapped(fifo=True)
    queue.function.invoke(Records=[])
    for n in range(6):
        queue.send({"name": f"g{n}", "work": 3}, group=f"g{n}")
    assert at_once(queue.ended(7)[1:]) == 6


def test_a_message_group_has_one_batch_under_way_and_keeps_its_order(mapped: Map) -> None:
    """AWS: "Amazon SQS ensures that messages in the same group are delivered to Lambda in order" (the same page)."""
    queue = mapped(fifo=True, BatchSize=2)
    for n in range(6):
        for group in ("a", "b"):
            queue.send({"name": f"{group}{n}", "work": 0.3}, group=group)
    wait_for(queue.is_empty, seconds=30)
    for group in ("a", "b"):
        of_group = [each for each in queue.invocations() if f'"{group}' in each.messages[0].body]
        assert at_once(of_group) == 1
        names = [name for batch in queue.names() for name in batch if name.startswith(group)]
        assert names == [f"{group}{n}" for n in range(6)]
    assert at_once(queue.invocations()) == 2


def test_no_more_groups_are_worked_on_than_the_maximum_concurrency(mapped: Map) -> None:
    """AWS: "Capped either by the number of message group IDs or the maximum concurrency setting—whichever is lower" (the same page).
    What is received together then shares a batch, which "may contain messages from more than one message group"."""
    queue = mapped(fifo=True, ScalingConfig={"MaximumConcurrency": 2})
    for n in range(6):
        queue.send({"name": f"g{n}", "work": 0.3}, group=f"g{n}")
    wait_for(queue.is_empty, seconds=30)
    assert at_once(queue.invocations()) <= 2
    assert sorted(name for batch in queue.names() for name in batch) == [f"g{n}" for n in range(6)]


def test_a_group_that_fails_leaves_the_others_alone(mapped: Map) -> None:
    """AWS: "If your function returns an error, it attempts all retries on the affected messages before Lambda receives additional
    messages from the same group" (the same page): of this group, not of others."""
    queue = mapped(fifo=True, hidden_seconds=20, dead_after=2)
    queue.function.invoke(Records=[])
    queue.send({"name": "a0", "raises": True}, {"name": "a1"}, group="a")
    for group in ("b", "c", "d"):
        queue.send({"name": f"{group}0"}, group=group)
    wait_for(queue.is_empty, seconds=60)
    runs = [name for batch in queue.names()[1:] for name in batch]
    assert {name: runs.count(name) for name in ("b0", "c0", "d0")} == {"b0": 1, "c0": 1, "d0": 1}
    # Each message has been with the function, or waited for one that had.
    assert runs.count("a0") == 2


def test_a_hidden_message_of_a_fifo_queue_comes_back_on_time(mapped: Map, endpoint: Endpoint) -> None:
    """A failed message "becomes visible in the queue again after the visibility timeout expires"
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), whatever else is hidden for how long."""
    sqs = endpoint.sqs()
    with ExitStack() as stack:
        other, _ = make_queue(stack, endpoint, hidden_seconds=3600)
        sqs.send_message(QueueUrl=other, MessageBody="hidden for long")
        assert sqs.receive_message(QueueUrl=other, WaitTimeSeconds=5)["Messages"]
        queue = mapped(fifo=True, hidden_seconds=30)
        queue.send({"name": "a", "failures": 3}, group="a")
        runs = queue.ended(4, seconds=150)
    for one, another in pairwise(runs):
        # Counted from when it was received, a moment before it runs.
        assert 29_000 < another.started_at_ms - one.started_at_ms < 32_000


def test_a_throttled_group_is_tried_again_in_order(mapped: Map, endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy"""
    queue = mapped(fifo=True, reserved=1, dead_after=1, BatchSize=1)
    for n in range(4):
        for group in ("a", "b", "c"):
            queue.send({"name": f"{group}{n}", "work": 0.2}, group=group)
    wait_for(queue.is_empty, seconds=60)
    runs = [name for batch in queue.names() for name in batch]
    assert len(runs) == 12
    for group in ("a", "b", "c"):
        assert [name for name in runs if name.startswith(group)] == [f"{group}{n}" for n in range(4)]


def test_a_disabled_mapping_of_a_fifo_queue_runs_nothing_that_is_sent_since(mapped: Map) -> None:
    """AWS: "When false, Lambda pauses polling and invocation"
    (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html)."""
    queue = mapped(fifo=True)
    for n in range(3):
        queue.endpoint.functions().update_event_source_mapping(UUID=queue.uuid, Enabled=False)
        wait_for(lambda: queue.state() == "Disabled", seconds=20, every=0.001)
        queue.send({"name": f"m{n}"}, group="a")
        with pytest.raises(AssertionError):
            queue.ended(n + 1, seconds=1)
        queue.endpoint.functions().update_event_source_mapping(UUID=queue.uuid, Enabled=True)
        queue.ended(n + 1)
