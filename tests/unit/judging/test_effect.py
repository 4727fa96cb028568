"""Nothing is done twice, nor after its end, nor in too many attempts."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    RecordObserved,
)
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, altered, changed, judge, missing, run, the
from tests.unit.judging.calling import second_message, with_work

EVENTS = run(FIRST_TRY, DEAD)
DIED = the(EVENTS, DeadLettered)


def messages(events: list[Event], outcome: Outcome) -> str:
    verdict = judge("effect", events)
    assert verdict.outcome is outcome
    return "\n".join(finding.message for finding in verdict.findings)


def again(event: Any, **changes: Any) -> Event:
    """The same once more, in another message."""
    changes = {"message_id": "another", "delivery_id": f"another-{event.receive_count}", "receive_count": 1} | changes
    return altered(event, at_ms=event.at_ms + 60_000, **changes)


def test_what_ended_is_reported() -> None:
    verdict = judge("effect", EVENTS)
    assert verdict.observed == "2 tasks ended: 0 tasks done more than once or too often"
    assert verdict.figures == {"ended": 2, "at_fault": 0}


def test_a_task_done_twice_by_one_message_fails_even_with_evidence_missing() -> None:
    twice = [*EVENTS, replace(the(EVENTS, AttemptSucceeded), receive_count=2)]
    assert "was completed 2 times" in messages([*twice, missing("AttemptSucceeded", "DeadLettered")], Outcome.FAIL)
    assert judge("settlement", twice).outcome is Outcome.PASS


def test_a_task_dead_lettered_twice_fails() -> None:
    assert "was dead-lettered 2 times" in messages([*EVENTS, replace(DIED)], Outcome.FAIL)


def test_a_task_completed_after_its_death_fails() -> None:
    last = the(EVENTS, AttemptFailed, 2)
    of = {name: getattr(last, name) for name in ("task_id", "message_id")}
    late = AttemptSucceeded(at_ms=DIED.at_ms + 1, receive_count=4, delivery_id="fourth", **of)
    message = messages([*EVENTS, late, missing("Delivered")], Outcome.FAIL)
    assert f"task {DIED.task_id} was completed after it had been dead-lettered" in message


def test_a_death_after_a_success_is_for_redrive_to_tell() -> None:
    succeeded = the(EVENTS, AttemptSucceeded)
    events = [*EVENTS, replace(DIED, task_id=succeeded.task_id, message_id=succeeded.message_id)]
    assert judge("effect", events).outcome is Outcome.PASS
    assert judge("redrive", events).outcome is Outcome.FAIL


def test_a_fourth_receive_is_for_redrive_to_tell() -> None:
    third = [event for event in EVENTS if getattr(event, "delivery_id", "") == the(EVENTS, Delivered, 3).delivery_id]
    fourth = [altered(event, at_ms=event.at_ms + 1, receive_count=4, delivery_id="fourth") for event in third]
    assert judge("effect", [*EVENTS, *fourth]).outcome is Outcome.PASS
    assert judge("redrive", [*EVENTS, *fourth]).outcome is Outcome.FAIL


def test_a_duplicate_whose_work_was_done_too_fails_by_what_the_record_tells() -> None:
    events = [*EVENTS, again(the(EVENTS, Delivered)), again(the(EVENTS, AttemptSucceeded))]
    assert "which of them did the work cannot be told" in messages(events, Outcome.UNKNOWN)
    record = the(EVENTS, RecordObserved)
    twice = changed(events, record, attempts=record.attempts * 2)
    expected = f"task {record.task_id} was completed 2 times, as its record tells; 2 messages carried it"
    assert messages(twice, Outcome.FAIL).splitlines()[0] == expected


@pytest.mark.parametrize("attempts", [3, 4])
def test_more_failed_attempts_than_allowed_fail_however_many_messages_they_took(attempts: int) -> None:
    events = run(DEAD)
    kinds = (Delivered, BackoffRequested, AttemptFailed)
    sent_anew = [again(e) for e in events if isinstance(e, kinds) and e.receive_count == 1]
    more = sent_anew if attempts == 4 else []
    verdict = judge("effect", [*events, *more])
    assert verdict.outcome is (Outcome.FAIL if more else Outcome.PASS)
    if more:
        assert verdict.findings[0].message.endswith("failed 4 attempts in 2 messages, 3 are allowed")


def test_duplicates_that_are_kept_without_an_attempt_do_not_count() -> None:
    events = run(DEAD)
    kept = [again(e) for e in events if isinstance(e, (Delivered, AttemptFailed))]
    assert judge("effect", [*events, *kept]).outcome is Outcome.UNKNOWN


def test_more_recorded_attempts_than_allowed_fail_when_there_were_duplicates() -> None:
    events = run(SECOND_TRY)
    record = the(events, RecordObserved)
    events = changed(events, record, attempts=(record.attempts[0],) * 4)
    assert judge("effect", events).outcome is Outcome.PASS
    assert judge("record", events).outcome is Outcome.FAIL
    twice = [*events, again(the(events, Delivered)), again(the(events, AttemptSucceeded))]
    assert "had 4 attempts in 2 messages, as its record tells; 3 are allowed" in messages(twice, Outcome.FAIL)


def test_a_duplicate_whose_work_was_done_too_fails_by_what_was_called_for_it() -> None:
    events = second_message(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY))
    task_id = the(events, AttemptSucceeded, where=lambda event: event.message_id == "second").task_id
    told = messages(with_work(events), Outcome.FAIL)
    assert told.startswith(f"task {task_id} was worked on 2 times, by what was called for it; 2 messages carried it")


def test_a_duplicate_that_was_dropped_stays_in_doubt() -> None:
    events = with_work(run(FIRST_TRY, FIRST_TRY, FIRST_TRY, FIRST_TRY))
    assert "which of them did the work cannot be told" in messages(second_message(events), Outcome.UNKNOWN)
