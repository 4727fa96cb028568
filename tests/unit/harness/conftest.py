"""A clock that only moves when somebody waits, so that deadlines pass at once."""

from __future__ import annotations

import pytest


class Clock:
    """Stands in for the module ``time``, in seconds; :attr:`waited` are the pauses that were made."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything that waits."""
    clock = Clock()
    for module in ("tenacity", "tenacity.nap", "harness.watch"):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock
