"""Receiving from standard queues: visibility timeouts, receive counts, timestamps, long polling."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from botocore.exceptions import ClientError

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context, in_good_time
from taskguard.conformance.pages import sqs_api, sqs_guide

_VISIBILITY = sqs_guide("sqs-visibility-timeout")
_CHANGE = sqs_api("ChangeMessageVisibility")


@behaviour("visibility-timeout", "A message that is not deleted can be received again after the timeout.", _VISIBILITY)
def visibility_timeout(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=10)
    queue.send()
    begun = context.now()
    queue.wait_for()
    queue.take()
    in_good_time(context.now() - begun, 10)


@behaviour(
    "in-flight-is-hidden", "As long as a message is in flight, nobody else receives it.", _VISIBILITY, seconds=60
)
def in_flight(context: Context) -> None:
    queue = context.queue()
    queue.send()
    queue.wait_for()
    context.let_pass(40)
    expect(not queue.receive(), "it was received again within 300 s")


@behaviour(
    "visibility-of-a-receive",
    "VisibilityTimeout of ReceiveMessage replaces the queue's.",
    sqs_api("ReceiveMessage"),
)
def visibility_of_receive(context: Context) -> None:
    queue = context.queue()
    queue.send()
    begun = context.now()
    queue.wait_for(VisibilityTimeout=7)
    queue.take()
    in_good_time(context.now() - begun, 7)


@behaviour("visibility-changed", "A changed timeout counts from the change, not from the receive.", _CHANGE)
def visibility_changed(context: Context) -> None:
    queue = context.queue()
    queue.send()
    (message,) = queue.wait_for()
    context.let_pass(5)
    begun = context.now()
    queue.hide(message, 10)
    queue.take()
    in_good_time(context.now() - begun, 10)


@behaviour("visibility-of-zero", "A timeout that is changed to 0 makes the message visible at once.", _VISIBILITY)
def visibility_zero(context: Context) -> None:
    queue = context.queue()
    queue.send()
    (message,) = queue.wait_for()
    begun = context.now()
    queue.hide(message, 0)
    queue.take()
    in_good_time(context.now() - begun, 0)


@behaviour(
    "visibility-beyond-12-hours-refused", "A message is in flight for 12 hours in all, at most.", _CHANGE, seconds=30
)
def visibility_in_all(context: Context) -> None:
    queue = context.queue()
    queue.send()
    (message,) = queue.wait_for()
    context.let_pass(10)
    with context.refused("12 hours more, 10 s after the message was received"):
        queue.hide(message, 43_200)


@behaviour("visibility-of-43201-refused", "A visibility timeout is 43,200 seconds at most.", _CHANGE)
def visibility_43201(context: Context) -> None:
    queue = context.queue()
    queue.send()
    (message,) = queue.wait_for()
    with context.refused("43,201 seconds"):
        queue.hide(message, 43_201)


@behaviour(
    "visible-message-not-changed",
    "The timeout of a message that is not in flight cannot be changed.",
    _CHANGE,
)
def visible_not_changed(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=3)
    queue.send()
    (message,) = queue.wait_for()
    context.let_pass(6)
    # The page has an error for it; SQS was seen to answer, and to do nothing (https://github.com/localstack/localstack/pull/9632).
    with suppress(ClientError):
        queue.hide(message, 300)
    expect(queue.receive(), "a message whose timeout was over was hidden again")


@behaviour("foreign-handle-refused", "A receipt handle that is none is refused.", sqs_api("DeleteMessage"))
def foreign_handle(context: Context) -> None:
    queue = context.queue()
    with context.refused("the receipt handle `none`"):
        queue.delete({"ReceiptHandle": "none"})


@behaviour("deleted-stays-away", "A deleted message does not come again.", sqs_api("DeleteMessage"), seconds=30)
def deleted(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=5)
    queue.send()
    queue.take()
    context.let_pass(10)
    expect(not queue.receive(), "it was received once more")


@behaviour("receive-count", "ApproximateReceiveCount says how often a message was received.", sqs_api("ReceiveMessage"))
def receive_count(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=2)
    queue.send()
    counts = [queue.wait_for()[0]["Attributes"]["ApproximateReceiveCount"] for _ in range(3)]
    expect(counts == ["1", "2", "3"], f"the counts were {counts}")


@behaviour(
    "timestamps",
    "SentTimestamp and ApproximateFirstReceiveTimestamp are milliseconds, and stay when a message comes again.",
    sqs_api("ReceiveMessage"),
)
def timestamps(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=5)
    begun = context.now()
    queue.send()
    first, second = (queue.wait_for()[0]["Attributes"] for _ in range(2))
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        after = int(first[name]) / 1000 - begun
        expect(-5 <= after <= 10, f"{name} is {after:.1f} s after it was sent")
        expect(first[name] == second[name], f"{name} became another: {first[name]}, then {second[name]}")


@behaviour(
    "new-receipt-handle",
    "Each receive gives a message another receipt handle.",
    sqs_guide("sqs-queue-message-identifiers"),
)
def new_handle(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=2)
    queue.send()
    one, two = (queue.wait_for()[0]["ReceiptHandle"] for _ in range(2))
    expect(one != two, "two receives gave one handle")


@behaviour(
    "counts",
    "A queue tells how many messages are visible, in flight and delayed.",
    sqs_api("GetQueueAttributes"),
)
def counts(context: Context) -> None:
    queue = context.queue(VisibilityTimeout=600)
    queue.send_all(["one", "two", "three"])
    queue.send(DelaySeconds=600)
    queue.wait_for(1)
    context.wait_until(lambda: queue.counts() == (2, 1, 1), "visible, in flight and delayed were not 2, 1 and 1")


@behaviour(
    "long-poll-ends-with-a-message",
    "A long poll answers as soon as there is a message.",
    sqs_guide("sqs-short-and-long-polling"),
)
def long_poll(context: Context) -> None:
    queue = context.queue()
    threading.Timer(1.0, queue.send).start()
    begun = time.monotonic()
    found = queue.receive(wait=20)
    expect(found, "it answered without the message that was sent meanwhile")
    took = time.monotonic() - begun
    expect(0.8 <= took <= 10, f"the answer came after {took:.1f} s, the message after 1 s")


@behaviour(
    "long-poll-ends-empty",
    "A long poll of an empty queue answers when its time is over.",
    sqs_guide("sqs-short-and-long-polling"),
)
def long_poll_empty(context: Context) -> None:
    queue, begun = context.queue(), time.monotonic()
    expect(not queue.receive(wait=3), "it answered with a message")
    took = time.monotonic() - begun
    expect(2.5 <= took <= 10, f"it answered after {took:.1f} s, not 3")


@behaviour("wait-of-21-refused", "WaitTimeSeconds are 20 at most.", sqs_api("ReceiveMessage"))
def wait_21(context: Context) -> None:
    queue = context.queue()
    with context.refused("a wait of 21 s"):
        queue.receive(wait=21)


@behaviour("eleven-messages-refused", "MaxNumberOfMessages is 10 at most.", sqs_api("ReceiveMessage"))
def eleven_messages(context: Context) -> None:
    queue = context.queue()
    with context.refused("eleven messages at once"):
        queue.receive(11)
