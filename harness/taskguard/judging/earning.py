"""The points that a grade earns, by what its contract says that each check is worth.

What is not applicable is left out, of what may be had, too. *Unknown* earns nothing, and stays open for a person to decide. A part of a check
that has points of its own earns them by itself, and the check its own by what is left of it. It must not know how a verdict was reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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


def itemised(verdicts: Iterable[Verdict], contract: Contract) -> Iterator[Verdict]:
    """The verdicts, and behind each one for each of its parts that has points of its own by this contract."""
    claims = contract.settings_with_points
    for verdict in verdicts:
        apart = {part: outcome for part, outcome in verdict.parts.items() if part in claims}
        if not apart:
            yield verdict
            continue
        rest = [outcome for part, outcome in verdict.parts.items() if part not in apart]
        outcome = next((each for each in (Outcome.FAIL, Outcome.UNKNOWN) if each in rest), Outcome.PASS)
        yield replace(verdict, outcome=outcome, parts={})
        for part, outcome in apart.items():
            claim = f"{claims[part].capitalize()}."
            yield replace(verdict, check=part, outcome=outcome, claim=claim, findings=(), parts={})


def points_of(verdicts: Iterable[Verdict], contract: Contract) -> Points:
    """What these verdicts earn by this contract."""
    worth = dict.fromkeys(Outcome, 0.0)
    for verdict in itemised(verdicts, contract):
        worth[verdict.outcome] += contract.worth(verdict.check)
    of = sum(value for outcome, value in worth.items() if outcome is not Outcome.NOT_APPLICABLE)
    return Points(earned=worth[Outcome.PASS], of=of, open=worth[Outcome.UNKNOWN])


def number(points: float) -> str:
    """Points as they are written: without what a binary fraction adds."""
    return f"{round(points, 6):.10g}"
