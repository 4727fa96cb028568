"""LocalStack: a message that is moved to another queue arrives there, or stays where it is.

* "When a message is moved from a FIFO queue to a FIFO DLQ, the original message's deduplication ID will be replaced with the
  original message's ID", and "all redriven messages are considered new messages with a new messageID and enqueueTime"
  (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html).
  LocalStack moves them as they are. A FIFO queue then takes a message for one that it has seen within five minutes, and drops it.
* A queue whose dead-letter queue has been deleted keeps its messages. LocalStack takes them out, and finds no queue to put them
  into.

Needed until LocalStack does so: ``tests/engine/test_moved_messages.py`` fails without it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from localstack.aws.api.sqs import Message
from localstack.services.sqs.models import FifoQueue, SqsQueue, StandardQueue
from localstack.services.sqs.provider import MessageMoveTaskManager
from localstack.services.sqs.utils import generate_message_id
from localstack.utils.time import now

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.faults.messages import find_queue

_SOURCE = "DeadLetterQueueSourceArn"
_STAYS = ("SenderId", "AWSTraceHeader")

_redriving = ContextVar("redriving", default=False)
"""Whether it is a move task that receives and puts."""


def apply() -> None:
    for kind in (StandardQueue, FifoQueue):
        kind.put = _heeding_moves(kind.put)
    _redrive_in_one_go()
    _count_receives_only_with_a_dead_letter_queue()


def _heeding_moves(put: Callable[..., Any]) -> Callable[..., Any]:
    def heeding(queue: SqsQueue, message: Message, **options: Any) -> Any:
        is_fifo = isinstance(queue, FifoQueue)
        if _redriving.get():
            message = _as_new(message)
        elif is_fifo and _SOURCE in (message.get("Attributes") or ()):
            message["Attributes"]["SentTimestamp"] = str(now(millis=True))
        else:
            return put(queue, message, **options)
        return put(queue, message, **options | {"message_deduplication_id": message["MessageId"] if is_fifo else None})

    return heeding


def _as_new(message: Message) -> Message:
    stays = {name: value for name, value in message["Attributes"].items() if name in _STAYS}
    attributes = {**stays, "SentTimestamp": str(now(millis=True))}
    return Message(**message | {"MessageId": generate_message_id(), "Attributes": attributes})


def _redrive_in_one_go() -> None:
    run = MessageMoveTaskManager._run

    def redrive(manager: MessageMoveTaskManager, task: Any) -> None:
        _redriving.set(True)
        # Each message is hidden for a second only, until it is moved.
        with pacer().work():
            run(manager, task)

    MessageMoveTaskManager._run = redrive


def _count_receives_only_with_a_dead_letter_queue() -> None:
    count = SqsQueue.max_receive_count.fget

    def max_receive_count(queue: SqsQueue) -> int | None:
        policy = queue.redrive_policy
        if policy is None or _redriving.get() or find_queue(policy["deadLetterTargetArn"]) is None:
            return None
        return int(count(queue))

    SqsQueue.max_receive_count = property(max_receive_count)
