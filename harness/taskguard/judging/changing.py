"""What became better, and what worse, from one run to another: of each check, and of each task.

An outcome is better that says more for the pipeline: *pass* than *unknown*, *unknown* than *fail*. What is not applicable in one of the runs
cannot be set beside the other. It must not know how a change is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from taskguard.judging.grading import Grade, TaskFate
from taskguard.judging.verdict import Outcome, Verdict

T = TypeVar("T")


class Direction(StrEnum):
    """Where a change leads."""

    WORSE = "worse"
    BETTER = "better"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCheck:
    """A check that came out otherwise; None where a run does not have it."""

    check: str
    one: Verdict | None
    other: Verdict | None
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFate:
    """A task that is in both runs and fared otherwise."""

    one: TaskFate
    other: TaskFate
    direction: Direction


_OUTCOMES = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS)
_ENDS = ("unsettled", "both", "dead-lettered", "completed")


def changed_checks(one: Grade, other: Grade) -> tuple[ChangedCheck, ...]:
    """The checks that came out otherwise, the worse first, each in its order."""
    verdicts = {each.check: each for each in one.verdicts}
    others = {each.check: each for each in other.verdicts}
    found = [
        ChangedCheck(check=check, one=here, other=there, direction=_of_verdicts(here, there))
        for check in {**verdicts, **others}
        if _in_words(here := verdicts.get(check)) != _in_words(there := others.get(check))
    ]
    return tuple(sorted(found, key=lambda each: _place(each.direction)))


def changed_fates(one: Iterable[TaskFate], other: Iterable[TaskFate]) -> tuple[ChangedFate, ...]:
    """The tasks of both that fared otherwise, the worse first, each by its id."""
    others = {fate.task_id: fate for fate in other}
    found = [
        ChangedFate(one=fate, other=there, direction=_of_fates(fate, there))
        for fate in sorted(one, key=lambda each: each.task_id)
        if (there := others.get(fate.task_id)) is not None and there != fate
    ]
    return tuple(sorted(found, key=lambda each: _place(each.direction)))


def _of_verdicts(one: Verdict | None, other: Verdict | None) -> Direction:
    if one is None or other is None or Outcome.NOT_APPLICABLE in (one.outcome, other.outcome):
        return Direction.OTHERWISE
    if one.outcome is other.outcome:
        return Direction.BETTER if one.is_hollow and not other.is_hollow else Direction.OTHERWISE
    return _from(_OUTCOMES, one.outcome, other.outcome)


def _of_fates(one: TaskFate, other: TaskFate) -> Direction:
    if one.end != other.end:
        return _from(_ENDS, one.end, other.end)
    return Direction.OTHERWISE


def _from(ranks: Sequence[T], one: T, other: T) -> Direction:
    return Direction.BETTER if ranks.index(other) > ranks.index(one) else Direction.WORSE


def _place(direction: Direction) -> int:
    return list(Direction).index(direction)


def _in_words(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.in_words
