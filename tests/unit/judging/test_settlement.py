"""Every accepted task ends exactly once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.history import (
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    QueueDepth,
    RunEnded,
    TaskSubmitted,
)
from harness.verdict import Outcome, Verdict
from tests.unit.judging.building import DEAD, FIRST_TRY, changed, judge, missing, run, the, without

EVENTS = run(FIRST_TRY, DEAD)


def settlement(events: list[Event]) -> Verdict:
    return judge("settlement", events)


def messages(events: list[Event], outcome: Outcome) -> str:
    verdict = settlement(events)
    assert verdict.outcome is outcome
    return "\n".join(finding.message for finding in verdict.findings)


def done_again(kind: type[Event], **changes: Any) -> list[Event]:
    return [*EVENTS, replace(the(EVENTS, kind), **changes)]


def test_counts_are_reported() -> None:
    verdict = settlement(EVENTS)
    assert verdict.observed == "2 tasks accepted: 1 completed, 1 dead-lettered, 0 unsettled"
    assert verdict.figures == {"accepted": 2, "completed": 1, "dead": 1, "unsettled": 0}


def test_a_lost_task_fails_and_tells_what_was_last_seen_of_it() -> None:
    lost = without(EVENTS, AttemptSucceeded)
    task_id = the(EVENTS, AttemptSucceeded).task_id
    expected = f"task {task_id} was neither completed nor dead-lettered; last seen: delivered, receive 1"
    assert messages(lost, Outcome.FAIL) == expected


def test_a_lost_task_fails_at_the_deadline_whatever_the_queues_hold() -> None:
    lost = changed(without(EVENTS, AttemptSucceeded, QueueDepth), the(EVENTS, RunEnded), deadline_reached=True)
    assert settlement(lost).outcome is Outcome.FAIL


def test_an_unsettled_task_is_unknown_when_the_run_was_stopped_early() -> None:
    stopped = without(EVENTS, AttemptSucceeded, QueueDepth)
    assert "the run was stopped before its deadline" in messages(stopped, Outcome.UNKNOWN)


def test_a_lost_task_is_unknown_when_its_end_may_have_gone_unseen() -> None:
    assert settlement([*without(EVENTS, AttemptSucceeded), missing("AttemptSucceeded")]).outcome is Outcome.UNKNOWN


def test_a_task_done_twice_fails_even_with_evidence_missing() -> None:
    twice = [*done_again(AttemptSucceeded, receive_count=2), missing("AttemptSucceeded", "DeadLettered")]
    assert "was completed 2 times" in messages(twice, Outcome.FAIL)


def test_a_task_dead_lettered_twice_fails() -> None:
    assert "was dead-lettered 2 times" in messages(done_again(DeadLettered), Outcome.FAIL)


def test_a_task_both_completed_and_dead_lettered_fails() -> None:
    task_id = the(EVENTS, AttemptSucceeded).task_id
    assert f"task {task_id} was both completed and dead-lettered" in messages(
        done_again(DeadLettered, task_id=task_id), Outcome.FAIL
    )


def test_a_refused_task_that_is_done_fails() -> None:
    refused = changed(EVENTS, the(EVENTS, TaskSubmitted), accepted=False, status_code=400)
    assert "was completed although it was never accepted" in messages(refused, Outcome.FAIL)


def test_a_task_whose_submission_had_no_clear_answer_may_be_done_or_not() -> None:
    in_doubt = changed(EVENTS, the(EVENTS, TaskSubmitted), accepted=False, status_code=503)
    assert settlement(in_doubt).outcome is Outcome.PASS
    assert settlement(without(in_doubt, AttemptSucceeded, Delivered)).outcome is Outcome.PASS


def test_a_task_refused_the_second_time_is_still_expected_to_end() -> None:
    conflict = done_again(TaskSubmitted, accepted=False, status_code=409, payload={"other": 1})
    assert settlement(conflict).outcome is Outcome.PASS


def test_an_id_accepted_with_two_payloads_fails() -> None:
    assert "accepted again with another payload" in messages(
        done_again(TaskSubmitted, payload={"other": 1}), Outcome.FAIL
    )
    assert settlement(done_again(TaskSubmitted)).outcome is Outcome.PASS


def test_a_message_left_over_is_unknown() -> None:
    depth = the(EVENTS, QueueDepth, where=lambda depth: depth.queue == "work")
    left = changed(EVENTS, depth, in_flight=1)
    assert "1 message left in the work queue" in messages(left, Outcome.UNKNOWN)
