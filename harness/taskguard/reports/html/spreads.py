"""Values in groups, each a row of dots on one axis: the waits after each attempt, and how long tasks took to settle.

Many values are drawn by a sample that keeps the least, the most and the shape, and all that lie outside what is allowed
so far as there is room. It must not know how a row is drawn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, History, TaskSubmitted
from taskguard.history.wording import seconds, times
from taskguard.judging.grading import Grade, first_end
from taskguard.reports.html.axis import Axis, Span
from taskguard.reports.html.waits import Wait, waits_of

MOST_DOTS = 120
"""How many dots a row has at most of each kind."""

_HEIGHTS = (50, 26, 74, 38, 62, 14, 86)
"""Neighbours are drawn at different heights (per cent), so that they hide each other less."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A value: where it is (per cent along, per cent down), and its task when it is one to look at."""

    at: str
    down: str
    task_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A group's dots; those `outside` what is allowed are apart. `band` is what is allowed, `due_at` what is expected.

    `name`, `expected` and `observed` are the row's labels; `cells` is the row in the table behind the picture.
    """

    name: str
    expected: str
    observed: str
    dots: tuple[Dot, ...]
    outside: tuple[Dot, ...]
    cells: tuple[str, ...]
    due_at: str | None = None
    band: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Rows on one axis, the headings of the table behind them, what all rows say together, and what is left out of the
    picture (each a sentence, or nothing)."""

    rows: tuple[Row, ...]
    axis: Axis
    headings: tuple[str, ...]
    left_out: str
    summary: str = ""


def waits_by_attempt(history: History, terms: Terms, told_of: Container[int] | None = None) -> Spread:
    """The waits of all accepted tasks, beside what the contract has and the tolerance allows; one row for each attempt. Where the
    contract has no exact wait, there is nothing beside them. ``told_of`` as of :func:`waits_of`.

    A wait without an end has no dot; it is counted.
    """
    waiting, late = terms.contract.waiting, terms.tolerances.late_seconds
    found: dict[int, list[Wait]] = {number: [] for number in range(1, len(waiting.schedule or ()) + 1)}
    for task_id in history.accepted:
        for chain in history.chains_of(task_id):
            for wait in waits_of(chain, history, terms, told_of):
                if waiting.schedule is None or wait.attempt.number in found:
                    found.setdefault(wait.attempt.number, []).append(wait)
    exact = {number: waiting.exact_seconds(number) for number in found}
    drawn = [wait.seconds or 0.0 for waits in found.values() for wait in waits]
    axis = Axis.reaching(max([*drawn, *(due + late for due in exact.values() if due is not None)], default=0.0))
    rows = tuple(_row_of_waits(number, found[number], exact[number], late, axis) for number in sorted(found))
    return Spread(
        rows=rows,
        axis=axis,
        headings=(
            "after attempt",
            "due",
            "allowed up to",
            "waits",
            "least",
            "median",
            "most",
            "outside",
            "without end",
        ),
        left_out=_left_out(rows, sum(wait.seconds is not None for waits in found.values() for wait in waits), "wait"),
    )


def time_to_settle(history: History, grade: Grade, terms: Terms, *, under_faults: bool = False) -> Spread:
    """How long after its submission each task ended; one row for each way to end that occurred, unsettled ones counted. ``under_faults``
    nobody knows how long that has to be: an attempt that is lost asks for no backoff."""
    schedule = () if under_faults else terms.contract.waits
    found: dict[tuple[bool, int], list[tuple[float, str]]] = {}
    for fate in grade.fates:
        end = first_end(history, fate.task_id)
        if end is not None:
            # It may have been taken at a first submission that had no answer.
            began_ms = min(each.at_ms for each in history.of_task(fate.task_id, TaskSubmitted))
            took = (end.at_ms - began_ms) / 1000
            attempts = sum(attempt.at_ms <= end.at_ms for attempt in history.attempts_of(fate.task_id))
            key = (isinstance(end, DeadLettered), attempts)
            found.setdefault(key, []).append((took, fate.task_id))
    drawn = sorted(took for group in found.values() for took, _ in group)
    axis = Axis.reaching(max([*drawn, *(_scheduled(schedule, *group) for group in found)], default=1.0))
    rows = tuple(
        _row_of_ends(
            dead, attempts, found[dead, attempts], None if under_faults else _scheduled(schedule, dead, attempts), axis
        )
        for dead, attempts in sorted(found)
    )
    return Spread(
        rows=rows,
        axis=axis,
        headings=("ended", "tasks", "backoff due", "least", "median", "most"),
        left_out=_left_out(rows, len(drawn), "task"),
        summary=_quantiles(drawn),
    )


def _row_of_waits(number: int, waits: list[Wait], due: float | None, tolerance: float, axis: Axis) -> Row:
    ended = [wait for wait in waits if wait.seconds is not None]
    values = sorted(wait.seconds or 0.0 for wait in ended)
    outside = [(wait.seconds or 0.0, wait.task_id) for wait in ended if wait.outside]
    inside = [(wait.seconds or 0.0, "") for wait in ended if not wait.outside]
    endless = len(waits) - len(ended)
    observed = _observed(values, "wait")
    observed += f", {len(outside)} outside" if outside else ""
    observed += f", {endless} without end" if endless else ""
    return Row(
        name=f"after attempt {number}",
        expected="" if due is None else f"{seconds(due)} due, up to {seconds(due + tolerance)} allowed",
        observed=observed,
        dots=_dots(inside, axis),
        outside=_dots(outside, axis),
        cells=(
            str(number),
            *(("–", "–") if due is None else (seconds(due), seconds(due + tolerance))),
            str(len(ended)),
            *_three(values),
            *(str(len(outside)), str(endless)),
        ),
        due_at=None if due is None else axis.at(due),
        band=None if due is None else axis.span(due, due + tolerance),
    )


def _row_of_ends(dead: bool, attempts: int, found: list[tuple[float, str]], due: float | None, axis: Axis) -> Row:
    values = sorted(took for took, _ in found)
    name = f"dead-lettered after {times(attempts, 'attempt')}" if dead else f"completed at attempt {attempts}"
    return Row(
        name=name,
        expected="" if due is None else f"{seconds(due)} of backoff" if due else "no backoff",
        observed=_observed(values, "task"),
        dots=_dots([(took, "") for took in values], axis),
        outside=(),
        cells=(name, str(len(found)), "–" if due is None else seconds(due), *_three(values)),
        due_at=axis.at(due) if due else None,
    )


def _scheduled(schedule: Sequence[float], dead: bool, attempts: int) -> float:
    return sum(schedule[: attempts if dead else attempts - 1])


def _observed(values: Sequence[float], noun: str) -> str:
    if not values:
        return f"no {noun}"
    if len(values) == 1 or seconds(values[0]) == seconds(values[-1]):
        return f"{times(len(values), noun)}: {seconds(values[0])}"
    return f"{times(len(values), noun)}: {seconds(values[0]).removesuffix(' s')} to {seconds(values[-1])}"


def _three(values: Sequence[float]) -> tuple[str, str, str]:
    if not values:
        return ("–", "–", "–")
    return (seconds(values[0]), seconds(median(values)), seconds(values[-1]))


def _quantiles(ordered: Sequence[float]) -> str:
    if not ordered:
        return "No task was seen to end."
    half, most = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
    return f"Half of the tasks ended within {seconds(half)}, 95 % within {seconds(most)}, all within {seconds(ordered[-1])}."


def _dots(values: Iterable[tuple[float, str]], axis: Axis) -> tuple[Dot, ...]:
    ordered = sorted(values)
    if len(ordered) > MOST_DOTS:
        # By rank, so that the least, the most and the shape stay.
        ordered = [ordered[round(n * (len(ordered) - 1) / (MOST_DOTS - 1))] for n in range(MOST_DOTS)]
    return tuple(
        Dot(axis.at(value), f"{_HEIGHTS[index % len(_HEIGHTS)]}%", task_id)
        for index, (value, task_id) in enumerate(ordered)
    )


def _left_out(rows: Iterable[Row], count: int, noun: str) -> str:
    drawn = sum(len(row.dots) + len(row.outside) for row in rows)
    return f"{drawn} of {times(count, noun)} drawn, evenly by rank; the numbers are of all." if drawn < count else ""
