"""Message groups of a FIFO queue: which messages come, in which order, and when; by a clock that may run fast."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from taskguard.evidence.recorder.recording import Invocation, RecordingFile
from taskguard.support.clocks import MOST_SCALE
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import Create, Function, create_function
from tests.engine.queues import LATE_SECONDS, Queues
from tests.places import PLACES

pytestmark = pytest.mark.documented

ALWAYS_FAILS = """
def handler(event, context):
    raise RuntimeError("on purpose")
"""


def test_of_two_messages_of_a_group_the_later_one_waits_for_the_earlier(queues: Queues) -> None:
    """No message of a group comes while another one of it is invisible, and they come in order.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html
    """
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    for body in ("first", "second"):
        queue.send(body, MessageGroupId="g")
    got = {each["Body"]: each for each in queue.receive_all(2)}
    earliest, latest = queue.hide(got["first"], 30)
    queue.hide(got["second"], 5)

    bodies, at = queue.comes_back()
    assert bodies == ["first", "second"]
    assert earliest <= at <= latest + LATE_SECONDS


def test_a_group_stays_closed_while_one_of_its_messages_is_in_flight(queues: Queues) -> None:
    """That an earlier one is back does not open the group.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html, ReceiveRequestAttemptId
    """
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    for body in ("first", "second"):
        queue.send(body, MessageGroupId="g")
    got = {each["Body"]: each for each in queue.receive_all(2)}
    queue.hide(got["first"], 0)
    assert queue.receive() == []

    queue.delete_message(got["second"])
    assert queue.comes_back()[0] == ["first"]


def test_where_groups_are_deduplicated_apart_an_id_counts_in_each(queues: Queues) -> None:
    """``DeduplicationScope``: "whether message deduplication occurs at the message group or queue level".

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    apart = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    for scope, count in ((apart, 2), ({}, 1)):
        queue = queues.create(fifo=True, **scope)
        for group in ("a", "b", "a"):
            queue.send("same", MessageGroupId=group, MessageDeduplicationId="same")
        assert queue.count() == count


def test_a_receive_that_is_repeated_returns_the_same_messages(queues: Queues) -> None:
    """ "During a visibility timeout, subsequent calls with the same ReceiveRequestAttemptId return the same messages and receipt handles",
    unless they "have been modified (deleted or had their visibility changes)".

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
    """
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    for body in ("first", "second"):
        queue.send(body)
    got = queue.receive(ReceiveRequestAttemptId="one")
    assert [each["Body"] for each in got] == ["first", "second"]
    assert queue.receive() == queue.receive(ReceiveRequestAttemptId="another") == []
    again = [queue.receive(ReceiveRequestAttemptId="one") for _ in range(2)]
    assert [[(each["Body"], each["ReceiptHandle"]) for each in repeated] for repeated in again] == [
        [(each["Body"], each["ReceiptHandle"]) for each in got]
    ] * 2

    queue.delete_message(got[0])
    assert queue.receive(ReceiveRequestAttemptId="one") == []
    queue.hide(got[1], 0)
    [second] = queue.receive(ReceiveRequestAttemptId="one")
    queue.hide(second, 500)
    assert queue.receive(ReceiveRequestAttemptId="one") == []


def test_a_receive_that_is_repeated_begins_the_visibility_timeout_anew(queues: Queues) -> None:
    """ "If a retry occurs within the deduplication interval, it resets the visibility timeout": the same page."""
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    queue.send("m")
    queue.receive_all(1, ReceiveRequestAttemptId="one")
    before = queue.now()
    assert queue.receive(ReceiveRequestAttemptId="one", VisibilityTimeout=5)
    bodies, at = queue.comes_back()
    assert bodies == ["m"]
    assert before + 4.5 <= at <= before + 5 + LATE_SECONDS


def test_a_hidden_group_holds_no_other_group_back(queues: Queues) -> None:
    """Other groups are processed meanwhile.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html
    """
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    queue.send("slow", MessageGroupId="slow")
    queue.send("quick", MessageGroupId="quick")
    got = {each["Body"]: each for each in queue.receive_all(2)}
    slow, quick = queue.hide(got["slow"], 40), queue.hide(got["quick"], 5)

    bodies, at = queue.comes_back()
    assert bodies == ["quick"]
    assert quick[0] <= at <= quick[1] + LATE_SECONDS
    bodies, at = queue.comes_back()
    assert bodies == ["slow"]
    assert slow[0] <= at <= slow[1] + LATE_SECONDS


def test_hidden_groups_neither_stop_the_clock_nor_set_it_back(endpoint: Endpoint, queues: Queues) -> None:
    """A visibility timeout ends when it is over, whatever else is hidden.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """
    queue = queues.create(fifo=True, VisibilityTimeout="600")
    queue.send("1", MessageGroupId="one")
    queue.send("2", MessageGroupId="other")
    got = {each["Body"]: each for each in queue.receive_all(2)}
    _, until = queue.hide(got["1"], 60)
    queue.hide(got["2"], 5)

    shown, over = [endpoint.clock.now_ms()], threading.Event()

    def watch() -> None:
        while not over.wait(0.0005):
            shown.append(endpoint.clock.now_ms())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        # Not received, so that nothing but the clock is looked at.
        wait_for(lambda: endpoint.clock.now_ms() / 1000 > until, seconds=90)
    finally:
        over.set()
        watching.join()
    assert all(before <= after for before, after in pairwise(shown))
    assert sorted(queue.comes_back()[0]) == ["1", "2"]


def test_a_mapping_of_a_fifo_queue_is_on_time_while_another_message_is_hidden_for_long(
    function: Create, queues: Queues
) -> None:
    """A message is back after its visibility timeout, and Lambda polls for it all the time.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    on_time(queues, function(ALWAYS_FAILS, timeout=5))


@pytest.mark.heavy
@pytest.mark.in_process
def test_a_mapping_of_a_fifo_queue_is_on_time_at_the_highest_scale(tmp_path: Path) -> None:
    """As above: a scale is no excuse (docs/clock.md)."""
    with (
        LocalStack(tmp_path, cache=PLACES.cache, clock_scale=MOST_SCALE) as engine,
        ExitStack() as stack,
    ):
        endpoint = engine.start()
        on_time(Queues(endpoint, stack), create_function(endpoint, ALWAYS_FAILS, timeout=5))


def on_time(queues: Queues, function: Function) -> None:
    """The function, which fails, is called each time that its message's 5 s are over, while others are hidden for longer."""
    for seconds in (70, 600):
        other = queues.create(fifo=True, VisibilityTimeout=str(seconds))
        other.send("hidden")
        other.receive_all(1)
    queue = queues.create(fifo=True, VisibilityTimeout="5")
    queue.feeds(function.name)
    queue.send("m")

    endpoint = queues.endpoint
    wait_for(lambda: len(invocations(endpoint, function)) >= 5, seconds=60)
    starts = sorted(each.started_at_ms / 1000 for each in invocations(endpoint, function))
    # The first gap has the function's start in it.
    gaps = [after - before for before, after in pairwise(starts)][1:]
    assert all(4.5 <= gap <= 5 + LATE_SECONDS for gap in gaps), gaps


def invocations(endpoint: Endpoint, function: Function) -> list[Invocation]:
    assert endpoint.recording is not None
    return [
        each for each in RecordingFile(endpoint.recording).read().invocations.values() if each.function == function.name
    ]
