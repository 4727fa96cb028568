"""The clock that a pipeline lives by: the machine's, or one that an engine runs faster.

All times of a history are its times. It must not know what it is used for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that runs ``scale`` times as fast as the machine's, from ``origin`` on, in seconds since the epoch."""

    scale: float = 1.0
    origin: float = 0.0

    @classmethod
    def starting_now(cls, scale: float) -> Self:
        """One that is right at this moment."""
        return cls(scale, time.time() if scale != 1 else 0.0)

    def now_ms(self) -> float:
        """What it shows, in milliseconds since the epoch."""
        return round((self.origin + (time.time() - self.origin) * self.scale) * 1000, 3)

    def real_seconds(self, seconds: float) -> float:
        """How long ``seconds`` of it last."""
        return seconds / self.scale


REAL = Clock()
"""The machine's."""
