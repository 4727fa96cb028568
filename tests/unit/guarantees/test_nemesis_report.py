"""What was broken in a run, and what came of it: in figures, in `nemesis.json`, on a console and in the report."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    History,
    Manifest,
    TaskSubmitted,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade_run
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome
from taskguard.reports.console import Told, print_grade
from taskguard.reports.html import write_report
from taskguard.reports.nemesis import FaultRow, Nemesis, nemesis_of, write_nemesis
from taskguard.reports.timeline import timeline

from tests.unit.guarantees.faulty import also_changed, changes_of, fault, record_of, struck
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    UNSEEDED,
    altered,
    changed,
    run,
    the,
    without,
)
from tests.unit.judging.reporting import manifest_of, read

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD)
SUBMITTED = [event for event in EVENTS if isinstance(event, TaskSubmitted)]
IDS = [event.task_id or "" for event in SUBMITTED]
LINES = ("lose rate=0.5", "kill when=after", "consumer-off from=4.0 for=2.0")
LOSE, KILL, OFF = LINES


def manifest(terms: Terms = EXPECTED, lines: tuple[str, ...] = LINES) -> Manifest:
    return manifest_of(terms, faults=lines, fault_seed="f-1", repeat="taskguard grade --replay runs/1")


def told(events: list[Event], *faults: FaultInjected, terms: Terms = EXPECTED) -> Nemesis:
    nemesis = nemesis_of(History([*events, *faults]), manifest(terms))
    assert nemesis is not None
    return nemesis


def row(line: str, nemesis: Nemesis) -> FaultRow:
    (found,) = (each for each in nemesis.rows if each.line == line)
    return found


def test_a_run_without_faults_has_none() -> None:
    assert nemesis_of(History(EVENTS), manifest_of()) is None


def test_each_fault_of_the_plan_has_a_row_in_its_order_though_it_never_struck() -> None:
    nemesis = told(EVENTS)
    assert [each.line for each in nemesis.rows] == list(LINES)
    assert [each.name for each in nemesis.rows] == ["lose", "kill (after)", "consumer-off"]
    assert row(LOSE, nemesis) == FaultRow(
        name="lose",
        line=LOSE,
        injections=0,
        tasks_struck=0,
        in_flight_median=None,
        in_flight_most=None,
        lost=0,
        doubled=0,
        settled_late=0,
        late_most_seconds=None,
    )


def test_injections_and_the_tasks_that_they_struck_are_counted() -> None:
    at_ms = SUBMITTED[2].answered_ms + 1
    faults = [fault(LOSE, at_ms, IDS[2]), fault(LOSE, at_ms + 1, IDS[2]), fault(KILL, at_ms, IDS[1], IDS[2])]
    nemesis = told(EVENTS, *faults)
    assert (row(LOSE, nemesis).injections, row(LOSE, nemesis).tasks_struck) == (2, 1)
    assert (row(KILL, nemesis).injections, row(KILL, nemesis).tasks_struck) == (1, 2)
    assert (nemesis.kinds, nemesis.injections, nemesis.tasks) == (2, 3, 3)
    assert (nemesis.seed, nemesis.fault_seed) == (EXPECTED.draws.seed, "f-1")


def test_in_flight_is_a_task_from_its_acceptance_to_its_end() -> None:
    done_ms = changes_of(EVENTS, IDS[0])[-1].at_ms
    moments = [SUBMITTED[0].answered_ms - 1, done_ms - 1, done_ms + 1, SUBMITTED[1].answered_ms + 1]
    counts = [row(LOSE, told(EVENTS, fault(LOSE, at_ms, IDS[2]))).in_flight_most for at_ms in moments]
    assert counts == [0, 1, 0, 1]
    both = told(EVENTS, fault(LOSE, moments[1], IDS[2]), fault(LOSE, SUBMITTED[2].answered_ms + 1, IDS[2]))
    assert (row(LOSE, both).in_flight_median, row(LOSE, both).in_flight_most) == (1.5, 2)


def test_what_strikes_the_whole_stack_strikes_what_is_in_flight_meanwhile() -> None:
    off = fault(OFF, SUBMITTED[1].answered_ms + 100, until_ms=SUBMITTED[2].answered_ms + 100)
    assert row(OFF, told(EVENTS, off)).tasks_struck == 2


def test_a_task_that_was_not_settled_is_lost() -> None:
    done = changes_of(EVENTS, IDS[0])[-1]
    events = changed(without(EVENTS, done), record_of(EVENTS, IDS[0]), status="PROCESSING")
    nemesis = told(events, fault(LOSE, done.at_ms, IDS[0]), fault(KILL, done.at_ms, IDS[1]))
    assert (nemesis.lost, row(LOSE, nemesis).lost, row(KILL, nemesis).lost) == (1, 1, 0)


def test_a_task_that_was_completed_twice_or_completed_and_dead_is_doubled() -> None:
    twice = also_changed(EVENTS, IDS[0], "COMPLETED")
    both = also_changed(twice, IDS[2], "COMPLETED")
    nemesis = told(both, fault(LOSE, EVENTS[0].at_ms, IDS[0]))
    assert (nemesis.doubled, row(LOSE, nemesis).doubled) == (2, 1)


def test_late_is_what_took_longer_than_its_own_draws_would() -> None:
    struck_one = fault(LOSE, SUBMITTED[1].answered_ms + 1, IDS[1])
    assert row(LOSE, told(EVENTS, struck_one)).settled_late == 0
    last = changes_of(EVENTS, IDS[1])[-1]
    late = changed(EVENTS, last, at_ms=last.at_ms + 90_000)
    found = row(LOSE, told(late, struck_one))
    assert found.settled_late == 1
    assert found.late_most_seconds == pytest.approx(90.0, abs=0.2)
    assert found.cells()[-1].startswith("1, at most by 90")


def test_without_a_seed_nobody_knows_what_is_late() -> None:
    found = row(LOSE, told(EVENTS, fault(LOSE, EVENTS[0].at_ms, IDS[0]), terms=UNSEEDED))
    assert found.settled_late is None
    assert found.cells()[-1] == "not known"


def test_a_task_that_was_accepted_only_after_its_end_is_not_in_flight() -> None:
    done = the(EVENTS, AttemptSucceeded, where=lambda e: e.task_id == IDS[0])
    events = changed(EVENTS, SUBMITTED[0], answered_ms=done.at_ms + 5000)
    assert row(LOSE, told(events, fault(LOSE, done.at_ms + 1, IDS[0]))).in_flight_most == 0


def test_the_same_line_twice_is_one_row() -> None:
    nemesis = nemesis_of(History(EVENTS), manifest(lines=(LOSE, LOSE)))
    assert nemesis is not None
    assert len(nemesis.rows) == 1


def test_it_is_written_as_json_and_only_for_a_run_with_faults(tmp_path: Path) -> None:
    history = History([*EVENTS, fault(LOSE, SUBMITTED[2].answered_ms, IDS[2])])
    write_nemesis(tmp_path, history, manifest_of())
    assert not list(tmp_path.iterdir())
    write_nemesis(tmp_path, history, manifest())
    document = json.loads((tmp_path / "nemesis.json").read_text())
    assert (document["format_version"], document["lost"], document["fault_seed"]) == (1, 0, "f-1")
    assert document["rows"][0]["line"] == LOSE


def printed(events: list[Event]) -> str:
    history, of = History(events), manifest()
    file = io.StringIO()
    graded = grade_run(history, of)
    print_grade(Console(file=file, width=80), graded, history, Told(repeat=of.repeat, nemesis=nemesis_of(history, of)))
    return file.getvalue()


def test_a_console_has_the_table_before_the_two_numbers() -> None:
    text = printed([*EVENTS, fault(LOSE, SUBMITTED[2].answered_ms, IDS[2])])
    assert "\n1 fault of 1 kind injected (seed f-1), 3 tasks: 0 lost, 0 doubled.\n" in text
    assert "Run it again with: taskguard grade --replay runs/1" in text
    assert text.splitlines()[-2:] == ["SUCCESS: 1", "FAILURE: 2"]


def test_the_report_has_the_table_and_the_command(tmp_path: Path) -> None:
    history, of = History([*EVENTS, fault(LOSE, SUBMITTED[2].answered_ms, IDS[2])]), manifest()
    write_report(tmp_path, grade_run(history, of), history, of)
    page = read(tmp_path)
    (section,) = page.all("section", id="faults")
    assert [cell.text for cell in section.all("th", scope="row")] == ["lose", "kill (after)", "consumer-off"]
    assert LOSE in section.text
    assert page.all("a", href="#faults")
    assert "taskguard grade --replay runs/1" in page.text
    assert not page.all("script")


def test_under_faults_no_wait_is_red_that_the_verdicts_allow_and_none_is_negative(tmp_path: Path) -> None:
    late = run(FIRST_TRY, SECOND_TRY, DEAD, late_ms=40_000.0)
    first, second, *_ = (each for each in EVENTS if isinstance(each, Delivered) and each.task_id == IDS[2])
    handed_out_twice = changed(EVENTS, second, at_ms=first.at_ms + 1)
    for events in (late, handed_out_twice):
        history = History([*events, fault(LOSE, SUBMITTED[2].answered_ms, IDS[2])])
        graded = grade_run(history, manifest())
        assert {each.check for each in graded.verdicts if each.outcome is not Outcome.PASS} == {"faults_met"}
        write_report(tmp_path, graded, history, manifest())
        page = read(tmp_path)
        assert not [each for each in page.all("rect", "text", class_="outside") if "x" in each.attributes]
        [waits] = page.all("section", id="waits")
        assert ": -" not in waits.text
        assert not page.all("section", id="rates")
        assert "of backoff" not in page.text


def test_a_report_without_faults_has_no_such_part(tmp_path: Path) -> None:
    history, of = History(EVENTS), manifest_of()
    write_report(tmp_path, grade_run(history, of), history, of)
    page = read(tmp_path)
    assert not page.all("section", id="faults")
    assert not page.all("a", href="#faults")


def test_a_task_s_timeline_tells_of_its_faults() -> None:
    delivered = the(EVENTS, Delivered, where=lambda e: e.task_id == IDS[2])
    history = History([*EVENTS, struck("kill when=after", delivered, IDS[1])])
    for task_id in IDS[1:]:
        assert "fault injected: kill" in timeline(history, task_id)
    assert "fault injected" not in timeline(history, IDS[0])


@pytest.mark.parametrize("events", [EVENTS, [event for event in EVENTS if not isinstance(event, AttemptSucceeded)]])
def test_faults_that_the_run_had_not_planned_leave_every_verdict_open(events: list[Event]) -> None:
    struck_by_another = fault(LOSE, SUBMITTED[2].answered_ms, IDS[2])
    history = History([*events, struck_by_another])
    graded = grade_run(history, manifest_of())
    assert {verdict.outcome for verdict in graded.verdicts} == {Outcome.UNKNOWN, Outcome.NOT_APPLICABLE}
    assert graded.exit_code == 2
    for verdict in (each for each in graded.verdicts if each.outcome is Outcome.UNKNOWN):
        assert "faults were injected (lose) that this run had not planned" in verdict.findings[0].message
        assert verdict.findings[0].events == (history.position(struck_by_another),)


def test_a_run_with_faults_is_judged_by_the_guarantees_and_its_ends_by_the_records() -> None:
    died = the(EVENTS, DeadLettered)
    late = altered(died, task_id=IDS[0], message_id=f"message-of-{IDS[0]}")
    graded = grade_run(History([*EVENTS, late]), manifest())
    assert [verdict.check for verdict in graded.verdicts] == list(GUARANTEES)
    assert {fate.task_id: fate.end for fate in graded.fates}[IDS[0]] == "completed"
    assert (graded.completed, graded.dead) == (2, 1)
    assert [v.check for v in grade_run(History(EVENTS), manifest_of()).verdicts] == list(CHECKS)
