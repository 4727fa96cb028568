"""The clock that a pipeline lives by: an engine's own, which may run fast while the pipeline only waits, or the machine's where an
engine has none.

All times of a history are its times. It must not know what it is used for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from taskguard.support.scaled_clock import SharedClock

MOST_SCALE = 1000.0
"""The most times that a clock may run as fast as the machine's: beyond, nothing is won, since what is left is work."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that runs up to ``scale`` times as fast as the machine's, as the engine's ``file`` has it; without a file it
    is the machine's."""

    scale: float = 1.0
    file: str | None = None

    def now_ms(self) -> float:
        """What it shows, in milliseconds since the epoch."""
        now = time.time() if self.file is None else _shared(self.file).now()
        return round(now * 1000, 3)


def clock_scale(text: str) -> float:
    """The clock scale that is meant by ``text``.

    Raises:
        ValueError: when it is no number, or one that no clock can be run at.
    """
    scale = float(text)
    if not 1 <= scale <= MOST_SCALE:
        raise ValueError(
            f"a clock scale is from 1 to {MOST_SCALE:g}, not {text}: beyond that nothing is won, what is left is work"
        )
    return scale


REAL = Clock()
"""The machine's."""

_SET_FROM_SECONDS = 0.25
"""A clock that is kept right gains or loses less in a run; it is set by more."""


class MachineClock:
    """Tells by how much the machine's clock was set since this was made, or the machine slept. ``time_of_day`` and ``passing`` are in
    seconds; what passes is not set."""

    def __init__(
        self, time_of_day: Callable[[], float] = time.time, passing: Callable[[], float] = time.monotonic
    ) -> None:
        self._time_of_day, self._passing = time_of_day, passing
        self._began = self._ahead()

    def set_by_seconds(self) -> float:
        """Positive when it was set forward; 0 when it was not set."""
        seconds = self._ahead() - self._began
        return round(seconds, 3) if abs(seconds) >= _SET_FROM_SECONDS else 0.0

    def _ahead(self) -> float:
        return self._time_of_day() - self._passing()


@lru_cache(maxsize=64)
def _shared(file: str) -> SharedClock:
    return SharedClock(file)
