"""At most one completion of a task takes effect, none after its death, and a final state is never left."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, DeadLettered, DeadLetterLogged, RecordChanged, Redriven
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import also_changed, changes_of, judged, messages, record_of
from tests.unit.judging.building import DEAD, FIRST_TRY, changed, missing, run, the, without

GUARANTEE = "one_completion"
EVENTS = run(FIRST_TRY, DEAD)
DONE = the(EVENTS, AttemptSucceeded).task_id
DIED = the(EVENTS, DeadLettered).task_id


def test_a_second_completion_fails_whatever_evidence_is_missing() -> None:
    twice = [*also_changed(EVENTS, DONE, "COMPLETED"), missing("RecordChanged", "RecordObserved")]
    told = messages(GUARANTEE, twice, Outcome.FAIL)
    assert f"task {DONE} was completed 2 times" in told
    assert f"task {DONE}: its record was COMPLETED, and was written again" in told


@pytest.mark.parametrize("status", ["PROCESSING", "RETRYING", "PENDING", "DEAD_LETTER", None])
def test_a_completed_record_that_is_left_fails(status: str | None) -> None:
    told = messages(GUARANTEE, also_changed(EVENTS, DONE, status), Outcome.FAIL)
    assert f"task {DONE}: its record was COMPLETED, and was" in told


def test_a_completion_after_the_death_fails() -> None:
    events = changed(also_changed(EVENTS, DIED, "COMPLETED"), record_of(EVENTS, DIED), status="COMPLETED")
    told = messages(GUARANTEE, events, Outcome.FAIL)
    assert f"task {DIED} was both completed and dead-lettered" in told
    assert f"task {DIED}: its record was DEAD_LETTER, and was changed to COMPLETED" in told


def test_only_an_operator_takes_a_dead_task_back_to_work() -> None:
    events = also_changed(also_changed(EVENTS, DIED, "PENDING"), DIED, "COMPLETED", 2000.0)
    events = changed(events, record_of(events, DIED), status="COMPLETED")
    assert "and no operator was seen to do so" in messages(GUARANTEE, events, Outcome.FAIL)
    redriven = Redriven(at_ms=the(EVENTS, DeadLettered).at_ms + 900, task_id=DIED or "")
    assert judged(GUARANTEE, [*events, redriven]).outcome is Outcome.PASS


def test_a_completed_task_that_is_logged_as_dead_fails() -> None:
    logged = replace(the(EVENTS, DeadLetterLogged), task_id=DONE)
    assert messages(GUARANTEE, [*EVENTS, logged], Outcome.FAIL) == f"task {DONE} was completed, and logged as dead"


def test_a_message_of_a_completed_task_may_end_in_the_dead_letter_queue() -> None:
    late = replace(the(EVENTS, DeadLettered), task_id=DONE, message_id=f"message-of-{DONE}")
    assert judged(GUARANTEE, [*EVENTS, late]).outcome is Outcome.PASS


def test_a_record_that_tells_of_two_successes_fails() -> None:
    record = record_of(EVENTS, DONE)
    events = changed(EVENTS, record, attempts=record.attempts * 2)
    assert messages(GUARANTEE, events, Outcome.FAIL) == f"task {DONE} was completed by 2 attempts, as its record tells"


def test_a_completed_record_that_is_gone_at_the_end_fails() -> None:
    events = changed(EVENTS, record_of(EVENTS, DONE), status=None)
    assert f"task {DONE} was completed, and its record was found as no record" in messages(
        GUARANTEE, events, Outcome.FAIL
    )


def test_changes_that_were_not_seen_leave_it_unknown() -> None:
    assert judged(GUARANTEE, without(EVENTS, changes_of(EVENTS, DONE)[1])).outcome is Outcome.UNKNOWN
    told = messages(GUARANTEE, without(EVENTS, RecordChanged), Outcome.UNKNOWN)
    assert told.startswith("no change of any record was seen")
