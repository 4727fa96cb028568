"""FIFO queues: order, groups, deduplication."""

from __future__ import annotations

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context, in_good_time
from taskguard.conformance.pages import sqs_api, sqs_guide
from taskguard.conformance.queues import bodies_of

_ONCE = sqs_guide("FIFO-queues-exactly-once-processing")
_LOGIC = sqs_guide("FIFO-queues-understanding-logic")
_SEND = sqs_api("SendMessage")
_CREATE = sqs_api("CreateQueue")


@behaviour("fifo-name", "A FIFO queue's name ends with .fifo.", _CREATE)
def name(context: Context) -> None:
    with context.refused("a FIFO queue without the suffix"):
        context.queue(name=context.name(), fifo=True)


@behaviour("fifo-needs-a-group", "A message of a FIFO queue has a message group id.", _SEND)
def needs_group(context: Context) -> None:
    queue = context.queue(fifo=True)
    with context.refused("a message without a group"):
        queue.send()


@behaviour(
    "fifo-needs-a-deduplication-id", "Without content-based deduplication a message has a deduplication id.", _SEND
)
def needs_id(context: Context) -> None:
    queue = context.queue(fifo=True, ContentBasedDeduplication=False)
    with context.refused("a message without a deduplication id"):
        queue.send(group="a")


@behaviour("fifo-no-delay-of-a-message", "A message of a FIFO queue has no delay of its own.", _SEND)
def no_delay(context: Context) -> None:
    queue = context.queue(fifo=True)
    with context.refused("DelaySeconds for a message"):
        queue.send(group="a", DelaySeconds=5)


@behaviour("fifo-order", "Messages of a group are received in the order in which they were sent.", _LOGIC)
def order(context: Context) -> None:
    queue, sent = context.queue(fifo=True), [str(n) for n in range(6)]
    for body in sent:
        queue.send(body, group="a")
    got: list[str] = []
    while len(got) < len(sent):
        got += [message["Body"] for message in queue.take()]
    expect(got == sent, f"they came as {got}")


@behaviour("fifo-many-of-a-group", "A receive returns as many messages of one group as there are, in order.", _LOGIC)
def many(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send_all(["1", "2", "3"], group="a")
    got = [message["Body"] for message in queue.receive()]
    expect(got == ["1", "2", "3"], f"one receive returned {got}")


@behaviour("fifo-group-waits", "While a message of a group is in flight, no other of that group is received.", _LOGIC)
def group_waits(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send_all(["1", "2"], group="a")
    (first,) = queue.wait_for(1)
    expect(not (more := queue.receive()), f"{bodies_of(more)} came while {first['Body']} was in flight")
    queue.delete(first)
    (second,) = queue.take()
    expect(second["Body"] == "2", f"then {second['Body']} came")


@behaviour("fifo-other-groups-go-on", "While a message of a group is in flight, other groups' are received.", _LOGIC)
def other_groups(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send_all(["a1", "a2"], group="a")
    queue.wait_for(1)
    queue.send("b1", group="b")
    (other,) = queue.wait_for(1)
    expect(other["Body"] == "b1", f"{other['Body']} came")


@behaviour("fifo-comes-back-first", "A message that comes back is received before later ones of its group.", _LOGIC)
def comes_back_first(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send_all(["1", "2"], group="a")
    (first,) = queue.wait_for(1)
    queue.hide(first, 0)
    (again,) = queue.wait_for(1)
    expect(again["Body"] == "1", f"{again['Body']} came")


@behaviour("fifo-sequence-numbers", "Each message has a sequence number, which rises within a group.", _SEND)
def sequence(context: Context) -> None:
    queue = context.queue(fifo=True)
    numbers = [int(queue.send(str(n), group="a").get("SequenceNumber", 0)) for n in range(3)]
    expect(numbers == sorted(set(numbers)) and numbers[0] > 0, f"the numbers are {numbers}")
    (message,) = queue.take()
    got = message["Attributes"].get("SequenceNumber")
    expect(got is not None and int(got) == numbers[0], f"the first came with {got}, sent as {numbers[0]}")


@behaviour(
    "deduplication",
    "A message with a deduplication id that was sent within 5 minutes is accepted, and not delivered.",
    _ONCE,
)
def deduplication(context: Context) -> None:
    queue = context.queue(fifo=True)
    for body in ("1", "2"):
        queue.send(body, group="a", MessageDeduplicationId="same")
    queue.take()
    expect(not (more := queue.receive()), f"{bodies_of(more)} came as well")


@behaviour(
    "deduplication-after-deletion", "A deduplication id counts for 5 minutes also when its message is deleted.", _ONCE
)
def after_deletion(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send("1", group="a", MessageDeduplicationId="same")
    queue.take()
    queue.send("2", group="a", MessageDeduplicationId="same")
    expect(not (more := queue.receive()), f"{bodies_of(more)} came")


@behaviour("deduplication-ends", "After 5 minutes a deduplication id can be used again.", _ONCE, seconds=340)
def deduplication_ends(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send("1", group="a", MessageDeduplicationId="same")
    queue.take()
    context.let_pass(310)
    queue.send("2", group="a", MessageDeduplicationId="same")
    queue.take()


@behaviour(
    "deduplication-by-content", "With content-based deduplication the body decides, and the attributes do not.", _ONCE
)
def by_content(context: Context) -> None:
    queue = context.queue(fifo=True)
    for value in ("1", "2"):
        queue.send("same", group="a", MessageAttributes={"a": {"DataType": "String", "StringValue": value}})
    queue.send("other", group="a")
    got = bodies_of(queue.take(2))
    expect(got == ["other", "same"], f"{got} came")
    expect(not queue.receive(), "the same body came twice")


@behaviour(
    "deduplication-by-group",
    "With DeduplicationScope messageGroup an id counts within its group.",
    sqs_guide("high-throughput-fifo"),
)
def by_group(context: Context) -> None:
    queue = context.queue(fifo=True, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        queue.send(f"of {group}", group=group, MessageDeduplicationId="same")
    got = bodies_of(queue.take(2))
    expect(got == ["of a", "of b"], f"{got} came")
    expect(not queue.receive(), "one of them came twice")


@behaviour(
    "receive-attempt-repeated",
    "A receive with the ReceiveRequestAttemptId of an earlier one returns the same messages.",
    sqs_api("ReceiveMessage"),
)
def attempt_repeated(context: Context) -> None:
    queue = context.queue(fifo=True)
    queue.send(group="a")
    queue.wait_for(ReceiveRequestAttemptId="same")
    expect(queue.receive(ReceiveRequestAttemptId="same"), "the same request was answered without the message")


@behaviour(
    "fifo-hidden-group-holds-no-other",
    "A group whose message is hidden for long does not hold another group's back.",
    _LOGIC,
    seconds=80,
    alone=True,
)
def hidden_group(context: Context) -> None:
    queue = context.queue(fifo=True, VisibilityTimeout=600)
    for group in ("long", "short"):
        queue.send(group, group=group)
    messages = {message["Body"]: message for message in queue.wait_for(2)}
    begun = context.now()
    queue.hide(messages["long"], 60)
    queue.hide(messages["short"], 5)
    for body, seconds in (("short", 5), ("long", 60)):
        (back,) = queue.take()
        expect(back["Body"] == body, f"{back['Body']} came back before {body}")
        in_good_time(context.now() - begun, seconds, f"the message that was hidden for {seconds} s came back")


@behaviour(
    "fifo-group-waits-for-the-longest",
    "A group stays blocked until its first message is visible again, though a later one is visible sooner.",
    _LOGIC,
    seconds=50,
    alone=True,
)
def group_waits_for_first(context: Context) -> None:
    queue = context.queue(fifo=True, VisibilityTimeout=600)
    queue.send_all(["1", "2"], group="a")
    first, second = queue.wait_for(2)
    begun = context.now()
    queue.hide(first, 30)
    queue.hide(second, 5)
    got = [message["Body"] for message in queue.take(2)]
    in_good_time(context.now() - begun, 30, "the group came back")
    expect(got == ["1", "2"], f"they came as {got}")
