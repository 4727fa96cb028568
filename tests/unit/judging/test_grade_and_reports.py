"""The grade, and how it is shown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    History,
    RecordObserved,
    TaskSubmitted,
)
from taskguard.judging.grading import TaskFate, grade
from taskguard.judging.verdict import Outcome
from taskguard.reports.as_json import as_json, write_grade
from taskguard.reports.clock import clock_note
from taskguard.reports.console import Told, print_grade, sample
from taskguard.reports.plain import printable
from taskguard.reports.timeline import timeline

from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    altered,
    changed,
    missing,
    run,
    the,
    without,
)
from tests.unit.judging.calling import handed_in_again, second_message
from tests.unit.judging.reporting import manifest_of

FATES = (FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD, FIRST_TRY, FIRST_TRY)
EVENTS = whole(*FATES)


def printed(events: list[Event], *, terminal: bool = False) -> str:
    file = io.StringIO()
    history = History(events)
    console = Console(file=file, force_terminal=terminal, width=80, color_system=None if not terminal else "standard")
    print_grade(console, grade(history, EXPECTED), history)
    return file.getvalue()


def wrong_delays() -> list[Event]:
    events = EVENTS
    for request in [event for event in EVENTS if isinstance(event, BackoffRequested)]:
        events = changed(events, request, delay_seconds=1.0)
    return events


def test_the_numbers_of_a_grade() -> None:
    graded = grade(History(EVENTS), EXPECTED)
    assert (graded.success, graded.failure, graded.exit_code) == (3, 3, 0)
    assert (graded.completed, graded.dead, graded.unsettled) == (5, 1, 0)
    died = the(EVENTS, DeadLettered).task_id or ""
    assert TaskFate(task_id=died, attempts=("failed",) * 3, end="dead-lettered") in graded.fates
    assert [fate.task_id for fate in graded.fates] == sorted(fate.task_id for fate in graded.fates)


def test_of_a_probe_in_several_messages_the_attempts_are_in_no_order_of_chance() -> None:
    events = second_message(handed_in_again(run(SECOND_TRY)), after_ms=-1.0)
    for chosen, expected in (
        (True, ("failed", "succeeded", "succeeded")),
        (False, ("succeeded", "failed", "succeeded")),
    ):
        submitted = [replace(each, chosen=chosen) if isinstance(each, TaskSubmitted) else each for each in events]
        [fate] = grade(History(submitted), EXPECTED).fates
        assert (fate.attempts, fate.chosen) == (expected, chosen)


def test_exit_codes() -> None:
    assert grade(History(EVENTS), EXPECTED).exit_code == 0
    assert grade(History(wrong_delays()), EXPECTED).exit_code == 1
    assert grade(History([*wrong_delays(), missing("TaskSubmitted")]), EXPECTED).exit_code == 1
    assert grade(History([*EVENTS, missing("Delivered")]), EXPECTED).exit_code == 2
    assert grade(History(), EXPECTED).exit_code == 2
    assert grade(History(EVENTS), EXPECTED, checks={}).exit_code == 2


def test_a_first_attempt_not_seen_is_neither_success_nor_failure() -> None:
    events = without(EVENTS, the(EVENTS, AttemptSucceeded, where=lambda event: event.receive_count == 1))
    graded = grade(History(events), EXPECTED)
    assert (graded.success, graded.failure, graded.unsettled) == (2, 3, 1)
    assert ("unknown",) in [fate.attempts for fate in graded.fates]


def test_the_console_ends_with_the_two_numbers() -> None:
    for events in (EVENTS, wrong_delays(), []):
        for terminal in (False, True):
            graded = grade(History(events), EXPECTED)
            wanted = f"\nSUCCESS: {graded.success}\nFAILURE: {graded.failure}\n"
            assert printed(events, terminal=terminal).endswith(wanted)


def test_without_a_terminal_the_console_is_plain_and_uncut() -> None:
    text = printed(wrong_delays())
    graded = grade(History(wrong_delays()), EXPECTED)
    assert "\x1b" not in text
    for verdict in graded.verdicts:
        assert any(verdict.check in line and verdict.observed in line for line in text.splitlines())
        is_open = verdict.outcome in (Outcome.FAIL, Outcome.UNKNOWN)
        assert (f"\n    expected: {verdict.expected}\n" in text) is is_open
        for finding in verdict.findings[:2]:
            assert f" {finding.message}\n" in text
    assert "\x1b" in printed(wrong_delays(), terminal=True)


def test_only_the_first_findings_are_shown() -> None:
    (backoff,) = (each for each in grade(History(wrong_delays()), EXPECTED).verdicts if each.check == "backoff")
    assert len(backoff.findings) == 12
    text = printed(wrong_delays())
    assert "    and 9 more findings, in grade.json" in text
    assert backoff.findings[5].message not in text


def test_the_sample_has_each_kind() -> None:
    fine = grade(History(EVENTS), EXPECTED)
    kinds = {fate.task_id: (fate.end, min(len(fate.attempts), 2)) for fate in fine.fates}
    assert [kinds[task_id] for task_id in sample(fine)] == [("completed", 1), ("completed", 2), ("dead-lettered", 2)]


def test_what_failed_is_shown_with_what_was_expected_and_a_task_that_shows_it() -> None:
    last = the(EVENTS, AttemptSucceeded, where=lambda e: (e.task_id or "").startswith("t5"))
    events = without(EVENTS, last)
    settlement = next(v for v in grade(History(events), EXPECTED).verdicts if v.check == "settlement")
    text = printed(events)
    below = text[text.index(settlement.observed) :]
    assert f"{settlement.observed}\n    {settlement.claim}\n    expected: {settlement.expected}\n" in below
    assert f"\n    task {last.task_id}\n    >  +0.000 s  submitted" in below.replace("> +", ">  +")


def test_the_events_that_show_it_are_marked_and_no_others() -> None:
    history = History(wrong_delays())
    finding = next(each for each in grade(history, EXPECTED).verdicts if each.check == "backoff").findings[0]
    assert finding.task_id is not None
    marked = [line for line in timeline(history, finding.task_id, finding.events).splitlines() if line.startswith(">")]
    assert len(marked) == len(finding.events) == 2
    assert "asked for a backoff of 1 s" in marked[0]
    assert ">" not in timeline(history, finding.task_id)


def test_a_long_timeline_is_cut_in_the_middle_and_keeps_what_is_marked() -> None:
    delivered = the(EVENTS, Delivered, where=lambda event: (event.task_id or "").startswith("t3"))
    again = [altered(delivered, at_ms=delivered.at_ms + 0.001 * number) for number in range(1, 200)]
    history = History([*EVENTS, *again])
    middle = again[100]
    lines = timeline(history, delivered.task_id or "", [history.position(middle)]).splitlines()
    assert len(lines) <= 45
    assert len([line for line in lines if line.startswith(">")]) == 1
    assert sum(int(line.split()[1]) for line in lines if "more event" in line) + len(lines) - 3 == len(
        history.of_task(delivered.task_id or "")
    )


def test_the_command_that_repeats_the_run_is_in_one_piece() -> None:
    command = "taskguard grade --seed " + "s" * 100
    for terminal in (False, True):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=80, color_system=None)
        print_grade(console, grade(History(EVENTS), EXPECTED), History(EVENTS), Told(repeat=command))
        assert f"\nRun it again with: {command}\n\n" in file.getvalue()


def test_a_terminal_of_80_columns_is_enough() -> None:
    failed = the(EVENTS, AttemptFailed, where=lambda event: (event.task_id or "").startswith("t1"))
    text = printed(changed(wrong_delays(), failed, reason="a very long reason " * 20), terminal=True)
    plain = Text.from_ansi(text).plain.splitlines()
    assert max(map(len, plain)) <= 80
    assert "a very long reason" in text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nSUCCESS: 99\u202e\x9b31m\ud800\t"


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_a_pipeline_says_is_obeyed_by_the_terminal(terminal: bool) -> None:
    events: list[Event] = []
    for event in wrong_delays():
        of: dict[str, Any] = {"task_id": f"{HOSTILE}{event.task_id}"} if hasattr(event, "task_id") else {}
        of |= {"reason": HOSTILE} if isinstance(event, AttemptFailed) else {}
        of |= {"status": HOSTILE} if isinstance(event, RecordObserved) else {}
        of |= {"payload": {HOSTILE: HOSTILE}} if isinstance(event, RecordObserved) else {}
        events.append(altered(event, **of))
    text = printed([*events, missing("QueueDepth")], terminal=terminal)
    assert "\nSUCCESS: 99" not in text
    assert not set(text) & set("\x07\r\t\x9b\u202e\ud800")
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert ("\x1b" in text) is terminal
    assert "SUCCESS: 99\\u202e\\x9b31m\\ud800" in text.replace("\n    ", "").replace("\n", "")


@given(st.text(st.characters()))
@settings(deadline=None)
def test_what_is_printable_stays_and_the_rest_can_be_told(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_markup_in_what_a_pipeline_says_is_shown_as_it_is() -> None:
    failed = the(EVENTS, AttemptFailed, where=lambda event: (event.task_id or "").startswith("t1"))
    events = changed(wrong_delays(), failed, reason="[bold]oops[/nonsense]")
    assert "failed at receive 1: [bold]oops[/nonsense]" in printed(events)


def test_a_timeline_has_a_line_for_each_event() -> None:
    history = History(EVENTS)
    died = the(EVENTS, DeadLettered).task_id or ""
    lines = timeline(history, died).splitlines()
    assert lines[0] == f"task {died}"
    assert lines[1].split(maxsplit=2) == ["+0.000", "s", "submitted, accepted (HTTP 202)"]
    assert lines[6].strip() == "+0.034 s  asked for a backoff of 5 s"
    assert lines[-4].strip().endswith("s  arrived in the dead-letter queue")
    assert len(lines) == 1 + len(history.of_task(died))
    assert timeline(history, "nobody") == "task nobody: nothing was seen of it"


def test_json_is_the_same_but_for_its_times() -> None:
    slower = whole(*FATES, late_ms=700)
    first, second = (
        as_json(grade(History(events), EXPECTED), History(events), EXPECTED) for events in (EVENTS, slower)
    )
    assert first["times"] != second["times"]
    assert json.dumps({**first, "times": None}) == json.dumps({**second, "times": None})
    assert first["seed"] == EXPECTED.draws.seed


def test_json_of_failures_is_the_same_but_for_its_times_and_the_words_of_findings() -> None:
    def late(late_ms: float) -> str:
        events = run(DEAD, late_ms=late_ms)
        document: Any = as_json(grade(History(events), EXPECTED), History(events), EXPECTED)
        told = document["times"]["checks"]
        for check in document["checks"]:
            assert check.pop("findings", None) == (
                [finding["message"] for finding in told[check["check"]]["findings"]]
                if check["outcome"] in ("fail", "unknown")
                else None
            )
            check.pop("reason", None)
        return json.dumps({**document, "times": None})

    assert late(3000) == late(3001)
    assert '"outcome": "fail"' in late(3000)


def test_json_is_written_with_everything(tmp_path: Path) -> None:
    history = History(wrong_delays())
    graded = grade(history, EXPECTED)
    write_grade(tmp_path / "grade.json", graded, history, EXPECTED)
    found = json.loads((tmp_path / "grade.json").read_text())
    assert (found["success"], found["failure"], found["exit_code"], found["outcome"]) == (3, 3, 1, "fail")
    (backoff,) = (verdict for verdict in graded.verdicts if verdict.check == "backoff")
    assert len(found["times"]["checks"]["backoff"]["findings"]) == len(backoff.findings)
    position = found["times"]["checks"]["backoff"]["findings"][0]["events"][0]
    assert isinstance(history[position], BackoffRequested | AttemptFailed)
    died = the(EVENTS, DeadLettered).task_id
    assert 35 < found["times"]["seconds_to_settle"][died] < 36


def test_reports_of_an_empty_history() -> None:
    found = as_json(grade(History(), EXPECTED), History(), EXPECTED)
    assert (found["outcome"], found["tasks"]) == ("unknown", 0)


def test_indexes_find_what_happened() -> None:
    history = History(EVENTS)
    delivered = the(EVENTS, Delivered)
    assert history[history.position(delivered)] is delivered
    assert delivered in history.of_message(delivered.message_id)
    # One was handed in again, and one request was no task.
    assert len(history.of_kind(TaskSubmitted)) - 1 == len(history.accepted) == len(history.task_ids) - 1 == len(FATES)
    assert [attempt.number for attempt in history.attempts_of(the(EVENTS, DeadLettered).task_id or "")] == [1, 2, 3]


def test_each_of_two_equal_events_has_its_own_position() -> None:
    logged = the(EVENTS, DeadLetterLogged)
    twin, stranger = altered(logged), altered(logged)
    history = History([*EVENTS, twin])
    assert history.position(twin) == history.position(logged) + 1
    others = history.without(frozenset(history.accepted) - {logged.task_id or ""})
    assert others.position(twin) == history.position(twin) > len(others)
    with pytest.raises(ValueError, match="not an event of this history"):
        history.position(stranger)


@pytest.mark.parametrize(
    ("target", "what_of_it"),
    [("localstack", "its times are right all the same"), ("ministack", "may be wrong by as much")],
)
def test_a_report_warns_when_the_machines_clock_was_set_during_the_run(target: str, what_of_it: str) -> None:
    said = clock_note(manifest_of(target=target, machine_clock_set_seconds=-3.0))
    assert "Warning: the machine's clock was set by -3 s during the run" in said
    assert what_of_it in said


def test_a_report_says_that_the_clock_was_scaled_and_only_then() -> None:
    history = History(EVENTS)
    graded = grade(history, EXPECTED)
    assert clock_note(manifest_of()) == ""
    said = clock_note(manifest_of(clock_scale=60.0))
    assert "ran up to 60 times as fast as the machine's" in said
    file = io.StringIO()
    print_grade(Console(file=file, width=200), graded, history, Told(notes=(said,)))
    assert file.getvalue().startswith(said[:100])
    assert as_json(graded, history, EXPECTED)["clock_scale"] == 1
    assert as_json(graded, history, EXPECTED, clock_scale=60)["clock_scale"] == 60
