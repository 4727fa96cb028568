"""The draws that decide which attempts fail, as the harness understands them.

The pipeline has its own implementation; this one shares no code with it, so that a mistake on either side is
seen. Shared test vectors (`tests/unit/vectors/draws.json`) pin the two together. It must not know what a run did.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import count, islice

from taskguard.support.typed import Strict

DEFAULT_RATE = 0.3
"""How often an attempt is made to fail, unless something else is asked for: as our `serverless.yml` has it."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a task: how many of its attempts fail, and whether that kills it.

    `Fate(0)` completes at once, `Fate(2)` after two failures, `Fate(3, dead=True)` is dead-lettered after three.
    """

    failures: int
    dead: bool = False

    @property
    def attempts(self) -> int:
        """How many attempts there are: the failures, and the success unless it dies."""
        return self.failures if self.dead else self.failures + 1


class Draws(Strict, frozen=True, kw_only=True):
    """What a run decided of simulated failures: the seed that decides each attempt's draw (none: not known), and the rate below
    which a draw fails (none: as the contract has it)."""

    seed: str | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ValueError(f"rate is a probability, 0 to 1, not {self.rate}")


def draw(seed: str, task_id: str, attempt: int) -> float:
    """Return the draw of an attempt (1 for the first): a number from 0 to 1 that looks random and never changes."""
    # An id that a pipeline answered with may be no text, and is judged all the same.
    digest = sha256(f"{seed}:{task_id}:{attempt}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def attempt_fails(seed: str, rate: float, task_id: str, attempt: int) -> bool:
    """Tell whether an attempt fails: its draw is below `rate`."""
    return draw(seed, task_id, attempt) < rate


def fate(seed: str, rate: float, task_id: str, max_receives: int = 3) -> Fate:
    """Return what becomes of a task that is given at most `max_receives` attempts."""
    for attempt in range(1, max_receives + 1):
        if not attempt_fails(seed, rate, task_id, attempt):
            return Fate(attempt - 1)
    return Fate(max_receives, dead=True)


def find_task_id(
    seed: str, rate: float, wanted: Fate, prefix: str, *, max_receives: int = 3, tries: int = 100_000
) -> str:
    """Return the first of `prefix-0`, `prefix-1`, … whose draws have the wanted fate.

    Raises:
        ValueError: none of `tries` ids has it, as with a rate of 0 and a fate that fails.
    """
    for task_id in islice((f"{prefix}-{number}" for number in count()), tries):
        if fate(seed, rate, task_id, max_receives) == wanted:
            return task_id
    raise ValueError(f"none of {tries} ids {prefix}-… has {wanted} at a failure rate of {rate} with seed {seed!r}")
