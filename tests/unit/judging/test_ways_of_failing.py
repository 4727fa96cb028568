"""Answers that nobody reads, work that runs out of time, receives that never ran, messages given up by hand: each in its own words."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.contract.contract import Attempts
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import (
    AnswerMisread,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    InvocationFailed,
    ReceiveThrottled,
    RecordObserved,
    Sender,
)
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.batches import in_batches
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    UNSEEDED,
    altered,
    changed,
    holds,
    judge,
    missing,
    run,
    the,
    with_the_other_outcome,
    without,
)
from tests.unit.judging.failing import invocation_failed

BATCH = in_batches(run(SECOND_TRY, FIRST_TRY, FIRST_TRY), 3)
BAD = the(BATCH, AttemptFailed)
DIES = run(DEAD, FIRST_TRY)
DIED = the(DIES, DeadLettered)


def first(verdict: Verdict, outcome: Outcome = Outcome.FAIL) -> str:
    assert verdict.outcome is outcome, verdict
    return verdict.findings[0].message


def misread(*, fails_all: bool, of: AttemptFailed = BAD) -> AnswerMisread:
    return AnswerMisread(
        at_ms=of.at_ms,
        function="worker",
        delivery_id=of.delivery_id,
        what="answered with its list of failed messages inside body",
        fails_all=fails_all,
        message_ids=(of.message_id,),
        task_ids=(of.task_id or "",),
    )


def deleted() -> list[Event]:
    """What failed was acknowledged, and never came back."""
    later = [e for e in BATCH if getattr(e, "task_id", None) == BAD.task_id and getattr(e, "receive_count", 0) > 1]
    return with_the_other_outcome(without(BATCH, *later), BAD)


def by(how: Any, *, most: int = 3) -> Terms:
    return Terms(
        contract=EXPECTED.contract.__class__(attempts=Attempts(most=most, by=how)),
        dialect=EXPECTED.dialect,
        tolerances=EXPECTED.tolerances,
        draws=EXPECTED.draws,
    )


def test_what_failed_and_was_deleted_since_nobody_read_of_it_fails() -> None:
    verdict = judge("partial_batches", [*deleted(), misread(fails_all=False)], UNSEEDED)
    words = "worker answered with its list of failed messages inside body: Lambda reads none, so 1 failed message was deleted"
    assert first(verdict) == words
    assert holds(judge("partial_batches", deleted(), UNSEEDED))
    unseen = [*deleted(), misread(fails_all=False), missing("Delivered")]
    open_ = judge("partial_batches", unseen, UNSEEDED)
    assert first(open_, Outcome.UNKNOWN).startswith("evidence missing")
    assert words in [each.message for each in open_.findings]


def test_what_was_seen_again_all_the_same_is_no_fault() -> None:
    assert judge("partial_batches", [*BATCH, misread(fails_all=False)], UNSEEDED).outcome is Outcome.PASS


def test_neighbours_that_came_back_since_the_list_was_not_read_fail() -> None:
    verdict = judge("partial_batches", [*BATCH, misread(fails_all=True)], UNSEEDED)
    assert first(verdict) == (
        "worker answered with its list of failed messages inside body: Lambda takes that for the failure of the whole batch, "
        "so 2 messages came back beside 1 that failed"
    )


def test_a_batch_of_one_is_weighed_as_partial_batches_are() -> None:
    events = run(SECOND_TRY)
    answer = misread(fails_all=True, of=the(events, AttemptFailed))
    assert judge("partial_batches", [*events, answer], UNSEEDED).outcome is Outcome.FAIL
    assert holds(judge("partial_batches", [*events, answer], by("any")))


def out_of_time(delivery_id: str, at_ms: float) -> InvocationFailed:
    message = "Task timed out after 3.00 seconds"
    about = {"delivery_id": delivery_id, "error_type": "Sandbox.Timedout", "message": message}
    return invocation_failed(at_ms=at_ms, started_ms=at_ms - 3000, **about)


def test_a_batch_that_ran_out_of_time_is_no_neighbours_fault() -> None:
    events = BATCH
    for success in [e for e in BATCH if isinstance(e, AttemptSucceeded) and e.receive_count == 1]:
        events = with_the_other_outcome(events, success)
    timed_out = [*without(events, RecordObserved, BackoffRequested), out_of_time(BAD.delivery_id, BAD.at_ms)]
    told = [finding.message for finding in judge("partial_batches", timed_out, UNSEEDED).findings]
    assert any(
        "worker ran out of time (Task timed out after 3.00 seconds). Raise the function's timeout" in each
        for each in told
    )
    assert not any("of the same batch had failed" in each for each in told)


def test_no_backoff_since_the_time_ran_out_is_told_as_that() -> None:
    events = run(SECOND_TRY)
    failed = the(events, AttemptFailed)
    verdict = judge("backoff", [*without(events, BackoffRequested), out_of_time(failed.delivery_id, failed.at_ms)])
    assert (
        "worker ran out of time (Task timed out after 3.00 seconds) before it had asked for a backoff, expected 5 s"
        in first(verdict)
    )
    assert "asked for no backoff" in first(judge("backoff", without(events, BackoffRequested)))


def throttled(number: int) -> ReceiveThrottled:
    of = the(DIES, Delivered, where=lambda e: e.task_id == DIED.task_id and e.receive_count == number)
    return ReceiveThrottled(
        at_ms=of.at_ms,
        until_ms=of.at_ms + 1000,
        queue="work",
        function="worker",
        task_id=of.task_id,
        message_id=of.message_id,
        receive_count=number,
    )


def never_ran(*numbers: int) -> list[Event]:
    kinds = (Delivered, AttemptFailed, BackoffRequested)
    gone = [e for e in DIES if isinstance(e, kinds) and e.task_id == DIED.task_id and e.receive_count in numbers]
    return [*without(DIES, *gone), *map(throttled, numbers)]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((2,), "3 receives of which 2 ran: worker was throttled at receive 2 until"),
        ((1, 2), "3 receives of which 1 ran: worker was throttled at receives 1, 2 until"),
        ((1, 2, 3), "3 receives of which none ran: worker was throttled each time until"),
    ],
)
def test_receives_that_never_ran_are_counted(numbers: tuple[int, ...], words: str) -> None:
    message = first(judge("redrive", never_ran(*numbers)))
    assert message.startswith(f"task {DIED.task_id} was dead-lettered after {words}")
    assert "MaximumConcurrency" in message


def test_a_throttled_receive_ends_the_wait_before_it() -> None:
    assert judge("backoff", never_ran(2)).outcome is Outcome.PASS
    late = without(never_ran(2), ReceiveThrottled)
    assert judge("backoff", late).outcome is Outcome.FAIL


@pytest.mark.parametrize(("told", "outcome"), [(3, Outcome.PASS), (2, Outcome.PASS), (1, Outcome.FAIL)])
def test_a_log_may_count_receives_or_attempts(told: int, outcome: Outcome) -> None:
    events = never_ran(2)
    logged = the(events, DeadLetterLogged)
    events = changed(events, logged, fields={**logged.fields, "attempts": told})
    assert judge("dead_letter_log", events).outcome is outcome


def given_up(after: int = 3) -> list[Event]:
    """The consumer sent the message to the dead-letter queue itself, after this attempt."""
    later = [e for e in DIES if getattr(e, "task_id", None) == DIED.task_id and getattr(e, "receive_count", 0) > after]
    last = the(DIES, AttemptFailed, number=after - 1, where=lambda e: e.task_id == DIED.task_id)
    asked = the(DIES, BackoffRequested, number=after - 1, where=lambda e: e.task_id == DIED.task_id)
    sender = Sender(
        function="worker", delivery_id=last.delivery_id, message_id=last.message_id, receive_count=last.receive_count
    )
    events = without(DIES, *later, asked)
    return changed(events, DIED, at_ms=last.at_ms - 1, message_id="a new message", sent_by=sender)


def test_a_message_that_its_consumer_gave_up_fails_where_the_redrive_policy_is_demanded() -> None:
    assert first(judge("redrive", given_up(), by("redrive"))) == (
        f"worker sent task {DIED.task_id} to the dead-letter queue itself, after attempt 3; expected that the queue's redrive policy "
        "moves it, after 3 receives: report the attempt as failed, and leave the message to SQS"
    )


@pytest.mark.parametrize("how", ["any", AS_DEPLOYED])
def test_another_way_to_the_same_end_is_right(how: str) -> None:
    verdict = judge("redrive", given_up(), by(how))
    assert (verdict.outcome, verdict.findings) == (Outcome.PASS, ())
    for check in ("effect", "settlement"):
        assert judge(check, given_up(), by(how)).outcome is Outcome.PASS


@pytest.mark.parametrize(("how", "outcome"), [("any", Outcome.FAIL), (AS_DEPLOYED, Outcome.PASS)])
def test_giving_up_too_soon_is_told(how: str, outcome: Outcome) -> None:
    message = first(judge("redrive", given_up(after=2), by(how)), outcome)
    assert message == (
        f"worker sent task {DIED.task_id} to the dead-letter queue itself, after attempt 2; expected no sooner than after attempt 3"
    )


def test_what_was_given_up_owes_no_wait_and_its_attempts_are_those_of_its_message() -> None:
    assert judge("backoff", given_up()).outcome is Outcome.PASS
    told = [finding.message for finding in judge("dead_letter_log", given_up()).findings]
    assert not any("attempts is" in each for each in told)


def early(events: list[Event], *, in_successes: bool) -> list[Event]:
    """The first failed attempt went on for 2 s after it had asked; those that succeed ask too, if they do."""
    failed = the(events, AttemptFailed)
    events = changed(events, failed, at_ms=failed.at_ms + 2000)
    success = the(events, AttemptSucceeded, where=lambda e: e.task_id != failed.task_id)
    asked = the(events, BackoffRequested)
    of = {name: getattr(success, name) for name in ("task_id", "message_id", "receive_count", "delivery_id")}
    begun = success.at_ms - 5
    return [*events, altered(asked, at_ms=begun, answered_ms=begun + 1, **of)] if in_successes else events


def test_a_backoff_that_is_asked_for_before_the_work_is_told_as_that() -> None:
    message = first(judge("backoff", early(run(SECOND_TRY, FIRST_TRY), in_successes=True)))
    assert "asked for its backoff of 5 s before the work, as attempts that succeed do too" in message
    assert "later. Ask when the work has failed" in message


def test_who_asks_in_failed_attempts_alone_may_take_its_time_afterwards() -> None:
    assert judge("backoff", early(run(SECOND_TRY, FIRST_TRY), in_successes=False)).outcome is Outcome.PASS
