"""Every task that was taken on is settled, as it was submitted, and once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Event,
    QueueDepth,
    RecordChanged,
    RecordObserved,
    Redriven,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.verdict import Outcome

from tests.unit.guarantees.faulty import also_changed, changes_of, judged, messages, record_of
from tests.unit.judging.building import DEAD, FIRST_TRY, changed, missing, run, the, without

GUARANTEE = "settles_once"
EVENTS = run(FIRST_TRY, DEAD)
DONE = the(EVENTS, AttemptSucceeded).task_id
DIED = the(EVENTS, DeadLettered).task_id


def stuck(events: list[Event], status: str = "PROCESSING") -> list[Event]:
    """The first task's record as it would be without its last change."""
    last = changes_of(events, DONE)[-1]
    return changed(without(events, last), record_of(events, DONE), status=status)


def in_doubt(status_code: int) -> list[Event]:
    """The first task's submission had no clear answer."""
    submission = the(EVENTS, TaskSubmitted, where=lambda e: e.task_id == DONE)
    return changed(EVENTS, submission, accepted=False, status_code=status_code)


def test_ends_are_counted() -> None:
    verdict = judged(GUARANTEE, EVENTS)
    assert verdict.observed == "2 tasks accepted: 1 completed, 1 dead-lettered, 0 not settled"
    assert verdict.figures == {"accepted": 2, "in_doubt": 0, "completed": 1, "dead": 1, "unsettled": 0}


def test_a_record_that_is_not_final_fails_when_the_queues_are_empty() -> None:
    expected = f"task {DONE} was not settled: it is PROCESSING by its record; last seen: succeeded at receive 1"
    assert messages(GUARANTEE, stuck(EVENTS), Outcome.FAIL) == expected


def test_a_record_that_is_not_final_is_unknown_when_the_run_was_stopped() -> None:
    stopped = without(stuck(EVENTS), QueueDepth)
    assert "the run was stopped before its deadline" in messages(GUARANTEE, stopped, Outcome.UNKNOWN)
    at_deadline = changed(stopped, the(stopped, RunEnded), deadline_reached=True)
    assert judged(GUARANTEE, at_deadline).outcome is Outcome.FAIL


def test_an_accepted_task_without_a_record_fails() -> None:
    lost = without(EVENTS, record_of(EVENTS, DONE), *changes_of(EVENTS, DONE))
    assert f"task {DONE} was not settled: it has no record" in messages(GUARANTEE, lost, Outcome.FAIL)
    assert judged(GUARANTEE, [*lost, missing("RecordObserved")]).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("task_id", [DONE, DIED])
def test_a_task_that_is_settled_twice_fails_even_with_evidence_missing(task_id: str) -> None:
    twice = also_changed(EVENTS, task_id, changes_of(EVENTS, task_id)[-1].status)
    told = messages(GUARANTEE, [*twice, missing("RecordObserved")], Outcome.FAIL)
    assert f"task {task_id} was settled 2 times" in told


def test_a_task_that_an_operator_put_back_is_settled_once_more() -> None:
    again = also_changed(also_changed(EVENTS, DIED, "PENDING"), DIED, "COMPLETED", 2000.0)
    again = changed(again, record_of(again, DIED), status="COMPLETED")
    assert judged(GUARANTEE, again).outcome is Outcome.FAIL
    redriven = Redriven(at_ms=the(EVENTS, DeadLettered).at_ms + 900, task_id=DIED or "")
    assert judged(GUARANTEE, [*again, redriven]).outcome is Outcome.PASS


@pytest.mark.parametrize("status_code", [0, 500, 503])
def test_what_became_of_a_task_in_doubt_is_free_but_its_record_must_be_final(status_code: int) -> None:
    events = in_doubt(status_code)
    verdict = judged(GUARANTEE, events)
    assert verdict.outcome is Outcome.PASS
    assert verdict.observed.startswith("1 task accepted, 1 more with a record: 1 completed")
    never_stored = without(events, record_of(events, DONE), *changes_of(events, DONE))
    assert judged(GUARANTEE, never_stored).outcome is Outcome.PASS
    assert f"task {DONE} was not settled" in messages(GUARANTEE, stuck(events), Outcome.FAIL)


@pytest.mark.parametrize(("status_code", "outcome"), [(400, Outcome.FAIL), (409, Outcome.FAIL), (429, Outcome.PASS)])
def test_a_task_that_was_refused_fails_unless_it_was_to_wait(status_code: int, outcome: Outcome) -> None:
    accepted = the(EVENTS, TaskSubmitted)
    refused = replace(accepted, task_id="refused", accepted=False, status_code=status_code)
    assert judged(GUARANTEE, [*EVENTS, refused]).outcome is outcome


def test_another_payload_in_the_record_fails() -> None:
    other = changed(EVENTS, record_of(EVENTS, DIED), payload={"of": "t1", "amount": 1})
    assert (
        messages(GUARANTEE, other, Outcome.FAIL) == f"task {DIED} has another payload in its record than was submitted"
    )


def test_a_final_state_whose_change_was_not_seen_is_unknown() -> None:
    unseen = without(EVENTS, changes_of(EVENTS, DIED)[-1])
    assert "and no change to that was seen" in messages(GUARANTEE, unseen, Outcome.UNKNOWN)
    gap = without(EVENTS, changes_of(EVENTS, DONE)[1])
    assert "not every change of its record was seen" in messages(GUARANTEE, gap, Outcome.UNKNOWN)


def test_without_any_change_or_record_it_is_unknown() -> None:
    untold = [*without(EVENTS, RecordChanged, RecordObserved), missing("RecordChanged", "RecordObserved")]
    assert judged(GUARANTEE, untold).outcome is Outcome.UNKNOWN
