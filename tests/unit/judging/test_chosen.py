"""Tasks that were chosen for their fate: they are judged as any other, and counted apart."""

from __future__ import annotations

import io

from msgspec.structs import replace
from rich.console import Console
from taskguard.history import AttemptSucceeded, Event, History, TaskSubmitted
from taskguard.judging.comparing import differing_grades
from taskguard.judging.grading import Grade, grade
from taskguard.judging.verdict import Outcome
from taskguard.reports.as_json import as_json
from taskguard.reports.console import print_grade
from taskguard.reports.html.page import page_of

from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    UNSEEDED,
    judge,
    run,
    the,
    with_the_other_outcome,
)
from tests.unit.judging.test_saved_runs import MANIFEST


def chosen(events: list[Event], *places: int) -> list[Event]:
    """The events, with the tasks submitted at these places chosen for their fate."""
    ids = [event.task_id for event in events if isinstance(event, TaskSubmitted)]
    wanted = {ids[place] for place in places}
    return [
        replace(event, chosen=event.task_id in wanted) if isinstance(event, TaskSubmitted) else event
        for event in events
    ]


EVENTS = chosen(run(FIRST_TRY, DEAD, SECOND_TRY, DEAD), 1, 3)


def graded(events: list[Event] = EVENTS) -> Grade:
    return grade(History(events), EXPECTED)


def test_no_number_counts_them() -> None:
    found = graded()
    assert (found.success, found.failure, found.completed, found.dead, found.unsettled) == (1, 1, 2, 0, 0)
    assert (len(found.fates), len(found.counted), [fate.end for fate in found.chosen]) == (4, 2, ["dead-lettered"] * 2)


def test_they_are_told_of_apart_and_the_two_numbers_stay_last() -> None:
    file, history = io.StringIO(), History(EVENTS)
    print_grade(Console(file=file, width=80), graded(), history)
    told = "2 probes beside them, in none of the numbers: 2 dead-lettered"
    lines = file.getvalue().splitlines()
    assert lines[-5] == f"{told}."
    assert lines[-2:] == ["SUCCESS: 1", "FAILURE: 1"]
    document = as_json(graded(), history, EXPECTED)
    assert (document["tasks"], document["chosen"], document["dead"]) == (2, 2, 0)
    page = page_of(graded(), history, MANIFEST)
    assert page.ends == f"2 tasks accepted: 2 completed, 0 dead-lettered, 0 unsettled. {told}"
    assert page.subtitle.startswith("2 tasks on ")


def test_the_rates_are_those_of_the_others_and_their_draws_are_compared_all_the_same() -> None:
    first, later = (judge(check, EVENTS) for check in ("first_failure_rate", "later_failure_rate"))
    assert (first.figures["first_attempts"], first.figures["first_failures"]) == (2, 1)
    assert (first.figures["rate"], first.figures["attempts_compared"]) == (0.5, 4)
    assert (later.figures["later_attempts"], later.figures["later_failures"]) == (1, 0)
    assert later.figures["attempts_compared"] == 5
    assert judge("independence", EVENTS).figures["first_attempts"] == 2


def test_one_that_contradicts_its_draw_is_a_fault_like_any_other() -> None:
    events = chosen(run(SECOND_TRY, FIRST_TRY), 1)
    succeeded = the(events, AttemptSucceeded, where=lambda event: event.receive_count == 1)
    assert judge("first_failure_rate", with_the_other_outcome(events, succeeded)).outcome is Outcome.FAIL


def test_they_are_no_evidence_of_a_rate() -> None:
    """Ten that were chosen to die would be one in a million by chance."""
    events = run(*[FIRST_TRY] * 15, *[SECOND_TRY] * 6, *[DEAD] * 10)
    assert judge("later_failure_rate", events, UNSEEDED).outcome is Outcome.FAIL
    counted = chosen(events, *range(21, 31))
    for check in ("first_failure_rate", "later_failure_rate"):
        assert judge(check, counted, UNSEEDED).outcome is Outcome.PASS, check


def test_a_grade_of_before_that_tells_of_neither_is_no_other_grade() -> None:
    events = run(FIRST_TRY, DEAD)
    now = as_json(graded(events), History(events), EXPECTED)
    before = {name: value for name, value in now.items() if name != "chosen"}
    for name, gone in (("checks", "exercised"), ("fates", "chosen")):
        entries = now[name]
        assert isinstance(entries, list)
        before[name] = [{key: value for key, value in each.items() if key != gone} for each in entries]
    assert differing_grades(before, now) == ()
    assert [each.name for each in differing_grades({**before, "chosen": 1}, now)] == ["chosen"]
