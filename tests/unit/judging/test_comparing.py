"""Two runs side by side: what is told as a difference, and what is not."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from taskguard.errors import HistoryError
from taskguard.history import AttemptSucceeded, BackoffRequested, Event, History, SavedRun
from taskguard.judging.comparing import Comparison, Difference, Distribution, Graded, compare, differing_grades
from taskguard.judging.grading import grade
from taskguard.reports.as_json import as_json
from taskguard.reports.comparison import comparison_as_json, print_comparison

from tests.thoroughness import examples
from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    changed,
    missing,
    run,
    the,
    without,
)
from tests.unit.judging.test_saved_runs import MANIFEST

FATES = (FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD)
EVENTS = whole(*FATES)


def graded(events: list[Event], **manifest: Any) -> Graded:
    history = History(events)
    return Graded(
        SavedRun(history=history, manifest=msgspec.structs.replace(MANIFEST, **manifest)), grade(history, EXPECTED)
    )


def compared(one: list[Event], other: list[Event]) -> Comparison:
    return compare(graded(one), graded(other))


def printed(comparison: Comparison, *, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80, color_system="standard" if terminal else None)
    print_comparison(console, comparison, "runs/one", "runs/other")
    return file.getvalue()


RUNS = st.lists(st.sampled_from(FATES), min_size=1, max_size=5)
LATE = st.floats(0, 4000)


@given(fates=RUNS, late_ms=LATE)
@settings(max_examples=examples(30), deadline=None)
def test_a_run_tells_the_same_as_itself(fates: list[Any], late_ms: float) -> None:
    events = run(*fates, late_ms=late_ms)
    comparison = compared(events, list(events))
    assert comparison.same
    assert not comparison.manifest
    assert all(spread.one == spread.other for spread in comparison.spreads)


@given(fates=RUNS, one_ms=st.floats(0, 1500), other_ms=st.floats(0, 1500))
@settings(max_examples=examples(30), deadline=None)
def test_times_alone_make_no_difference(fates: list[Any], one_ms: float, other_ms: float) -> None:
    assert compared(run(*fates, late_ms=one_ms), run(*fates, late_ms=other_ms)).same


@given(one=RUNS, other=RUNS)
@settings(max_examples=examples(30), deadline=None)
def test_the_other_way_round_it_says_the_same_of_the_other(one: list[Any], other: list[Any]) -> None:
    here, there = run(FIRST_TRY, *one), run(FIRST_TRY, *other)
    forth, back = compared(here, there), compared(there, here)
    assert forth.same == back.same == (one == other)
    assert (forth.only_in_one, forth.only_in_other) == (back.only_in_other, back.only_in_one)
    assert forth.fates == tuple(Difference(each.name, each.other, each.one) for each in back.fates)
    assert forth.tasks_in_both == back.tasks_in_both


def test_another_fate_of_a_task_is_told_with_its_attempts() -> None:
    last = the(EVENTS, AttemptSucceeded, where=lambda event: (event.task_id or "").startswith("t1"))
    comparison = compared(EVENTS, without(EVENTS, last))
    assert comparison.fates == (
        Difference(last.task_id or "", "failed, succeeded: completed", "failed, unknown: unsettled"),
    )
    assert Difference("completed", 3, 2) in comparison.numbers
    assert Difference("settlement", "pass", "fail") in comparison.verdicts
    assert not comparison.same


def test_a_verdict_that_could_not_be_reached_differs_from_one_that_was() -> None:
    comparison = compared(EVENTS, [*EVENTS, missing("DeadLettered")])
    assert Difference("redrive", "pass", "unknown") in comparison.verdicts
    assert not comparison.fates
    assert not comparison.same


def test_tasks_in_one_run_only_are_named_and_runs_without_a_common_task_refused() -> None:
    comparison = compared(run(FIRST_TRY, SECOND_TRY), run(FIRST_TRY))
    assert (comparison.tasks_in_both, len(comparison.only_in_one), comparison.only_in_other) == (1, 1, ())
    assert not comparison.same
    with pytest.raises(HistoryError, match=r"no task was accepted in both.*--seed"):
        compared(run(FIRST_TRY), run(SECOND_TRY))


def test_what_was_run_otherwise_is_told_and_is_no_difference_in_the_outcome() -> None:
    other = {"target": "aws", "clock_scale": 60.0, "versions": {"python": "3.13", "boto3": "1"}, "created_at": "later"}
    comparison = compare(graded(EVENTS), graded(EVENTS, **other))
    assert comparison.same
    assert comparison.manifest == (
        Difference("target", "localstack", "aws"),
        Difference("clock_scale", 1.0, 60.0),
        Difference("versions.python", "3.11", "3.13"),
        Difference("versions.boto3", "absent", "1"),
    )


def test_times_are_spread_by_attempt() -> None:
    comparison = compared(EVENTS, run(*FATES, late_ms=550))
    by_name = {spread.name: spread for spread in comparison.spreads}
    assert list(by_name) == [
        *(f"from attempt {number} until seen next" for number in (1, 2, 3)),
        "from submission to the end",
    ]
    first = by_name["from attempt 1 until seen next"]
    assert first.one == Distribution(count=3, least=5.057, median=5.057, most=5.057)
    assert first.other == Distribution(count=3, least=5.557, median=5.557, most=5.557)
    last = by_name["from attempt 3 until seen next"].one
    assert last is not None
    assert last.count == 1
    whole = by_name["from submission to the end"].one
    assert whole is not None
    assert (whole.count, whole.least, whole.most) == (4, 0.039, 35.201)
    assert 5 < whole.median < 16


def test_the_comparison_is_printed_plainly_where_there_is_no_terminal() -> None:
    last = the(EVENTS, AttemptSucceeded, where=lambda event: (event.task_id or "").startswith("t1"))
    comparison = compare(graded(EVENTS), graded(without(EVENTS, last), target="aws"))
    text = printed(comparison)
    assert "\x1b" not in text
    assert [line.split() for line in text.splitlines() if line.startswith("target")] == [
        ["target", "localstack", "aws"]
    ]
    assert f"{last.task_id}" in text
    assert text.splitlines()[-1] == (
        f"DIFFERENT: {len(comparison.verdicts)} verdicts, 2 numbers, 1 fate, 0 absent tasks; 4 tasks in both runs."
    )
    assert "\x1b" in printed(comparison, terminal=True)
    assert printed(compared(EVENTS, EVENTS)).splitlines()[-1].startswith("SAME: ")


def test_the_comparison_is_json_that_has_all() -> None:
    comparison = compared(run(*[FIRST_TRY] * 30), run(FIRST_TRY))
    found = json.loads(json.dumps(comparison_as_json(comparison)))
    assert found["same"] is False
    assert len(found["only_in_one"]) == 29
    assert printed(comparison).count("\n  t") == 20
    assert "and 9 more tasks; --json has all" in printed(comparison)


def test_two_grades_of_a_run_differ_by_the_place_in_them() -> None:
    def document(events: list[Event]) -> dict[str, Any]:
        history = History(events)
        return as_json(grade(history, EXPECTED), history, EXPECTED)

    events = EVENTS
    for request in [event for event in EVENTS if isinstance(event, BackoffRequested)]:
        events = changed(events, request, delay_seconds=1.0)
    places = {each.name: (each.one, each.other) for each in differing_grades(document(EVENTS), document(events))}
    assert places["outcome"] == ("pass", "fail")
    assert places["checks.backoff.outcome"] == ("pass", "fail")
    assert "checks.settlement.outcome" not in places
    assert not any(place.startswith("times") for place in places)
    assert differing_grades(document(EVENTS), document(whole(*FATES, late_ms=700))) == ()
