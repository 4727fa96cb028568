"""Dead-letter queues, redrive out of them, and retention."""

from __future__ import annotations

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context, redrive_to
from taskguard.conformance.pages import sqs_api, sqs_guide
from taskguard.conformance.queues import Queue, bodies_of

_DEAD = sqs_guide("sqs-dead-letter-queues")
_REDRIVE = sqs_guide("sqs-configure-dead-letter-queue-redrive")
_RETENTION = sqs_guide("setting-up-dead-letter-queue-retention")
_ATTRIBUTES = sqs_api("SetQueueAttributes")
_MOVE = sqs_api("StartMessageMoveTask")


def _let_die(queue: Queue, receives: int = 1, count: int = 1) -> None:
    """Receive each message as often as allowed, and let it come back; the receive after that moves them."""
    for _ in range(receives):
        for message in queue.wait_for(count):
            queue.hide(message, 0)
    queue.receive(wait=0)


def _one_dead(context: Context, *, fifo: bool = False) -> tuple[Queue, Queue]:
    queue, dead = context.with_dead_letters(1, fifo=fifo)
    queue.send("dead", group="a" if fifo else None)
    _let_die(queue)
    context.wait_until(
        lambda: queue.receive() or dead.counts()[0] == 1, "the message did not reach the dead-letter queue"
    )
    return queue, dead


@behaviour(
    "dead-letter",
    "A message that was received maxReceiveCount times is moved to the dead-letter queue, not before.",
    _DEAD,
)
def dead_letter(context: Context) -> None:
    queue, dead = context.with_dead_letters(3)
    queue.send("poison")
    for number in range(3):
        (message,) = queue.wait_for()
        expect(dead.counts()[0] == 0, f"it was moved at receive {number + 1} of 3")
        queue.hide(message, 0)
    expect(not queue.receive(), "it was received a fourth time")
    (moved,) = dead.take()
    expect(moved["Body"] == "poison", f"{moved['Body']} was moved")


@behaviour("dead-letter-source", "A dead letter has the attribute DeadLetterQueueSourceArn.", sqs_api("ReceiveMessage"))
def dead_letter_source(context: Context) -> None:
    queue, dead = _one_dead(context)
    (message,) = dead.take()
    got = message["Attributes"].get("DeadLetterQueueSourceArn")
    expect(got == queue.arn, f"DeadLetterQueueSourceArn is {got}")


@behaviour("dead-letter-keeps-attributes", "A dead letter keeps its body and its message attributes.", _DEAD)
def dead_letter_attributes(context: Context) -> None:
    queue, dead = context.with_dead_letters(1)
    queue.send('{"a": 1}', MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    _let_die(queue)
    (message,) = dead.take()
    expect(message["Body"] == '{"a": 1}', f"its body came as {message['Body']}")
    got = message.get("MessageAttributes", {}).get("kind", {}).get("StringValue")
    expect(got == "x", f"its attribute came as {got}")


@behaviour(
    "dead-letter-sent-timestamp",
    "The enqueue timestamp of a standard queue's message stays when it is moved.",
    _RETENTION,
)
def sent_timestamp(context: Context) -> None:
    queue, dead = context.with_dead_letters(1)
    queue.send()
    (message,) = queue.wait_for()
    context.let_pass(8)
    queue.hide(message, 0)
    queue.receive()
    (moved,) = dead.take()
    before, after = (each["Attributes"]["SentTimestamp"] for each in (message, moved))
    expect(before == after, f"SentTimestamp became {(int(after) - int(before)) / 1000:.1f} s later")


@behaviour("dead-letter-queue-must-exist", "A queue must be there before it can be a dead-letter queue.", _DEAD)
def must_exist(context: Context) -> None:
    queue = context.queue()
    with context.refused("a dead-letter queue that does not exist"):
        queue.set(RedrivePolicy=redrive_to(f"{queue.arn}-not-there", 3))


@behaviour("dead-letter-queue-of-other-type-refused", "The dead-letter queue of a FIFO queue is a FIFO queue.", _DEAD)
def other_type(context: Context) -> None:
    dead = context.queue()
    with context.refused("a FIFO queue with a standard dead-letter queue"):
        context.queue(fifo=True, RedrivePolicy=redrive_to(dead.arn, 3))


for _receives in (0, 1001):

    @behaviour(
        f"max-receive-count-{_receives}-refused",
        "maxReceiveCount is 1 to 1,000.",
        sqs_guide("sqs-configure-dead-letter-queue"),
    )
    def _max_receive_count(context: Context, receives: int = _receives) -> None:
        with context.refused(f"maxReceiveCount {receives}"):
            context.with_dead_letters(receives)


@behaviour(
    "redrive-allow-none",
    "With redrivePermission denyAll no queue can use this one as its dead-letter queue.",
    _ATTRIBUTES,
)
def allow_none(context: Context) -> None:
    dead = context.queue(RedriveAllowPolicy={"redrivePermission": "denyAll"})
    with context.refused("a dead-letter queue that denies all"):
        context.queue(RedrivePolicy=redrive_to(dead.arn, 3))


@behaviour(
    "redrive-allow-by-queue", "With redrivePermission byQueue only the named queues can use this one.", _ATTRIBUTES
)
def allow_by_queue(context: Context) -> None:
    named = context.queue()
    dead = context.queue(RedriveAllowPolicy={"redrivePermission": "byQueue", "sourceQueueArns": [named.arn]})
    named.set(RedrivePolicy=redrive_to(dead.arn, 3))
    with context.refused("a queue that is not named"):
        context.queue(RedrivePolicy=redrive_to(dead.arn, 3))


@behaviour(
    "dead-letter-sources",
    "ListDeadLetterSourceQueues lists the queues whose dead-letter queue this is.",
    sqs_api("ListDeadLetterSourceQueues"),
)
def sources(context: Context) -> None:
    queue, dead = context.with_dead_letters(3)
    got = context.sqs.list_dead_letter_source_queues(QueueUrl=dead.url).get("queueUrls", [])
    expect(got == [queue.url], f"it lists {got}")


@behaviour(
    "kept-without-dead-letter-queue",
    "A queue retains a message until it is deleted or its retention period is over, also when its dead-letter queue is deleted.",
    _ATTRIBUTES,
)
def without_dead_letter_queue(context: Context) -> None:
    queue, dead = context.with_dead_letters(1)
    queue.send()
    context.sqs.delete_queue(QueueUrl=dead.url)
    _let_die(queue)
    expect(queue.receive() or sum(queue.counts()) == 1, "the message is gone")


@behaviour("redrive", "StartMessageMoveTask moves dead letters back to the queue that they came from.", _MOVE)
def redrive(context: Context) -> None:
    queue, dead = _one_dead(context)
    context.sqs.start_message_move_task(SourceArn=dead.arn)
    (message,) = queue.take()
    expect(message["Body"] == "dead", f"{message['Body']} came")
    context.wait_until(lambda: sum(dead.counts()) == 0, "it is in the dead-letter queue still")


@behaviour("redrive-elsewhere", "StartMessageMoveTask moves dead letters to DestinationArn, if one is given.", _MOVE)
def redrive_elsewhere(context: Context) -> None:
    _, dead = _one_dead(context)
    elsewhere = context.queue()
    context.sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=elsewhere.arn)
    elsewhere.take()


@behaviour("redrive-makes-new-messages", "Redriven messages are new ones, with another message id.", _REDRIVE)
def redrive_new(context: Context) -> None:
    queue, dead = context.with_dead_letters(1)
    before = queue.send()["MessageId"]
    _let_die(queue)
    context.wait_until(lambda: dead.counts()[0] == 1, "the message did not reach the dead-letter queue")
    context.sqs.start_message_move_task(SourceArn=dead.arn)
    (message,) = queue.take()
    expect(message["MessageId"] != before, "the message id stayed as it was")
    count = message["Attributes"]["ApproximateReceiveCount"]
    expect(count == "1", f"its receive count is {count}")


@behaviour(
    "redrive-is-listed",
    "ListMessageMoveTasks tells how many messages a task has moved, and its status.",
    sqs_api("ListMessageMoveTasks"),
)
def redrive_listed(context: Context) -> None:
    queue, dead = _one_dead(context)
    context.sqs.start_message_move_task(SourceArn=dead.arn)
    queue.take()

    def task() -> dict[str, object]:
        tasks = context.sqs.list_message_move_tasks(SourceArn=dead.arn).get("Results", [])
        return dict(tasks[0]) if tasks else {}

    context.wait_until(lambda: task().get("Status") == "COMPLETED", f"the task is {task()}")
    moved = task().get("ApproximateNumberOfMessagesMoved")
    expect(moved == 1, f"it has moved {moved}")


@behaviour("redrive-of-other-queue-refused", "A message move task's source is a dead-letter queue.", _MOVE)
def redrive_refused(context: Context) -> None:
    queue = context.queue()
    with context.refused("a source that is no dead-letter queue"):
        context.sqs.start_message_move_task(SourceArn=queue.arn)


@behaviour(
    "fifo-dead-letters-of-one-id",
    "Two messages that share a deduplication id are both kept as dead letters: it becomes the message id on the way.",
    _REDRIVE,
)
def fifo_one_id(context: Context) -> None:
    dead = context.queue(fifo=True)
    # With an id per group, both can be sent within 5 minutes.
    scoped = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    queue = context.queue(fifo=True, RedrivePolicy=redrive_to(dead.arn, 1), **scoped)
    for group in ("a", "b"):
        queue.send(f"of {group}", group=group, MessageDeduplicationId="same")
    _let_die(queue, count=2)
    context.wait_until(lambda: queue.receive() or sum(queue.counts()) == 0, "the messages are in their queue still")
    got = bodies_of(dead.receive()) if sum(dead.counts()) < 2 else bodies_of(dead.wait_for(2))
    expect(got == ["of a", "of b"], f"the dead-letter queue has {got}")


@behaviour(
    "fifo-redrive-within-5-minutes",
    "A redriven message is a new one, so one that was sent less than 5 minutes ago arrives as well.",
    _REDRIVE,
)
def fifo_redrive(context: Context) -> None:
    queue, dead = _one_dead(context, fifo=True)
    context.sqs.start_message_move_task(SourceArn=dead.arn)
    context.wait_until(lambda: sum(dead.counts()) == 0, "it is in the dead-letter queue still")
    context.let_pass(5)
    expect(sum(queue.counts()) == 1, "it is in neither queue")
    (message,) = queue.take()
    expect(message["Body"] == "dead", f"{message['Body']} came")


@behaviour("retention", "A message is deleted when the retention period is over.", _ATTRIBUTES, seconds=100)
def retention(context: Context) -> None:
    queue = context.queue(MessageRetentionPeriod=60)
    queue.send()
    context.let_pass(90)
    expect(not queue.receive(), "it was there after 90 s, with a period of 60 s")


@behaviour(
    "retained-until-then", "A message is there as long as its retention period is not over.", _ATTRIBUTES, seconds=60
)
def retained(context: Context) -> None:
    queue = context.queue(MessageRetentionPeriod=120)
    queue.send()
    context.let_pass(50)
    expect(queue.receive(), "it was gone after 50 s, with a period of 120 s")


@behaviour(
    "retention-counts-from-the-first-send",
    "A dead letter of a standard queue expires by when it was first sent, not by when it was moved.",
    _RETENTION,
    seconds=120,
)
def retention_of_dead_letter(context: Context) -> None:
    dead = context.queue(MessageRetentionPeriod=60)
    queue = context.queue(RedrivePolicy=redrive_to(dead.arn, 1))
    queue.send()
    (message,) = queue.wait_for()
    context.let_pass(45)
    queue.hide(message, 0)
    queue.receive(wait=0)
    context.let_pass(40)
    expect(not dead.receive(), "it was there 85 s after it was sent and 40 s after it was moved, with a period of 60 s")
