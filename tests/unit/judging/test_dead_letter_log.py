"""Each dead task is logged once, with every field, and truly."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from msgspec.structs import replace
from taskguard.contract.contract import DeadLetter
from taskguard.contract.dialect import LogWords
from taskguard.contract.log_text import facts_in
from taskguard.history import AttemptFailed, DeadLettered, DeadLetterLogged, Delivered, Event, RecordObserved
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    START_MS,
    changed,
    iso,
    judge,
    missing,
    run,
    the,
    without,
)

EVENTS = run(DEAD, FIRST_TRY)
LOGGED = the(EVENTS, DeadLetterLogged)
TASK = LOGGED.task_id
THIRD_DELIVERY = the(EVENTS, Delivered, where=lambda event: event.receive_count == 3)
DIED = the(EVENTS, DeadLettered)


def with_field(name: str, value: Any) -> list[Event]:
    return changed(EVENTS, LOGGED, fields={**LOGGED.fields, name: value})


def first_message(events: list[Event], outcome: Outcome = Outcome.FAIL) -> str:
    verdict = judge("dead_letter_log", events)
    assert verdict.outcome is outcome, verdict
    return verdict.findings[0].message


@pytest.mark.parametrize("name", ["event", "taskId", "payload", "attempts", "lastError", "createdAt", "failedAt"])
def test_a_missing_field_fails(name: str) -> None:
    fields = {key: value for key, value in LOGGED.fields.items() if key != name}
    message = first_message([*changed(EVENTS, LOGGED, fields=fields), missing("DeadLetterLogged", "Delivered")])
    assert message == f"task {TASK}: its dead-letter record lacks {name}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("event", "DIED", 'event is "DIED", expected "TASK_DEAD_LETTER"'),
        ("taskId", "another", 'taskId is "another", expected'),
        ("payload", {"of": "t0", "amount": 1, "list": [1, None]}, 'payload is {"amount":1,'),
        ("attempts", 2, "attempts is 2, expected 3"),
        ("attempts", 3.0, "attempts is 3.0, expected 3"),
        ("attempts", "3", 'attempts is "3", expected 3'),
        ("lastError", "", 'lastError is "", expected the error\'s text'),
        ("lastError", None, "lastError is null, expected the error's text"),
        ("lastError", "failure 2", 'lastError is "failure 2", and the task\'s record has "failure 3"'),
        ("createdAt", None, "createdAt is null, expected a time as ISO 8601 with its zone"),
        ("createdAt", "yesterday", 'createdAt is "yesterday", expected a time'),
        ("createdAt", "2023-11-14T22:13:20.010", "expected a time as ISO 8601 with its zone"),
        ("createdAt", iso(START_MS + 100), "createdAt is 0.07 s after the task's first delivery"),
        ("createdAt", iso(START_MS - 3000), "createdAt is 3 s before the task was submitted"),
        ("failedAt", 12, "failedAt is 12, expected a time"),
        ("failedAt", iso(THIRD_DELIVERY.at_ms - 100), "before the last failed attempt was delivered"),
        ("failedAt", iso(DIED.at_ms + 1000), "after the task had arrived in the dead-letter queue"),
    ],
)
def test_an_untrue_field_fails(name: str, value: Any, words: str) -> None:
    message = first_message(with_field(name, value))
    assert message.startswith(f"task {TASK}: in its dead-letter record ")
    assert words in message


def test_times_may_be_rounded_and_end_in_z() -> None:
    assert judge("dead_letter_log", with_field("createdAt", "2023-11-14T22:13:20.030Z")).outcome is Outcome.PASS
    assert judge("dead_letter_log", with_field("createdAt", iso(START_MS + 34))).outcome is Outcome.PASS


def test_a_wrong_number_of_attempts_is_excused_by_deliveries_not_seen() -> None:
    assert judge("dead_letter_log", [*with_field("attempts", 4), missing("Delivered")]).outcome is Outcome.UNKNOWN


def test_without_a_record_the_last_error_needs_only_to_be_there() -> None:
    events = without(with_field("lastError", "whatever"), RecordObserved)
    assert judge("dead_letter_log", events).outcome is Outcome.PASS


def test_no_log_record_fails_unless_the_log_may_be_incomplete() -> None:
    events = without(EVENTS, DeadLetterLogged)
    assert first_message(events) == f"task {TASK} was dead-lettered and never logged as a dead letter"
    assert judge("dead_letter_log", [*events, missing("DeadLetterLogged")]).outcome is Outcome.UNKNOWN


def test_two_log_records_fail() -> None:
    assert first_message([*EVENTS, replace(LOGGED)]) == f"task {TASK} was logged as a dead letter 2 times"


def test_a_log_record_of_a_living_task_fails() -> None:
    stray = replace(LOGGED, task_id="alive")
    assert "task alive was logged as a dead letter although" in first_message([*EVENTS, stray])
    nobody = replace(LOGGED, task_id=None, message_id=None)
    assert "names neither a task nor a message" in first_message([*EVENTS, nobody])


def test_a_poison_message_may_be_logged_once_and_its_fields_are_free() -> None:
    dead = replace(DIED, task_id=None, message_id="poison")
    logged = replace(LOGGED, task_id=None, message_id="poison", fields={})
    assert judge("dead_letter_log", [*EVENTS, dead, logged]).outcome is Outcome.PASS
    assert judge("dead_letter_log", [*EVENTS, dead]).outcome is Outcome.PASS
    twice = [*EVENTS, dead, logged, replace(logged)]
    assert first_message(twice) == "message poison was logged as a dead letter 2 times"


def test_three_failures_without_a_death_seen_are_not_vacuous() -> None:
    events = without(EVENTS, DeadLettered, DeadLetterLogged)
    assert "failed 3 times, and its death was not seen" in first_message(events, Outcome.UNKNOWN)
    assert the(events, AttemptFailed)


TEXT = LogWords(text="lost ${task_id} after ${attempts} tries: ${error}")


def in_text(line: str, form: Literal["any", "json"] = "any") -> Verdict:
    """The verdict where the death was logged as this line of plain text."""
    asked = DeadLetter(log=("task_id", "attempts", "error"), format=form)
    terms = replace(
        EXPECTED,
        contract=replace(EXPECTED.contract, dead_letter=asked),
        dialect=replace(EXPECTED.dialect, log=TEXT),
    )
    fields = facts_in(line, TEXT.text or "")
    assert fields is not None
    return judge("dead_letter_log", changed(EVENTS, LOGGED, fields=fields), terms)


def test_a_line_of_plain_text_is_judged_as_a_record_is() -> None:
    error = LOGGED.fields["lastError"]
    assert in_text(f"lost {TASK} after 3 tries: {error}").outcome is Outcome.PASS
    wrong = in_text(f"lost {TASK} after 2 tries: {error}")
    assert "in its dead-letter record attempts is 2, expected 3" in wrong.findings[0].message


def test_a_contract_may_ask_for_json() -> None:
    told = in_text(f"lost {TASK} after 3 tries: {LOGGED.fields['lastError']}", "json")
    assert told.outcome is Outcome.FAIL
    assert told.findings[0].message == "dead tasks are logged in plain text, and the contract asks for JSON"
    assert told.expected == "one record for each dead task, in JSON, with task_id, attempts, error"
