"""Judging takes time in proportion to the events: steps are counted, not seconds, at two sizes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console
from taskguard.history import Event, History
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade
from taskguard.reports.as_json import write_grade
from taskguard.reports.as_junit import write_junit
from taskguard.reports.console import print_grade

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, UNSEEDED, ending, task

SMALL, LARGE = 6, 24
MOST_GROWTH = 1.2 * LARGE / SMALL
"""Above proportional, for what is sorted; what grows with the square would be at 16."""

LIVES = tuple(task(f"t{number}", fate) for number, fate in enumerate((FIRST_TRY, SECOND_TRY, DEAD)))
LATE = tuple(task(f"t{number}", fate, late_ms=5000) for number, fate in enumerate((FIRST_TRY, SECOND_TRY, DEAD)))


@cache
def events_of(tasks: int, *, broken: bool) -> tuple[Event, ...]:
    """Many tasks that live as a few do, at the same time, in batches; broken, all is late, and in vain, and some is unseen."""
    found: list[Event] = []
    for number in range(tasks):
        for event in (LATE if broken else LIVES)[number % 3]:
            if not (broken and number % 4 == 0 and type(event).__name__ == "AttemptFailed"):
                found.append(_as(event, number))
    return (*found, *ending(found))


def _as(event: Any, number: int) -> Event:
    of: dict[str, Any] = {"task_id": f"{event.task_id}-{number}"}
    if hasattr(event, "message_id"):
        of["message_id"] = f"message-{number}"
    if hasattr(event, "receive_count"):
        of["delivery_id"] = f"batch-{number // 6}-{event.receive_count}"
    copy: Event = replace(event, **of)
    return copy


def steps(work: Callable[[], object]) -> int:
    """How many lines of Python are run, each turn of a loop and of a comprehension being one."""
    count = 0

    def trace(_: FrameType, what: str, __: object) -> Any:
        nonlocal count
        count += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def growth(work: Callable[[History], object], *, broken: bool) -> float:
    few, many = (History(events_of(tasks, broken=broken)) for tasks in (SMALL, LARGE))
    return steps(lambda: work(many)) / steps(lambda: work(few))


@pytest.mark.parametrize("broken", [False, True], ids=["right", "broken"])
@pytest.mark.parametrize("terms", [EXPECTED, UNSEEDED], ids=["seeded", "unseeded"])
@pytest.mark.parametrize("check", CHECKS)
def test_a_check_takes_steps_in_proportion_to_the_events(check: str, terms: Any, broken: bool) -> None:
    CHECKS[check](History(events_of(SMALL, broken=broken)), terms)  # what is loaded once does not count
    assert growth(lambda history: CHECKS[check](history, terms), broken=broken) <= MOST_GROWTH


@pytest.mark.parametrize("broken", [False, True], ids=["right", "broken"])
def test_reports_take_steps_in_proportion_to_the_events(tmp_path: Path, broken: bool) -> None:
    def report(history: History) -> None:
        graded = grade(history, EXPECTED)
        write_grade(tmp_path / "grade.json", graded, history, EXPECTED)
        write_junit(tmp_path, graded, history, "here")
        print_grade(Console(file=io.StringIO()), graded, history)

    report(History(events_of(SMALL, broken=broken)))
    assert growth(report, broken=broken) <= MOST_GROWTH


def test_reading_takes_steps_in_proportion_to_the_events(tmp_path: Path) -> None:
    def written_and_read(history: History) -> None:
        history.write(tmp_path / "history.jsonl")
        assert len(History.read(tmp_path / "history.jsonl").chains) == len(history.accepted)

    assert growth(written_and_read, broken=False) <= MOST_GROWTH


def test_a_scan_for_each_task_would_be_found() -> None:
    def scanning(history: History) -> None:
        for task_id in history.accepted:
            assert [event for event in history if getattr(event, "task_id", None) == task_id]

    assert growth(scanning, broken=False) > 2 * MOST_GROWTH
