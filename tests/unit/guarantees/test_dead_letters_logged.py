"""Each dead task is logged at least once, truly, and its record says that it is dead; no other is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, DeadLettered, DeadLetterLogged, Event, RecordChanged, TaskSubmitted
from taskguard.judging.verdict import Outcome
from taskguard.support.json_values import Json

from tests.unit.guarantees.faulty import changes_of, fault, judged, messages, record_of
from tests.unit.judging.building import DEAD, FIRST_TRY, altered, changed, iso, missing, run, the, without

GUARANTEE = "dead_letters_logged"
EVENTS = run(FIRST_TRY, DEAD)
LOGGED = the(EVENTS, DeadLetterLogged)
DIED, DONE = LOGGED.task_id, the(EVENTS, AttemptSucceeded).task_id
SUBMITTED = the(EVENTS, TaskSubmitted, where=lambda e: e.task_id == DIED)


def with_fields(**fields: Json) -> list[Event]:
    return changed(EVENTS, LOGGED, fields={**LOGGED.fields, **fields})


def test_deaths_are_counted() -> None:
    verdict = judged(GUARANTEE, EVENTS)
    assert verdict.observed == "1 task dead, 1 log record: 0 at fault"


def test_a_death_that_was_never_logged_fails_unless_the_log_is_incomplete() -> None:
    unlogged = without(EVENTS, DeadLetterLogged)
    assert messages(GUARANTEE, unlogged, Outcome.FAIL) == f"task {DIED} died and was never logged as dead"
    assert judged(GUARANTEE, [*unlogged, missing("DeadLetterLogged")]).outcome is Outcome.UNKNOWN


def test_a_death_that_only_the_record_tells_of_must_be_logged_too() -> None:
    unseen = without(EVENTS, DeadLetterLogged, DeadLettered)
    assert judged(GUARANTEE, unseen).outcome is Outcome.FAIL


def test_a_death_may_be_logged_more_often_than_once_each_time_truly() -> None:
    again = replace(LOGGED, at_ms=LOGGED.at_ms + 90_000)
    assert judged(GUARANTEE, [*EVENTS, again]).outcome is Outcome.PASS
    untrue = altered(again, fields={**LOGGED.fields, "attempts": 2})
    assert "says that attempts is 2" in messages(GUARANTEE, [*EVENTS, untrue], Outcome.FAIL)


@pytest.mark.parametrize("name", ["event", "taskId", "payload", "attempts", "lastError", "createdAt", "failedAt"])
def test_a_record_that_lacks_a_field_fails(name: str) -> None:
    fields = {key: value for key, value in LOGGED.fields.items() if key != name}
    told = messages(GUARANTEE, changed(EVENTS, LOGGED, fields=fields), Outcome.FAIL)
    assert told == f"task {DIED}: its dead-letter record lacks {name}"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("event", "DEAD", 'says that event is "DEAD", expected "TASK_DEAD_LETTER"'),
        ("taskId", "other", 'says that taskId is "other", expected'),
        ("payload", {"of": "t1"}, 'says that payload is {"of":"t1"}, expected'),
        ("attempts", 4, "says that attempts is 4, and the last attempt in the task's record is 3"),
        ("attempts", 3.0, "says that attempts is 3.0, and the last attempt in the task's record is 3"),
        ("lastError", "failure 2", 'says that lastError is "failure 2", and the task\'s record has "failure 3"'),
        ("lastError", None, "says that lastError is null"),
        ("createdAt", "yesterday", "which is no ISO 8601 time with its zone"),
        ("failedAt", None, "which is no ISO 8601 time with its zone"),
        ("createdAt", iso(SUBMITTED.at_ms - 6), "has a createdAt 0.006 s before the task was submitted"),
        ("failedAt", iso(SUBMITTED.at_ms - 6), "has a failedAt 0.006 s before the task was submitted"),
        ("failedAt", iso(LOGGED.at_ms + 6), "after it was logged"),
        ("createdAt", iso(SUBMITTED.at_ms + 500), "has another createdAt than the task's record"),
    ],
)
def test_a_field_that_is_not_true_fails(name: str, value: Json, told: str) -> None:
    assert told in messages(GUARANTEE, with_fields(**{name: value}), Outcome.FAIL)


@pytest.mark.parametrize("seconds", [-300.0, 300.0])
def test_a_clock_that_was_set_wrong_on_purpose_may_write_times_as_wrong(seconds: float) -> None:
    events = with_fields(failedAt=iso(LOGGED.at_ms + seconds * 1000))
    assert judged(GUARANTEE, events).outcome is Outcome.FAIL
    skewed = fault(f"skew seconds={seconds}", SUBMITTED.at_ms)
    assert judged(GUARANTEE, [*events, skewed]).outcome is Outcome.PASS
    less = fault(f"skew seconds={seconds / 2}", SUBMITTED.at_ms)
    assert judged(GUARANTEE, [*events, less]).outcome is Outcome.FAIL


@pytest.mark.parametrize("status", ["PROCESSING", "RETRYING", None])
def test_a_dead_task_whose_record_says_otherwise_fails(status: str | None) -> None:
    marked = [each for each in changes_of(EVENTS, DIED) if each.status == "DEAD_LETTER"]
    events = changed(without(EVENTS, *marked), record_of(EVENTS, DIED), status=status)
    found = "it has no record" if status is None else f"its record says {status}"
    assert messages(GUARANTEE, events, Outcome.FAIL) == f"task {DIED} died, and {found}"


@pytest.mark.parametrize("status", ["COMPLETED", "RETRYING"])
def test_a_task_that_is_logged_as_dead_and_is_not_fails(status: str) -> None:
    logged = altered(LOGGED, task_id=DONE)
    events = changed([*EVENTS, logged], record_of(EVENTS, DONE), status=status)
    if status != "COMPLETED":
        events = without(events, changes_of(EVENTS, DONE)[-1])
    assert f"task {DONE} was logged as dead, and it is not" in messages(GUARANTEE, events, Outcome.FAIL)


def test_a_message_of_a_completed_task_that_ends_in_the_queue_is_no_death() -> None:
    late = altered(the(EVENTS, DeadLettered), task_id=DONE, message_id=f"message-of-{DONE}")
    verdict = judged(GUARANTEE, [*EVENTS, late])
    assert (verdict.outcome, verdict.figures["dead"]) == (Outcome.PASS, 1)


def test_a_log_record_of_nothing_that_died_fails() -> None:
    fields: dict[str, Any] = {"event": "TASK_DEAD_LETTER"}
    stray = DeadLetterLogged(at_ms=LOGGED.at_ms, task_id=None, message_id="stray", fields=fields)
    assert messages(GUARANTEE, [*EVENTS, stray], Outcome.FAIL) == (
        "a dead-letter record names message stray, which did not die"
    )


def test_missing_changes_leave_it_unknown_whether_another_died() -> None:
    assert judged(GUARANTEE, [*EVENTS, missing(RecordChanged.__name__)]).outcome is Outcome.UNKNOWN
