"""LocalStack: a queue is looked at when its next message is due, and not once a second.

SQS returns messages whose visibility timeout or delay has passed. LocalStack finds them by a look at the clock once a second,
which makes every backoff up to a second too long; SQS itself has no such step. Each queue's worker gets one of the engine's
timetables instead, and what puts a message off is told to them.

Needed until LocalStack's own worker keeps to the deadlines, on a clock that may run fast: ``tests/engine/test_clock.py`` and
``tests/pipeline/test_retry_path.py`` fail without it.
"""

import time
from collections.abc import Callable
from typing import Any

from localstack.services.sqs.models import FifoQueue, SqsQueue, StandardQueue
from localstack.services.sqs.provider import QueueUpdateWorker
from localstack.utils.threads import start_thread

from taskguard.engine.events.deadlines import Deadlines


def apply() -> None:
    deadlines = Deadlines()
    deadlines.set_the_pace()
    _work_by(deadlines)
    _tell_of_visibility_timeouts(deadlines)
    for kind in (StandardQueue, FifoQueue):
        kind.put = _telling_of_delays(kind.put, deadlines)


def _work_by(deadlines: Deadlines) -> None:
    def start(worker: QueueUpdateWorker) -> None:
        with worker.mutex:
            if worker.thread is None:
                worker.scheduler = timetable = deadlines.timetable_for(worker)
                worker.thread = start_thread(lambda *_: timetable.run(), name="sqs-queue-update-worker")

    QueueUpdateWorker.start = start


def _tell_of_visibility_timeouts(deadlines: Deadlines) -> None:
    put_in_flight, put_off = SqsQueue.add_inflight_message, SqsQueue.update_visibility_timeout

    def add_inflight_message(queue: SqsQueue, message: Any) -> None:
        # LocalStack does this outside of the lock under which it goes through what is in flight.
        with queue.mutex:
            put_in_flight(queue, message)
        deadlines.add(message.visibility_deadline)

    def update_visibility_timeout(queue: SqsQueue, receipt_handle: str, visibility_timeout: int) -> None:
        put_off(queue, receipt_handle, visibility_timeout)
        deadlines.add(time.time() + visibility_timeout)

    SqsQueue.add_inflight_message, SqsQueue.update_visibility_timeout = add_inflight_message, update_visibility_timeout


def _telling_of_delays(put: Callable[..., Any], deadlines: Deadlines) -> Callable[..., Any]:
    def telling(*args: Any, **kwargs: Any) -> Any:
        message = put(*args, **kwargs)
        if message.is_delayed:
            deadlines.add(message.created + message.delay_seconds)
        return message

    return telling
