"""When the engine looks again, where LocalStack waits a whole second between two looks.

SQS returns messages whose visibility timeout or delay has passed by looking at the clock once a second, which makes every
backoff up to a second too long; SQS itself has no such step. Here queues are looked at when the next message is due.
CloudFormation asks a resource that is not ready once a second, and a stack has dozens.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from functools import partialmethod
from itertools import chain
from typing import Any

from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.sqs.models import FifoQueue, SqsQueue, StandardQueue
from localstack.services.sqs.provider import QueueUpdateWorker
from localstack.utils.threads import start_thread

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.events import event_source
from taskguard.engine.faults.holding import held_back

STACK_SECONDS = 0.05
_SHORTEST_WAIT_SECONDS = 0.002
_LONGEST_WAIT_SECONDS = 1.0


def quicken() -> None:
    """Let queues and stacks that are worked on from now on be looked at in time."""
    ResourceProviderExecutor.deploy_loop = partialmethod(ResourceProviderExecutor.deploy_loop, sleep_time=STACK_SECONDS)
    # Lambda has queues of its own for what is invoked asynchronously, and a worker for them.
    timetables: list[_Timetable] = []
    workers: list[QueueUpdateWorker] = []
    _tell_of_deadlines(timetables)

    def look_again() -> None:
        for timetable in timetables:
            timetable.look_again()
        held_back().look_again()

    def next_due() -> float | None:
        # Until it is received, the clock must not hurry to whatever comes after it.
        if event_source.is_about_to_deliver():
            return time.time()
        held = held_back().next_due()
        return min(chain(_due_in(workers), () if held is None else (held,)), default=None)

    pacer().next_due = next_due
    pacer().tell = look_again

    def start(worker: QueueUpdateWorker) -> None:
        with worker.mutex:
            if worker.thread is None:
                worker.scheduler = timetable = _Timetable()
                timetables.append(timetable)
                workers.append(worker)
                worker.thread = start_thread(lambda *_: timetable.run(worker), name="sqs-queue-update-worker")

    QueueUpdateWorker.start = start


class _Timetable:
    """When the next message is due, on the queues' clock."""

    def __init__(self) -> None:
        self._due: list[float] = []
        self._changed = threading.Condition()
        self._closed = False

    def add(self, due: float) -> None:
        with self._changed:
            heapq.heappush(self._due, due)
            if self._due[0] == due:
                self._changed.notify()

    def run(self, worker: QueueUpdateWorker) -> None:
        while not self._closed:
            worker.do_update_all_queues()
            self._wait()

    def look_again(self) -> None:
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _wait(self) -> None:
        # Those that become due at nearly the same time are looked for once.
        time.sleep(_SHORTEST_WAIT_SECONDS)
        until = time.monotonic() + _LONGEST_WAIT_SECONDS
        with self._changed:
            while not self._closed and (left := min(until - time.monotonic(), self._seconds_to_next())) > 0:
                self._changed.wait(left)
            now = time.time()
            is_due = bool(self._due) and self._due[0] <= now
            while self._due and self._due[0] <= now:
                heapq.heappop(self._due)
        # Not under the lock: the pacer asks for what is due under its own.
        if is_due:
            pacer().touch()

    def _seconds_to_next(self) -> float:
        return pacer().seconds_until(self._due[0]) if self._due else _LONGEST_WAIT_SECONDS


def _due_in(workers: list[QueueUpdateWorker]) -> Iterator[float]:
    """When each message that waits is due, on the queues' clock."""
    for worker in workers:
        for queue in worker.iter_queues():
            with queue.mutex:
                waiting, delayed = list(queue.inflight), list(queue.delayed)
            yield from (message.visibility_deadline for message in waiting)
            yield from (message.created + message.delay_seconds for message in delayed)


def _tell_of_deadlines(timetables: list[_Timetable]) -> None:
    def tell(due: float) -> None:
        for timetable in timetables:
            timetable.add(due)

    put_in_flight, put_off = SqsQueue.add_inflight_message, SqsQueue.update_visibility_timeout

    def add_inflight_message(queue: SqsQueue, message: Any) -> None:
        # LocalStack does this outside of the lock under which it goes through what is in flight.
        with queue.mutex:
            put_in_flight(queue, message)
        tell(message.visibility_deadline)

    def update_visibility_timeout(queue: SqsQueue, receipt_handle: str, visibility_timeout: int) -> None:
        put_off(queue, receipt_handle, visibility_timeout)
        tell(time.time() + visibility_timeout)

    SqsQueue.add_inflight_message, SqsQueue.update_visibility_timeout = add_inflight_message, update_visibility_timeout
    for kind in (StandardQueue, FifoQueue):
        kind.put = _telling_of_delays(kind.put, tell)


def _telling_of_delays(put: Any, tell: Callable[[float], None]) -> Any:
    def telling(*args: Any, **kwargs: Any) -> Any:
        message = put(*args, **kwargs)
        if message.is_delayed:
            tell(message.created + message.delay_seconds)
        return message

    return telling
