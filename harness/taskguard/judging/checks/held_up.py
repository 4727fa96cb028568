"""For how long what a pipeline runs on was held up, between two moments: no lateness of that time is the pipeline's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container

from taskguard.history import HeldUp, History


class HeldUpTimes:
    """What held up the messages of some queues; no moment of it counts twice."""

    def __init__(self, history: History, queues: Container[str | None]) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._sums = [0.0]
        # They come in the order of their beginnings.
        for event in history.of_kind(HeldUp):
            start = max([event.at_ms, *self._ends[-1:]])
            if event.queue in queues and event.until_ms > start:
                self._starts.append(start)
                self._ends.append(event.until_ms)
                self._sums.append(self._sums[-1] + event.until_ms - start)

    def within(self, since_ms: float, until_ms: float) -> float:
        """How many milliseconds of that time it was."""
        return self._until(until_ms) - self._until(since_ms) if until_ms > since_ms else 0.0

    def _until(self, moment_ms: float) -> float:
        count = bisect_right(self._starts, moment_ms)
        return self._sums[count] - (max(0.0, self._ends[count - 1] - moment_ms) if count else 0.0)
