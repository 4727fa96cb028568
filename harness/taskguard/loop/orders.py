"""What begins a run or ends the loop: a change of files, or a key. Orders come from several threads, and are taken one after the other."""

from __future__ import annotations

import queue
from enum import StrEnum


class Order(StrEnum):
    """What is to be done next."""

    CHANGED = "changed"
    """Grade, if a deploy would send other files than before."""
    AGAIN = "again"
    """Grade, whatever changed."""
    REAL_TIME = "real time"
    """Grade on an engine whose clock is not shortened."""
    FAULTS = "faults"
    """Grade while everything is broken on purpose."""
    REPORT = "report"
    """Open the report of the last run."""
    QUIT = "quit"


KEYS = {"g": Order.AGAIN, "r": Order.REAL_TIME, "f": Order.FAULTS, "o": Order.REPORT, "q": Order.QUIT}
IN_WORDS = "Keys: g grade again, r in real time, f with faults, o open the report, q quit"


class Orders:
    """Those that were not taken yet. Once it ``is_over``, whatever else was asked for is not done any more."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Order] = queue.Queue()
        self.is_over = False

    def give(self, order: Order) -> None:
        """May be called from any thread."""
        self._waiting.put(order)

    def take(self) -> Order:
        """The next one; changes that came one after the other are one. Waits until there is one."""
        if self.is_over:
            return Order.QUIT
        order = self._waiting.get()
        while order is Order.CHANGED and not self._waiting.empty():
            order = self._waiting.get()
        return Order.QUIT if self.is_over else order
