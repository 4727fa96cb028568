"""Whether a queue holds a message that can be received now, and waiting until it does. It must not know who receives."""

from localstack.services.sqs.models import FifoQueue, SqsQueue


def is_receivable(queue: SqsQueue) -> bool:
    """Whether there is a message to receive."""
    if isinstance(queue, FifoQueue):
        # A group stays in line after its last message has been deleted.
        return any(not group.empty() for group in tuple(queue.message_group_queue.queue))
    return bool(queue.visible.queue)


def wait_until_receivable(queue: SqsQueue, seconds: float) -> bool:
    """Whether there is a message to receive, after having waited for one for up to ``seconds`` of real time."""
    line = queue.message_group_queue if isinstance(queue, FifoQueue) else queue.visible
    with line.not_empty:
        return is_receivable(queue) or (line.not_empty.wait(seconds) and is_receivable(queue))


def end_wait(queue: SqsQueue) -> None:
    """Let who waits for a message of this queue look around now."""
    line = queue.message_group_queue if isinstance(queue, FifoQueue) else queue.visible
    with line.not_empty:
        line.not_empty.notify_all()
