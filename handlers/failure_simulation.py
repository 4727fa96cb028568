"""Decides which attempts fail on purpose.

With a seed the decision is a pure function of seed, task and attempt, so that a whole run can be foretold and repeated;
without one it is random. The formula is written a second time in the harness, and both are pinned by
tests/unit/vectors/draws.json. It must not know of queues, records or settings.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field


class SimulatedFailure(Exception):
    """An attempt that was drawn to fail. The message says which attempt, and the draw."""


def seeded_draw(seed: str, task_id: str, attempt: int) -> float:
    """A number from 0 up to 1, evenly spread, always the same for the same arguments."""
    digest = hashlib.sha256(f"{seed}:{task_id}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _random_draw() -> float:
    # The system's source, because a generator of our own would repeat itself in processes forked or restored alike.
    return random.SystemRandom().random()


@dataclass(frozen=True, slots=True)
class FailureSimulation:
    """Fails an attempt with probability `rate` (0 to 1); `uniform` gives the draws when there is no seed."""

    rate: float
    seed: str | None = None
    uniform: Callable[[], float] = field(default=_random_draw, compare=False)

    def check(self, task_id: str, attempt: int) -> None:
        """Raises SimulatedFailure if this attempt (1, 2, 3 …) is drawn to fail."""
        draw = self.uniform() if self.seed is None else seeded_draw(self.seed, task_id, attempt)
        if draw < self.rate:
            raise SimulatedFailure(f"simulated failure of attempt {attempt} (draw {draw:.4f} < rate {self.rate:g})")
