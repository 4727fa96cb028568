"""Message groups of a FIFO queue: which messages come, in which order, and when; by a clock that may run fast."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from taskguard.evidence.recorder.recording import Invocation, RecordingFile
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import Create, Function, create_function
from tests.places import PLACES

ALWAYS_FAILS = """
def handler(event, context):
    raise RuntimeError("on purpose")
"""

LATE_SECONDS = 2.0
"""As late as a message may be back (docs/engines.md)."""

CreateQueue = Callable[..., str]


@pytest.fixture
def fifo(endpoint: Endpoint) -> Iterator[CreateQueue]:
    """A new FIFO queue's address; gone after the test, with what it hides."""
    with ExitStack() as stack:
        yield lambda **attributes: create_fifo(endpoint, stack, **attributes)


def create_fifo(endpoint: Endpoint, stack: ExitStack, **attributes: str) -> str:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} | attributes
    url = endpoint.sqs().create_queue(QueueName=f"fifo-{uuid4().hex[:8]}.fifo", Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    stack.callback(endpoint.sqs().delete_queue, QueueUrl=url)
    return url


def send(endpoint: Endpoint, url: str, group: str, *bodies: str) -> None:
    for body in bodies:
        endpoint.sqs().send_message(QueueUrl=url, MessageGroupId=group, MessageBody=body)


def receive(endpoint: Endpoint, url: str, wait_seconds: int = 0) -> list[dict[str, Any]]:
    answer = endpoint.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    return [dict(each) for each in answer.get("Messages", [])]


def receive_all(endpoint: Endpoint, url: str, count: int) -> dict[str, dict[str, Any]]:
    """By their bodies, that many messages that are there by now, received."""
    found: dict[str, dict[str, Any]] = {}

    def all_there() -> bool:
        found.update({each["Body"]: each for each in receive(endpoint, url)})
        return len(found) >= count

    wait_for(all_there, seconds=10)
    return found


def hide(endpoint: Endpoint, url: str, message: dict[str, Any], seconds: int) -> float:
    """Until when it is hidden, on the pipeline's clock."""
    endpoint.sqs().change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
    )
    return endpoint.clock.now_ms() / 1000 + seconds


def comes_back(endpoint: Endpoint, url: str) -> tuple[list[str], float]:
    """The bodies that the queue gives next, and when, on the pipeline's clock."""
    # Who asks again and again may ask when the clock runs fast again already.
    got = wait_for(lambda: receive(endpoint, url, wait_seconds=10), seconds=90)
    return [each["Body"] for each in got], endpoint.clock.now_ms() / 1000


def test_of_two_messages_of_a_group_the_later_one_waits_for_the_earlier(endpoint: Endpoint, fifo: CreateQueue) -> None:
    """No message of a group comes while another one of it is invisible, and they come in order.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html
    """
    url = fifo(VisibilityTimeout="600")
    send(endpoint, url, "g", "first", "second")
    got = receive_all(endpoint, url, 2)
    until = hide(endpoint, url, got["first"], 30)
    hide(endpoint, url, got["second"], 5)

    bodies, at = comes_back(endpoint, url)
    assert bodies == ["first", "second"]
    assert until - 0.5 <= at <= until + LATE_SECONDS


def test_a_group_stays_closed_while_one_of_its_messages_is_in_flight(endpoint: Endpoint, fifo: CreateQueue) -> None:
    """That an earlier one is back does not open the group.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html, ReceiveRequestAttemptId
    """
    url = fifo(VisibilityTimeout="600")
    send(endpoint, url, "g", "first", "second")
    got = receive_all(endpoint, url, 2)
    hide(endpoint, url, got["first"], 0)
    assert receive(endpoint, url) == []

    endpoint.sqs().delete_message(QueueUrl=url, ReceiptHandle=got["second"]["ReceiptHandle"])
    assert comes_back(endpoint, url)[0] == ["first"]


def test_a_hidden_group_holds_no_other_group_back(endpoint: Endpoint, fifo: CreateQueue) -> None:
    """Other groups are processed meanwhile.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html
    """
    url = fifo(VisibilityTimeout="600")
    send(endpoint, url, "slow", "slow")
    send(endpoint, url, "quick", "quick")
    got = receive_all(endpoint, url, 2)
    slow_until = hide(endpoint, url, got["slow"], 40)
    quick_until = hide(endpoint, url, got["quick"], 5)

    bodies, at = comes_back(endpoint, url)
    assert bodies == ["quick"]
    assert quick_until - 0.5 <= at <= quick_until + LATE_SECONDS
    bodies, at = comes_back(endpoint, url)
    assert bodies == ["slow"]
    assert slow_until - 0.5 <= at <= slow_until + LATE_SECONDS


def test_hidden_groups_neither_stop_the_clock_nor_set_it_back(endpoint: Endpoint, fifo: CreateQueue) -> None:
    """A visibility timeout ends when it is over, whatever else is hidden.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """
    url = fifo(VisibilityTimeout="600")
    send(endpoint, url, "one", "1")
    send(endpoint, url, "other", "2")
    got = receive_all(endpoint, url, 2)
    until = hide(endpoint, url, got["1"], 60)
    hide(endpoint, url, got["2"], 5)

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
    assert sorted(comes_back(endpoint, url)[0]) == ["1", "2"]


def test_a_mapping_of_a_fifo_queue_is_on_time_while_another_message_is_hidden_for_long(
    endpoint: Endpoint, function: Create, fifo: CreateQueue
) -> None:
    """A message is back after its visibility timeout, and Lambda polls for it all the time.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    with ExitStack() as stack:
        on_time(endpoint, function(ALWAYS_FAILS), stack, fifo(VisibilityTimeout="5"))


@pytest.mark.heavy
@pytest.mark.in_process
@pytest.mark.parametrize("scale", [60.0, 1000.0])
def test_a_mapping_of_a_fifo_queue_is_on_time_at_any_scale(
    scale: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As above, on an engine that can do nothing else but run fast."""
    with LocalStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache, clock_scale=scale) as engine:
        endpoint = engine.start()
        with ExitStack() as stack:
            url = create_fifo(endpoint, stack, VisibilityTimeout="5")
            on_time(endpoint, create_function(endpoint, ALWAYS_FAILS), stack, url)


def on_time(endpoint: Endpoint, function: Function, stack: ExitStack, url: str) -> None:
    """The function, which fails, is called each time that its message's 5 s are over, while others are hidden for longer."""
    sqs, lambdas = endpoint.sqs(), endpoint.functions()
    for seconds in (70, 600):
        other = create_fifo(endpoint, stack, VisibilityTimeout=str(seconds))
        send(endpoint, other, "hidden", "hidden")
        receive_all(endpoint, other, 1)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = lambdas.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name)["UUID"]
    stack.callback(lambdas.delete_event_source_mapping, UUID=mapping)
    wait_for(lambda: lambdas.get_event_source_mapping(UUID=mapping)["State"] == "Enabled", seconds=20)

    send(endpoint, url, "g", "m")
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
