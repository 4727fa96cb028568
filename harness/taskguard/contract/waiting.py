"""How long a message has to stay away after a failed attempt, as a rule.

One of four: a schedule of exact waits; waits that grow, each by a factor at least, from a first one; the same wait each time; or
none, when nothing is demanded. Whether the last attempt owes a wait before its message dies is said beside it. The rule must not
know how a consumer brings a wait about, nor what a run did.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from taskguard.support.typed import Strict

AS_DEPLOYED: Final = "as-deployed"
"""Stands for what the stack itself says."""

AsDeployed: TypeAlias = Literal["as-deployed"]

_LONGEST_SECONDS = 1_209_600
"""No queue keeps a message for longer:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

_MOST_GROWTH = 1000

_SHORTEST_SECONDS = 1.0
"""Queues count waits in whole seconds: what is shorter is none, and nothing grows from that."""


class Waiting(Strict, frozen=True, kw_only=True):
    """The rule. All times are seconds.

    `schedule` has the exact wait after each failed attempt. With `grows` each wait is at least so many times the one before,
    and with `first` the first one is at least so long; without it there is to be one, of a second at least. `constant` is the exact
    wait after each attempt; ``as-deployed`` is what a consumer asked for, and else the work queue's visibility timeout. `last` is
    ``free`` when the last attempt owes no wait.
    """

    schedule: tuple[float, ...] | None = None
    grows: float | None = None
    first: float | None = None
    constant: float | AsDeployed | None = None
    last: Literal["owed", "free"] = "owed"

    def __post_init__(self) -> None:
        given = [
            name
            for name, value in (("schedule", self.schedule), ("grows", self._growth), ("constant", self.constant))
            if value is not None
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict one another; give one of them")
        if self.schedule is not None and not self.schedule:
            raise ValueError("a schedule has one wait or more")
        if self.grows is not None and not 1 <= self.grows <= _MOST_GROWTH:
            raise ValueError(f"waits grow by a factor of 1 to {_MOST_GROWTH}, not {self.grows:g}")
        for wait in (*(self.schedule or ()), self.first, self.constant):
            if isinstance(wait, (int, float)) and not 0 <= wait <= _LONGEST_SECONDS:
                raise ValueError(f"a wait is from 0 to {_LONGEST_SECONDS} s, not {wait:g} s")

    @property
    def _growth(self) -> float | None:
        return self.grows if self.grows is not None else self.first

    @property
    def is_demanded(self) -> bool:
        """Whether anything is demanded of waits."""
        return self.schedule is not None or self._growth is not None or self.constant is not None

    @property
    def is_as_deployed(self) -> bool:
        """Whether the stack itself says how long."""
        return self.constant == AS_DEPLOYED

    def owes(self, attempt: int, most: int | None) -> bool:
        """Whether a wait is owed after this attempt, of ``most`` there are."""
        if self.schedule is not None and attempt > len(self.schedule):
            return False
        return self.is_demanded and not (self.last == "free" and attempt == most)

    def exact_seconds(self, attempt: int) -> float | None:
        """The exact wait after this attempt; none where the rule has none."""
        if self.schedule is not None:
            return self.schedule[attempt - 1] if 1 <= attempt <= len(self.schedule) else None
        return self.constant if isinstance(self.constant, (int, float)) else None

    def least_seconds(self, before_seconds: float | None) -> float:
        """How long a wait that grows is at least, after one of ``before_seconds``, or as the first one."""
        first, factor = self.first if self.first is not None else _SHORTEST_SECONDS, self.grows or 1.0
        if before_seconds is None:
            return first
        # Where the first one was none, the next is one.
        return max(before_seconds * factor, first, _SHORTEST_SECONDS if factor > 1 else 0.0)

    def waits(self, attempts: int | None) -> tuple[float, ...]:
        """The waits of a task that fails ``attempts`` times: exact ones, or the least there may be. Nothing where the stack says
        it, or nobody."""
        if self.schedule is not None:
            return self.schedule[:attempts]
        if attempts is None:
            return ()
        if isinstance(self.constant, (int, float)):
            return (float(self.constant),) * attempts
        if self._growth is None:
            return ()
        waits: list[float] = []
        for _ in range(attempts):
            waits.append(self.least_seconds(waits[-1] if waits else None))
        return tuple(waits)

    def in_words(self) -> str:
        """The rule as a phrase."""
        free = "; the last attempt owes none" if self.last == "free" and self.is_demanded else ""
        if self.schedule is not None:
            return f"exactly {', '.join(f'{wait:g}' for wait in self.schedule)} s after each failed attempt{free}"
        if self._growth is not None:
            return f"{self.least_seconds(None):g} s or more at first, then each {self.grows or 1:g} times the one before or more{free}"
        if self.is_as_deployed:
            return f"what the consumer asks for, and else the queue's visibility timeout{free}"
        if self.constant == 0:
            return f"none: a message comes again at once after each failed attempt{free}"
        if isinstance(self.constant, (int, float)):
            return f"exactly {self.constant:g} s after each failed attempt{free}"
        return "nothing is demanded"
