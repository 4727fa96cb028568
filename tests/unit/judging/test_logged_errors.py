"""The error that was logged of a dead task is that of its last failed attempt, by what the attempt showed of it itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.contract.terms import Terms
from taskguard.history import AttemptLogged, DeadLetterLogged, Delivered, Event, InvocationFailed, RecordObserved
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, changed, judge, run, the, without
from tests.unit.judging.failing import invocation_failed

EVENTS = without(run(DEAD, DEAD, FIRST_TRY), RecordObserved)
LOGGED = the(EVENTS, DeadLetterLogged)
TASK = LOGGED.task_id


def delivery(number: int, of: DeadLetterLogged = LOGGED) -> Delivered:
    return the(EVENTS, Delivered, where=lambda e: e.task_id == of.task_id and e.receive_count == number)


def lines(number: int, *said: str, of: DeadLetterLogged = LOGGED) -> AttemptLogged:
    """What that attempt logged."""
    one = delivery(number, of)
    return AttemptLogged(
        at_ms=one.at_ms + 9,
        task_id=one.task_id,
        message_id=one.message_id,
        receive_count=number,
        delivery_id=one.delivery_id,
        function="worker",
        lines=said,
    )


def failed(number: int, message: str, of: DeadLetterLogged = LOGGED) -> InvocationFailed:
    """That attempt's invocation failed as a whole."""
    one = delivery(number, of)
    ids = {"delivery_id": one.delivery_id, "task_ids": (one.task_id or "",)}
    return invocation_failed(
        at_ms=one.at_ms + 9, started_ms=one.at_ms, error_type="RuntimeError", message=message, **ids
    )


def logging(error: str, *more: Event) -> list[Event]:
    return [*changed(EVENTS, LOGGED, fields={**LOGGED.fields, "lastError": error}), *more]


def messages(events: list[Event], outcome: Outcome, terms: Terms = EXPECTED) -> list[str]:
    verdict = judge("dead_letter_log", [*events], terms)
    found = [finding.message for finding in verdict.findings if "record was read" not in finding.message]
    assert verdict.outcome is outcome, verdict
    return found


def as_json(error: str) -> str:
    return json.dumps({"message": "attempt failed", "error": error})


@pytest.mark.parametrize(
    ("first", "third"),
    [
        (lines(1, as_json("disk «full»")), lines(3, as_json("time is over"))),
        (lines(1, "attempt 1 failed: disk «full»"), lines(3, "attempt 3 failed: time is over")),
        (lines(1, "[ERROR] RuntimeError: disk «full»\rTraceback"), lines(3, "[ERROR] RuntimeError: time is over\rTra")),
        (failed(1, "disk «full»"), failed(3, "time is over")),
        (failed(1, "disk «full»"), lines(3, as_json("time is over"))),
    ],
    ids=["JSON", "text", "runtime client", "invocations", "both"],
)
def test_the_error_of_the_first_attempt_is_not_the_last_one_s(first: Any, third: Any) -> None:
    [found] = messages(logging("disk «full»", first, third), Outcome.FAIL)
    assert found.startswith(f"task {TASK}: in its dead-letter record lastError is")
    assert 'which is the error of attempt 1; attempt 3, the last one, ended with "time is over"' in found
    assert messages(logging("time is over", first, third), Outcome.PASS) == []


@pytest.mark.parametrize(
    ("logged", "more"),
    [
        pytest.param("disk full", [lines(1, as_json("disk full"))], id="of the last attempt nothing is known"),
        pytest.param("disk full", [lines(1, as_json("disk full")), lines(3, "giving up")], id="it tells no error"),
        pytest.param(
            "disk full",
            [lines(1, as_json("disk full")), lines(3, as_json("gave up"), "it was: disk full")],
            id="it has both",
        ),
        pytest.param("RuntimeError: over", [failed(1, "full"), failed(3, "over")], id="with its type"),
        pytest.param("sorry", [failed(1, "full"), failed(3, "over")], id="in words of its own"),
        pytest.param("full", [failed(1, "full of holes"), failed(3, "over")], id="a part of the first"),
    ],
)
def test_what_cannot_be_told_is_not_compared(logged: str, more: list[Event]) -> None:
    assert not [each for each in messages(logging(logged, *more), Outcome.PASS) if "which is the error" in each]


def test_the_error_of_a_batch_is_nobody_s_own() -> None:
    other = replace(delivery(3), message_id="another", task_id="another")
    events = logging("full", failed(1, "full"), failed(3, "over"), other)
    assert not any("which is the error" in each.message for each in judge("dead_letter_log", events).findings)
    named = lines(3, f"task {TASK} failed: over")
    found = judge("dead_letter_log", logging("full", failed(1, "full"), named, other)).findings
    assert any("which is the error of attempt 1" in each.message for each in found)


def test_a_record_that_says_otherwise_is_told_alone() -> None:
    events = [*run(DEAD, FIRST_TRY)]
    logged = the(events, DeadLetterLogged)
    wrong = changed(events, logged, fields={**logged.fields, "lastError": "failure 1"})
    more = [lines(1, as_json("failure 1"), of=logged), lines(3, as_json("failure 3"), of=logged)]
    [found] = [each.message for each in judge("dead_letter_log", [*wrong, *more]).findings]
    assert "and the task's record has" in found


def test_one_text_for_different_failures_is_advised_against() -> None:
    other = the(EVENTS, DeadLetterLogged, 1)
    constant = [
        replace(e, fields={**e.fields, "lastError": "it failed"}) if isinstance(e, DeadLetterLogged) else e
        for e in EVENTS
    ]
    [advised] = messages([*constant, failed(3, "disk full"), failed(3, "time is over", of=other)], Outcome.PASS)
    assert advised == (
        'lastError is "it failed" in each dead-letter record, and attempts failed for different reasons: '
        '"disk full", "time is over"'
    )
    alike = [
        failed(3, f"no answer of {TASK} within 3.02 s"),
        failed(3, f"no answer of {other.task_id} within 3.1 s", of=other),
    ]
    assert messages([*constant, *alike], Outcome.PASS) == []
    told = [failed(3, "disk full: it failed"), failed(3, "time is over", of=other)]
    assert messages([*constant, *told], Outcome.PASS) == []
