"""At the end no record is under way, and both queues are empty and stay so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, Event, QueueDepth, RecordObserved, RunEnded, TaskSubmitted
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import judged, messages, record_of
from tests.unit.judging.building import DEAD, FIRST_TRY, changed, run, the, without

GUARANTEE = "nothing_stuck"
EVENTS = run(FIRST_TRY, DEAD)
DONE = the(EVENTS, AttemptSucceeded).task_id


def at_the_deadline(events: list[Event]) -> list[Event]:
    return changed(events, the(events, RunEnded), deadline_reached=True)


def depths(events: list[Event], queue: str) -> list[QueueDepth]:
    return [event for event in events if isinstance(event, QueueDepth) and event.queue == queue]


def test_records_and_messages_are_counted() -> None:
    assert judged(GUARANTEE, EVENTS).observed == "2 records, 0 not final; 0 messages left in the queues"


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "RETRYING"])
def test_a_record_under_way_fails_when_nothing_will_move_it(status: str) -> None:
    events = changed(EVENTS, record_of(EVENTS, DONE), status=status)
    expected = f"task {DONE} is {status} by its record, and nothing will move it any more"
    assert messages(GUARANTEE, events, Outcome.FAIL) == expected
    waiting = changed(events, depths(events, "work")[1], delayed=1)
    assert "the run was stopped before its deadline" in messages(GUARANTEE, waiting, Outcome.UNKNOWN)
    assert judged(GUARANTEE, at_the_deadline(waiting)).outcome is Outcome.FAIL


def test_a_record_without_a_status_is_not_final() -> None:
    events = changed(EVENTS, record_of(EVENTS, DONE), status="")
    expected = f"task {DONE} has a record without a status, and nothing will move it any more"
    assert messages(GUARANTEE, events, Outcome.FAIL) == expected


def test_a_record_of_a_task_that_was_refused_with_a_server_s_error_counts_too() -> None:
    refused = replace(the(EVENTS, TaskSubmitted), task_id="refused", accepted=False, status_code=503)
    stored = replace(record_of(EVENTS, DONE), task_id="refused", status="PENDING")
    assert "task refused is PENDING" in messages(GUARANTEE, [*EVENTS, refused, stored], Outcome.FAIL)
    assert judged(GUARANTEE, [*EVENTS, refused, replace(stored, status=None)]).outcome is Outcome.PASS


@pytest.mark.parametrize("queue", ["work", "dead-letter"])
@pytest.mark.parametrize("where", ["visible", "in_flight", "delayed"])
def test_what_is_left_fails_at_the_deadline_and_is_unknown_before(queue: str, where: str) -> None:
    left = changed(EVENTS, depths(EVENTS, queue)[1], **{where: 2})
    assert f"there was something left: {queue} queue" in messages(GUARANTEE, left, Outcome.UNKNOWN)
    assert f"there was something left: {queue} queue" in messages(GUARANTEE, at_the_deadline(left), Outcome.FAIL)


def test_queues_that_were_not_seen_empty_for_long_enough_are_unknown() -> None:
    first, last = depths(EVENTS, "work")
    assert judged(GUARANTEE, without(EVENTS, first)).outcome is Outcome.UNKNOWN
    told = messages(GUARANTEE, changed(EVENTS, first, at_ms=last.at_ms - 249), Outcome.UNKNOWN)
    assert told == "the work queue was not seen empty twice, 0.25 s apart, so it may not stay so"
    told = messages(GUARANTEE, changed(EVENTS, first, visible=1), Outcome.UNKNOWN)
    assert told == "the work queue was emptied only just before the end, so it may not stay so"


def test_queues_that_were_not_read_are_unknown() -> None:
    told = messages(GUARANTEE, without(EVENTS, QueueDepth), Outcome.UNKNOWN)
    assert "how many messages were left in the dead-letter queue at the end was not read" in told


def test_no_record_at_all_is_nothing_stuck() -> None:
    verdict = judged(GUARANTEE, without(EVENTS, RecordObserved))
    assert verdict.observed.startswith("0 records")
