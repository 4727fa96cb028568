"""LocalStack: a message is gone when its queue's retention period is over, counted from where SQS counts.

"For standard queues, the expiration of a message is always based on its original enqueue timestamp. When a message is moved to a
dead-letter queue, the enqueue timestamp is unchanged", and "for FIFO queues, the enqueue timestamp resets when the message is moved"
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html). LocalStack
counts from the move in either, looks once a second, and while others take messages from the same heap.

Needed until LocalStack does so, with ``SQS_ENABLE_MESSAGE_RETENTION_PERIOD``: ``tests/engine/test_retention.py`` fails without it.
"""

import heapq
import time
from collections.abc import Callable
from typing import Any

from localstack import config
from localstack.services.sqs.models import FifoQueue, SqsMessage, SqsQueue, StandardQueue


def apply() -> None:
    config.SQS_ENABLE_MESSAGE_RETENTION_PERIOD = True
    StandardQueue.remove_expired_messages = _remove_expired_from_standard_queue
    FifoQueue.remove_expired_messages = _remove_expired_from_fifo_queue
    StandardQueue._put_message = _counting_from_the_first_send(_leaving_out_expired(StandardQueue._put_message))
    FifoQueue._put_message = _leaving_out_expired(FifoQueue._put_message)
    for kind in (StandardQueue, FifoQueue):
        kind.receive = _removing_expired(kind.receive)


def _remove_expired_from_standard_queue(self: StandardQueue) -> None:
    with self.visible.mutex:
        _remove_expired(self, self.visible.queue)


def _remove_expired_from_fifo_queue(self: FifoQueue) -> None:
    with self.mutex:
        if sum(_remove_expired(self, group.messages) for group in self.message_groups.values()):
            # A group that is empty is put in line when it gets a message, and must not be there twice.
            with self.message_group_queue.mutex:
                line = self.message_group_queue.queue
                waiting = [group for group in line if not group.empty()]
                line.clear()
                line.extend(waiting)


def _remove_expired(queue: SqsQueue, heap: list[SqsMessage]) -> int:
    """How many there were."""
    before = len(heap)
    while heap and _is_expired(queue, heap[0]):
        heapq.heappop(heap)
    return before - len(heap)


def _is_expired(queue: SqsQueue, message: SqsMessage) -> bool:
    return bool(message.created + queue.message_retention_period <= time.time())


def _counting_from_the_first_send(put: Callable[..., None]) -> Callable[..., None]:
    def counting(queue: StandardQueue, message: SqsMessage) -> None:
        if message.dead_letter_queue_source_arn is not None:
            # The heap's order is that of expiration.
            message.created = message.priority = int(message.message["Attributes"]["SentTimestamp"]) / 1000
        put(queue, message)

    return counting


def _leaving_out_expired(put: Callable[..., None]) -> Callable[..., None]:
    """What was hidden or delayed until after its end does not come back."""

    def leaving_out(queue: Any, message: SqsMessage) -> None:
        if not _is_expired(queue, message):
            put(queue, message)
        elif isinstance(queue, FifoQueue) and message.receive_count:
            queue.update_message_group_visibility(queue.get_message_group(message.message_group_id))

    return leaving_out


def _removing_expired(receive: Callable[..., Any]) -> Callable[..., Any]:
    def receiving(queue: SqsQueue, *args: Any, **options: Any) -> Any:
        queue.remove_expired_messages()
        return receive(queue, *args, **options)

    return receiving
