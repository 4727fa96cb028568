"""When the next message of any queue is due, and that queues are looked at then.

The engine's clock runs fast up to that moment and no further. It must not know how messages come to wait.
"""

import heapq
import math
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain

from localstack.services.sqs.models import SqsQueue
from localstack.services.sqs.provider import QueueUpdateWorker

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.events import event_source, throttling
from taskguard.engine.faults.holding import held_back

_SHORTEST_WAIT_SECONDS = 0.002
_LONGEST_WAIT_SECONDS = 1.0


class Deadlines:
    """Those of all queues. Lambda has queues of its own for what is invoked asynchronously, and a worker for them."""

    def __init__(self) -> None:
        self._timetables: list[Timetable] = []

    def set_the_pace(self) -> None:
        """From now on the engine's clock heeds them."""
        pacer().next_due = self._next_due
        pacer().tell = self._look_again

    def timetable_for(self, worker: QueueUpdateWorker) -> "Timetable":
        """A new one, by which ``worker`` is to look at its queues."""
        timetable = Timetable(worker)
        self._timetables.append(timetable)
        return timetable

    def add(self, due: float) -> None:
        """A message is due at this moment of the queues' clock."""
        for timetable in self._timetables:
            timetable.add(due)

    def _next_due(self) -> float | None:
        held = held_back().next_due()
        waiting = (due for timetable in self._timetables for due in timetable.waiting())
        others = chain(event_source.next_due(), throttling.next_due(), () if held is None else (held,))
        due = min(chain(waiting, others), default=math.inf)
        # Until it is received, the clock must not run fast to whatever comes after it. It is looked for last: it waited until now.
        if event_source.is_about_to_deliver():
            return time.time()
        return None if due == math.inf else max(due, time.time())

    def _look_again(self) -> None:
        for timetable in self._timetables:
            timetable.look_again()
        held_back().look_again()
        event_source.look_again()
        throttling.look_again()


class Timetable:
    """When one worker looks at its queues: each time that a message becomes due, and once a second."""

    def __init__(self, worker: QueueUpdateWorker) -> None:
        self._worker = worker
        self._due: list[float] = []
        self._changed = threading.Condition()
        self._closed = False

    def add(self, due: float) -> None:
        with self._changed:
            heapq.heappush(self._due, due)
            if self._due[0] == due:
                self._changed.notify()

    def run(self) -> None:
        while not self._closed:
            self._worker.do_update_all_queues()
            self._wait()

    def waiting(self) -> Iterator[float]:
        """When each message that waits is due, on the queues' clock."""
        return chain.from_iterable(map(_waiting_in, self._worker.iter_queues()))

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
            self._tell_of(now)

    def _tell_of(self, now: float) -> None:
        # Most moments are of messages that were deleted, or put off, long before: nothing happens then, and the clock is not held up.
        queues = [queue for queue in self._worker.iter_queues() if any(due <= now for due in _waiting_in(queue))]
        if not queues:
            return
        # What an event source mapping takes at once is work without a moment's wait for whoever may ask for it.
        is_taken = all(event_source.is_looked_into(queue.arn) for queue in queues)
        with pacer().unheard() if is_taken else nullcontext():
            pacer().touch()

    def _seconds_to_next(self) -> float:
        return pacer().seconds_until(self._due[0]) if self._due else _LONGEST_WAIT_SECONDS


def _waiting_in(queue: SqsQueue) -> Iterator[float]:
    with queue.mutex:
        waiting, delayed = list(queue.inflight), list(queue.delayed)
    yield from (message.visibility_deadline for message in waiting)
    yield from (message.created + message.delay_seconds for message in delayed)
