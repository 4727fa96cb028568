"""Each task's record agrees with what was seen from outside."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    RecordChanged,
    RecordObserved,
    TaskSubmitted,
)
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, changed, judge, missing, run, the, without

EVENTS = run(SECOND_TRY, DEAD, FIRST_TRY)
RECORD = the(EVENTS, RecordObserved, where=lambda record: len(record.attempts) == 2)
TASK = RECORD.task_id


def first_message(events: list[Event], outcome: Outcome = Outcome.FAIL) -> str:
    verdict = judge("record", events)
    assert verdict.outcome is outcome, verdict
    return verdict.findings[0].message


def with_attempt(which: int, **changes: Any) -> list[Event]:
    attempts = [replace(each, **changes) if each.number == which else each for each in RECORD.attempts]
    return changed(EVENTS, RECORD, attempts=tuple(attempts))


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (1, {"outcome": "SUCCEEDED"}, "attempt 1 as SUCCEEDED, expected FAILED"),
        (2, {"outcome": "FAILED"}, "attempt 2 as FAILED, expected SUCCEEDED"),
        (1, {"error": None}, "attempt 1 as failed without an error"),
        (2, {"error": "oh"}, "attempt 2 with an error, and it succeeded: oh"),
        (1, {"backoff_seconds": 6.0}, "attempt 1 with a backoff of 6 s, seen was a backoff of 5 s"),
        (1, {"backoff_seconds": None}, "attempt 1 with no backoff, seen was a backoff of 5 s"),
        (2, {"backoff_seconds": 5.0}, "attempt 2 with a backoff of 5 s, seen was no backoff"),
        (1, {"started_at_ms": None}, "attempt 1 without its start"),
        (2, {"number": 3}, "attempts 1, 3, seen were 1, 2"),
    ],
)
def test_an_attempt_that_differs_fails(number: int, changes: dict[str, Any], words: str) -> None:
    message = first_message(with_attempt(number, **changes))
    assert message.startswith(f"task {TASK}: its record has attempt")
    assert words in message


def test_a_start_outside_the_delivery_fails() -> None:
    started = RECORD.attempts[0].started_at_ms
    assert started is not None
    assert "started 0.098 s before its delivery" in first_message(with_attempt(1, started_at_ms=started - 100))
    assert "started 0.093 s after its outcome" in first_message(with_attempt(1, started_at_ms=started + 100))


def test_a_status_that_differs_fails() -> None:
    message = first_message(changed(EVENTS, RECORD, status="RETRYING"))
    assert message == f"task {TASK} was completed; its record says RETRYING, expected COMPLETED"
    died = the(EVENTS, DeadLettered).task_id
    record = the(EVENTS, RecordObserved, where=lambda record: record.task_id == died)
    assert "was dead-lettered; its record says COMPLETED" in first_message(changed(EVENTS, record, status="COMPLETED"))


def test_a_final_status_of_a_task_that_was_not_seen_to_end_fails() -> None:
    success = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)
    events = without(EVENTS, success)
    assert "its record says COMPLETED, and it was not seen to end" in first_message(events)
    assert judge("record", [*events, missing("AttemptSucceeded")]).outcome is Outcome.UNKNOWN


def test_another_payload_fails_types_included() -> None:
    events = changed(EVENTS, RECORD, payload={"of": "t0", "amount": 1, "list": [1, None]})
    assert first_message(events) == f"task {TASK}: its record has another payload than was submitted"


def test_an_accepted_task_without_a_record_fails() -> None:
    events = changed(EVENTS, RECORD, status=None, payload=None, attempts=(), last_error=None)
    assert first_message([*events, missing("Delivered")]) == f"task {TASK} was accepted and has no record"


def test_a_record_without_a_status_is_told_as_that_and_judged_by_the_rest() -> None:
    observed = the(EVENTS, RecordObserved, where=lambda record: record.task_id == TASK)
    events = changed(EVENTS, observed, status="", payload={"another": 1})
    verdict = judge("record", [*events, missing("Delivered", "AttemptSucceeded")])
    assert verdict.outcome is Outcome.FAIL
    told = [finding.message for finding in verdict.findings[:2]]
    assert told == [
        f"task {TASK}: its record has another payload than was submitted",
        f"task {TASK} has a record without a status",
    ]


def test_records_that_were_not_read_are_unknown() -> None:
    assert "its record was not read" in first_message(without(EVENTS, RECORD), Outcome.UNKNOWN)
    assert "no record was read of any task" in first_message(without(EVENTS, RecordObserved), Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"created_at_ms": 2000.0}, "by its record it was begun for attempt 1 1.968 s before it was created"),
        ({"completed_at_ms": -1000.0}, "s before it was done with attempt 2"),
        ({"changed_at_ms": 3000.0}, "s before it was completed"),
    ],
)
def test_times_out_of_order_fail(changes: dict[str, float], words: str) -> None:
    start_ms = the(EVENTS, TaskSubmitted, where=lambda event: event.task_id == TASK).at_ms
    ((name, offset_ms),) = changes.items()
    assert first_message(changed(EVENTS, RECORD, **{name: start_ms + offset_ms})).endswith(words)


def test_an_attempt_that_ended_before_it_began_or_after_the_next_one_fails() -> None:
    first, second = RECORD.attempts
    assert first.started_at_ms is not None
    assert second.started_at_ms is not None
    before = first_message(with_attempt(1, finished_at_ms=first.started_at_ms - 10))
    assert before.endswith("by its record it was done with attempt 1 0.01 s before it was begun for attempt 1")
    after = first_message(with_attempt(1, finished_at_ms=second.started_at_ms + 10))
    assert after.endswith("by its record it was begun for attempt 2 0.01 s before it was done with attempt 1")


@pytest.mark.parametrize("name", ["created_at_ms", "changed_at_ms", "completed_at_ms"])
def test_a_time_after_the_record_was_read_fails_beyond_the_clocks_tolerance(name: str) -> None:
    hour_later = changed(EVENTS, RECORD, **{name: RECORD.at_ms + 3_600_000})
    messages = [finding.message for finding in judge("record", hour_later).findings]
    assert any(message.endswith("3600 s after the record was read") for message in messages), messages
    just_now = changed(EVENTS, RECORD, changed_at_ms=RECORD.at_ms + 4.9)
    assert judge("record", just_now).outcome is Outcome.PASS


def test_a_record_that_does_not_tell_its_times_is_judged_by_the_rest() -> None:
    untold = changed(EVENTS, RECORD, created_at_ms=None, changed_at_ms=None, completed_at_ms=None)
    assert judge("record", untold).outcome is Outcome.PASS


def test_an_end_long_after_the_outcome_fails() -> None:
    ended = the(EVENTS, AttemptSucceeded, where=lambda event: event.task_id == TASK)
    # The late tolerance of 2 s and the worker's timeout of 15 s.
    message = first_message(with_attempt(2, finished_at_ms=ended.at_ms + 17_001))
    assert message == (f"task {TASK}: its record has attempt 2 finished 17.001 s after its outcome, 17 s allowed")
    assert not any(
        "after its outcome" in each.message
        for each in judge("record", with_attempt(2, finished_at_ms=ended.at_ms + 16_999)).findings
    )


def test_a_record_that_only_the_worker_could_have_written_is_not_missed_where_the_run_kept_its_task_from_it() -> None:
    events = run(DEAD, FIRST_TRY)
    dead = the(events, DeadLettered).task_id
    of_it = [each for each in events if isinstance(each, Delivered) and each.task_id == dead]
    withheld = [
        FaultInjected(
            at_ms=each.at_ms,
            until_ms=None,
            kind="fail",
            when="before",
            task_ids=(dead or "",),
            receive_count=each.receive_count,
            delivery_id=each.delivery_id,
            fault="1",
            function="worker",
            call=None,
            number=None,
        )
        for each in of_it
    ]
    none = changed(
        events, the(events, RecordObserved, where=lambda each: each.task_id == dead), status=None, attempts=()
    )
    unwritten = [*without(none, RecordChanged), *withheld]
    assert judge("record", unwritten).outcome is not Outcome.FAIL
    # One attempt of its own, or another task's record before its work, shows that it should be there.
    assert judge("record", [*without(none, RecordChanged), *withheld[1:]]).outcome is Outcome.FAIL
    assert judge("record", [*none, *withheld]).outcome is Outcome.FAIL
    before = [each for each in none if not (isinstance(each, RecordChanged) and each.task_id == dead)]
    doubts = [each.message for each in judge("transitions", [*before, *withheld]).findings]
    assert f"task {dead}: no change of its record was seen" in doubts
