"""The points that a grade earns, by what its contract says that each check is worth.

What is not applicable is left out, of what may be had, too. *Unknown* earns nothing, and stays open for a person to decide. It must not
know how a verdict was reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taskguard.contract.contract import Contract
from taskguard.judging.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points that were ``earned``, ``of`` how many; ``open`` are those that nobody could judge."""

    earned: float
    of: float
    open: float

    @property
    def in_words(self) -> str:
        """`12 of 14`."""
        return f"{number(self.earned)} of {number(self.of)}"


def points_of(verdicts: Iterable[Verdict], contract: Contract) -> Points:
    """What these verdicts earn by this contract."""
    worth = dict.fromkeys(Outcome, 0.0)
    for verdict in verdicts:
        worth[verdict.outcome] += contract.worth(verdict.check)
    of = sum(value for outcome, value in worth.items() if outcome is not Outcome.NOT_APPLICABLE)
    return Points(earned=worth[Outcome.PASS], of=of, open=worth[Outcome.UNKNOWN])


def number(points: float) -> str:
    """Points as they are written: without what a binary fraction adds."""
    return f"{round(points, 6):.10g}"
