"""Batches whose invocations were throttled, and when each is tried again.

"Lambda gradually backs off retries by reducing the amount of concurrency allocated to your Amazon SQS event source mapping. Lambda
continues to retry the message until the message's timestamp exceeds your queue's visibility timeout"
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). So one is tried at a time, that with the least time
left, and nothing more is received meanwhile. AWS does not say how long it waits. It must not know what an invocation is.
"""

import math
import threading
import time
from bisect import insort
from collections.abc import Iterator
from itertools import count

from taskguard.engine.clock.pacer import pacer

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 1.0
"""Pipeline time."""

_ANSWERED_WITHIN_SECONDS = 0.25
"""Real time. What is not throttled again by then has begun to run."""

_numbers = count()


class Throttling:
    """Those of one event source mapping."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._next_try = 0.0
        self._last_try = -_ANSWERED_WITHIN_SECONDS

    def wait_for_turn(self, until: float, times: int) -> bool:
        """Wait until a batch that was throttled so many ``times`` may be tried again; false when its time is over, which is
        ``until`` that moment of pipeline time."""
        mine = (until, next(_numbers))
        with self._changed:
            _waited_for.add(self)
            insort(self._waiting, mine)
            self._next_try = time.time() + min(_FIRST_WAIT_SECONDS * 2 ** (times - 1), _LONGEST_WAIT_SECONDS)
            try:
                return self._wait(mine)
            finally:
                self._waiting.remove(mine)
                if not self._waiting:
                    _waited_for.discard(self)
                self._changed.notify_all()

    def try_now(self) -> None:
        """An invocation of this mapping has ended: there is room for one."""
        with self._changed:
            self._next_try = 0.0
            self._changed.notify_all()

    def is_on(self) -> bool:
        """Whether a batch waits."""
        return bool(self._waiting)

    def is_over(self) -> bool:
        """Whether none waits, and none was tried so lately that it may be throttled again."""
        with self._changed:
            return not self._waiting and time.monotonic() - self._last_try >= _ANSWERED_WITHIN_SECONDS

    def wait_until_over(self, seconds: float) -> None:
        """Wait for that, but no longer than so many real seconds."""
        with self._changed:
            self._changed.wait(seconds if self._waiting else min(seconds, _ANSWERED_WITHIN_SECONDS))

    def _wait(self, mine: tuple[float, int]) -> bool:
        until, _ = mine
        while (now := time.time()) < until:
            is_first = self._waiting[0] == mine
            if is_first and now >= self._next_try:
                self._last_try = time.monotonic()
                self._next_try = now + _FIRST_WAIT_SECONDS
                return True
            due = min(until, self._next_try) if is_first else until
            self._changed.wait(max(0.0, pacer().seconds_until(due)))
        return False

    def _due(self) -> float:
        with self._changed:
            return min(self._next_try, self._waiting[0][0]) if self._waiting else math.inf

    def _look_again(self) -> None:
        with self._changed:
            self._changed.notify_all()


_waited_for: set[Throttling] = set()


def next_due() -> Iterator[float]:
    """When batches are tried again, in pipeline time."""
    return (throttling._due() for throttling in tuple(_waited_for))


def look_again() -> None:
    """The clock's pace has changed."""
    for throttling in tuple(_waited_for):
        throttling._look_again()
