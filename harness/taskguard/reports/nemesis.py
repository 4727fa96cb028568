"""What was broken in a run, how often, and what came of it: a row for each fault of the plan, and the sums.

A pure function of a history and its manifest, for `nemesis.json`, the console and the report. It shows, and judges nothing: the
guarantees do. Times are the pipeline's. It must not know how a fault is brought about.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

from taskguard.contract.draws import fate
from taskguard.contract.terms import Terms
from taskguard.faults.plan import Fault
from taskguard.history import FaultInjected, History, Manifest, Redriven
from taskguard.history.wording import times
from taskguard.judging.guarantees.records import (
    answerable,
    end_of,
    end_without_record,
    ends_by_record,
    is_without_records,
)
from taskguard.support.typed import untyped

NEMESIS_FILE = "nemesis.json"

FORMAT_VERSION = 1
"""Rises whenever a field changes its meaning or goes."""

HEADINGS = ("fault", "as planned", "injected", "tasks struck", "in flight", "lost", "doubled", "settled late")
NARROW_HEADINGS = ("as planned", "struck", "tasks", "lost", "doubled", "late")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One fault of the plan.

    `line` is how it is written, `name` what it is called. `tasks_struck` counts those that it named or, of what strikes the
    whole stack, those in flight meanwhile; `lost`, `doubled` and `settled_late` are of these. In flight is a task from its
    acceptance until its record is final; None where nothing was injected. Late is one that was settled later than its draws
    alone would have it, beyond the tolerance; None without a seed, when no draw is known.
    """

    name: str
    line: str
    injections: int
    tasks_struck: int
    in_flight_median: float | None
    in_flight_most: int | None
    lost: int
    doubled: int
    settled_late: int | None
    late_most_seconds: float | None

    def narrow_cells(self) -> tuple[str, ...]:
        """Less of the row, below `NARROW_HEADINGS`."""
        late = "?" if self.settled_late is None else str(self.settled_late)
        return (self.line, *map(str, (self.injections, self.tasks_struck, self.lost, self.doubled)), late)

    def cells(self) -> tuple[str, ...]:
        """The row in words, below `HEADINGS`."""
        flight = "–" if self.in_flight_median is None else f"{self.in_flight_median:g}, at most {self.in_flight_most}"
        late = "not known" if self.settled_late is None else str(self.settled_late)
        if self.settled_late and self.late_most_seconds is not None:
            late += f", at most by {self.late_most_seconds:.1f} s"
        counts = map(str, (self.injections, self.tasks_struck))
        return (self.name, self.line, *counts, flight, str(self.lost), str(self.doubled), late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nemesis:
    """All faults of a run's plan. `kinds` counts those that struck; `lost` and `doubled` are of all tasks of the run: those
    that were not settled, and those that were completed twice, or completed and dead-lettered."""

    fault_seed: str
    seed: str | None
    rows: tuple[FaultRow, ...]
    kinds: int
    injections: int
    tasks: int
    lost: int
    doubled: int

    def in_words(self) -> str:
        return (
            f"{times(self.injections, 'fault')} of {times(self.kinds, 'kind')} injected (seed {self.fault_seed}), "
            f"{times(self.tasks, 'task')}: {self.lost} lost, {self.doubled} doubled"
        )


def nemesis_of(history: History, manifest: Manifest) -> Nemesis | None:
    """What was broken in a run, and what came of it; None when nothing was to be.

    Raises:
        FaultPlanError: this TaskGuard does not know one of the faults.
    """
    plan = manifest.plan
    if plan is None:
        return None
    tasks = _Tasks(history, manifest.terms)
    by_line: dict[str, list[FaultInjected]] = defaultdict(list)
    for event in history.of_kind(FaultInjected):
        by_line[event.fault].append(event)
    # A line that stands there twice is one.
    faults = {str(fault): fault for fault in plan.faults}
    return Nemesis(
        fault_seed=plan.seed,
        seed=manifest.seed,
        rows=tuple(_row(fault, by_line[line], tasks) for line, fault in faults.items()),
        kinds=len({event.kind for event in history.of_kind(FaultInjected)}),
        injections=len(history.of_kind(FaultInjected)),
        tasks=len(tasks.ids),
        lost=len(tasks.lost),
        doubled=len(tasks.doubled),
    )


def write_nemesis(folder: Path, history: History, manifest: Manifest) -> None:
    """Write it as `nemesis.json` into the run's ``folder``; nothing when nothing was to be broken."""
    nemesis = nemesis_of(history, manifest)
    if nemesis is not None:
        document = {"format_version": FORMAT_VERSION, **untyped(nemesis)}
        (folder / NEMESIS_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


class _Tasks:
    """What became of the tasks that the pipeline answers for."""

    def __init__(self, history: History, terms: Terms) -> None:
        answered = answerable(history)
        self.ids = frozenset(answered)
        self.lost = {i for i in answered if end_of(history, i, terms) == "unsettled"}
        self.doubled = {i for i in answered if _is_doubled(history, i, terms)}
        settled = {i: _settled_ms(history, i, terms) for i in answered}
        # An answer may come after the end of the task that it tells of.
        self._spans = {i: (min(answered[i].answered_ms, at_ms or inf), at_ms) for i, at_ms in settled.items()}
        self._begun = sorted(begun for begun, _ in self._spans.values())
        self._over = sorted(over for _, over in self._spans.values() if over is not None)
        self._late = None if terms.seed is None or terms.rate is None else self._lateness(terms, terms.seed, terms.rate)

    def in_flight(self, at_ms: float) -> int:
        """How many were accepted by then, and not settled."""
        return bisect_right(self._begun, at_ms) - bisect_left(self._over, at_ms)

    def meanwhile(self, event: FaultInjected) -> set[str]:
        """Those in flight while a fault lasted; none when it was over at once."""
        return {
            task_id
            for task_id, (begun, over) in self._spans.items()
            if event.until_ms is not None and begun <= event.until_ms and (over is None or over >= event.at_ms)
        }

    def late(self, task_ids: set[str]) -> list[float] | None:
        """By how many seconds those were late that were; None when no draw is known."""
        return None if self._late is None else [self._late[i] for i in task_ids if i in self._late]

    def _lateness(self, terms: Terms, seed: str, rate: float) -> dict[str, float]:
        found = {}
        for task_id, (begun, over) in self._spans.items():
            drawn = fate(seed, rate, task_id, terms.contract.attempts.highest or 1)
            due_seconds = sum(terms.contract.waits[: drawn.failures])
            allowed_seconds = (drawn.failures + 1) * terms.tolerances.late_seconds
            if over is not None and (late := (over - begun) / 1000 - due_seconds) > allowed_seconds:
                found[task_id] = round(late, 3)
        return found


def _row(fault: Fault, events: Sequence[FaultInjected], tasks: _Tasks) -> FaultRow:
    struck = {task_id for event in events for task_id in event.task_ids or tasks.meanwhile(event)} & tasks.ids
    flights = [tasks.in_flight(event.at_ms) for event in events]
    late = tasks.late(struck)
    return FaultRow(
        name=fault.name,
        line=str(fault),
        injections=len(events),
        tasks_struck=len(struck),
        in_flight_median=float(median(flights)) if flights else None,
        in_flight_most=max(flights, default=None),
        lost=len(struck & tasks.lost),
        doubled=len(struck & tasks.doubled),
        settled_late=None if late is None else len(late),
        late_most_seconds=None if late is None else max(late, default=None),
    )


def _settled_ms(history: History, task_id: str, terms: Terms) -> float | None:
    if is_without_records(history, terms):
        end = end_without_record(history, task_id)
        return end.at_ms if end is not None else None
    return next((change.at_ms for change in ends_by_record(history, task_id, terms)), None)


def _is_doubled(history: History, task_id: str, terms: Terms) -> bool:
    ends = ends_by_record(history, task_id, terms)
    return len(ends) > 1 + len(history.of_task(task_id, Redriven)) or end_of(history, task_id, terms) == "both"
