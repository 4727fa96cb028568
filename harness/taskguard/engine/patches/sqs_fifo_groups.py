"""LocalStack: a message group of a FIFO queue is closed as long as one of its messages is in flight, and opens by itself.

On SQS "when a message with a specific MessageGroupId is being processed and is invisible, no other consumer can process messages
from that same group until the visibility timeout expires or the message is deleted", and other groups are not concerned
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html).
LocalStack returns what was in flight in the order in which it was received, whatever its group: the first message that is hidden
still holds back all that were received after it. And it opens a group as soon as one of its messages is back, though another is in
flight. Here each message is back when it is due, in its place, and its group is open once none of it is in flight.

Where deduplication "occurs at the message group level" (``DeduplicationScope``,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html), an id counts in each group by itself.
LocalStack remembers the group in which an id came last, and forgets the others.

Needed until LocalStack does so: ``tests/engine/test_fifo.py`` fails without it.
"""

from collections.abc import Callable
from typing import Any

from localstack.services.sqs.models import FifoQueue, SqsMessage


def apply() -> None:
    FifoQueue.put = _deduplicating_by_group(FifoQueue.put)
    FifoQueue._put_message = _put_message
    FifoQueue.requeue_inflight_messages = _requeue_inflight_messages


def _put_message(self: FifoQueue, message: Any) -> None:
    with self.mutex:
        group = self.get_message_group(message.message_group_id)
        was_empty = group.empty()
        group.push(message)
        if group not in self.inflight_groups:
            if was_empty:
                self.message_group_queue.put_nowait(group)
        # One that is new does not open its group: what is being received from it just now is not in flight yet.
        elif message.receive_count:
            self.update_message_group_visibility(group)


def _requeue_inflight_messages(self: FifoQueue) -> None:
    with self.mutex:
        for message in [message for message in self.inflight if message.is_visible]:
            del self.inflight[message]
            self._put_message(message)


def _deduplicating_by_group(put: Callable[..., SqsMessage]) -> Callable[..., SqsMessage]:
    def deduplicating(queue: FifoQueue, *args: Any, message_group_id: str | None = None, **options: Any) -> SqsMessage:
        if message_group_id is None or queue.deduplication_scope != "messageGroup":
            return put(queue, *args, message_group_id=message_group_id, **options)
        with queue.mutex:
            # Kept with the group: a purge forgets both.
            seen = vars(queue.get_message_group(message_group_id)).setdefault("deduplication", {})
            queue.deduplication = seen
            return put(queue, *args, message_group_id=message_group_id, **options)

    return deduplicating
