"""A message that fails leaves its neighbours of the batch alone."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from taskguard.contract.dialect import Dialect, RecordWords
from taskguard.contract.draws import Fate
from taskguard.contract.terms import Terms
from taskguard.history import (
    REPORTED,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    RecordChanged,
    RecordObserved,
)
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import our_terms
from tests.unit.judging.batches import Told, in_batches
from tests.unit.judging.building import (
    DEAD,
    FIRST_TRY,
    SECOND_TRY,
    START_MS,
    UNSEEDED,
    altered,
    changed,
    ending,
    holds,
    judge,
    missing,
    run,
    task,
    the,
    without,
)
from tests.unit.judging.failing import invocation_failed

EVENTS = in_batches(run(SECOND_TRY, FIRST_TRY, FIRST_TRY), 3)
BAD, GOOD = the(EVENTS, AttemptFailed).task_id, the(EVENTS, AttemptSucceeded).task_id


def partial(events: list[Event], terms: Terms = UNSEEDED) -> Verdict:
    return judge("partial_batches", events, terms)


def message(events: list[Event], outcome: Outcome, terms: Terms = UNSEEDED) -> str:
    verdict = partial(events, terms)
    assert verdict.outcome is outcome, verdict
    return verdict.findings[0].message


def handed_back(events: list[Event], *, untried: bool, task_id: str | None = GOOD) -> list[Event]:
    """The events, with a task's first receive handed back with its batch, and its success at the next one."""
    of = [e for e in events if isinstance(e, (Delivered, AttemptSucceeded)) and e.task_id == task_id]
    again: list[Event] = [
        altered(e, at_ms=e.at_ms + 90_000, receive_count=2, delivery_id=f"{task_id} again") for e in of
    ]
    succeeded = the(of, AttemptSucceeded)
    ids: Any = {
        name: getattr(succeeded, name) for name in ("at_ms", "task_id", "message_id", "receive_count", "delivery_id")
    }
    record = the(events, RecordObserved, where=lambda e: e.task_id == task_id)
    first, second = record.attempts[0], replace(record.attempts[0], number=2)
    told = replace(record, attempts=(second,) if untried else (first, second))
    return [*without(events, succeeded, record), AttemptFailed(**ids, reason="reported as failed"), *again, told]


def test_a_batch_with_a_failure_whose_neighbours_are_left_alone_passes() -> None:
    for terms in (UNSEEDED, our_terms(seed="a seed")):
        verdict = partial(EVENTS, terms)
        assert verdict.outcome is Outcome.PASS, verdict
        assert verdict.measured == {"batches_of_several": 1, "of_them_with_a_failure": 1, "largest_batch": 3}


def test_batches_of_one_are_unknown_and_say_that_nothing_was_exercised() -> None:
    verdict = partial(run(SECOND_TRY, DEAD))
    assert (verdict.outcome, verdict.exercised, verdict.measured["batches_of_several"]) == (Outcome.UNKNOWN, False, 0)
    [finding] = verdict.findings
    assert finding.message.startswith("not exercised: ")


def test_how_messages_were_batched_does_not_show_in_what_two_runs_have_in_common() -> None:
    events = run(SECOND_TRY, FIRST_TRY, FIRST_TRY)
    one, other = partial(in_batches(events, 3)), partial(events)
    assert (one.observed, one.figures, one.expected) == (other.observed, other.figures, other.expected)


def test_a_consumer_that_stops_at_the_first_bad_record_fails_in_a_sentence_of_its_own() -> None:
    told = message(handed_back(EVENTS, untried=True), Outcome.FAIL)
    assert told == (
        f"task {GOOD}: attempt 1 was handed back without having been tried, because task {BAD} of the same batch had failed"
    )


def test_work_that_was_done_and_handed_back_fails() -> None:
    told = message(handed_back(EVENTS, untried=False), Outcome.FAIL)
    assert told.startswith(f"task {GOOD}: attempt 1 was handed back although it was done, because task {BAD}")


def test_a_draw_that_says_success_proves_it_whatever_is_missing() -> None:
    events = [*handed_back(EVENTS, untried=True), missing("BackoffRequested", "RecordObserved")]
    assert partial(events).outcome is Outcome.UNKNOWN
    assert "handed back" in message(events, Outcome.FAIL, our_terms(seed="a seed"))


def test_without_a_record_a_draw_that_says_success_is_proof_and_no_draw_is_unknown() -> None:
    events = [
        event
        for event in handed_back(EVENTS, untried=True)
        if not (isinstance(event, RecordObserved) and event.task_id == GOOD)
    ]
    told = message(events, Outcome.FAIL, our_terms(seed="a seed"))
    assert "although its draw says that it succeeds" in told
    assert "there is no record of it to tell whether it was tried" in message(events, Outcome.UNKNOWN)


def test_a_record_that_became_complete_meanwhile_proves_it_though_it_tells_of_no_attempts() -> None:
    words = RecordWords(key="taskId", status="status", completed=("COMPLETED",), dead=("DEAD_LETTER",))
    terms = replace(UNSEEDED, dialect=Dialect(record=words))
    events = handed_back(EVENTS, untried=False)
    assert "although it was done" in message(events, Outcome.FAIL, terms)
    assert partial(without(events, *completions(events)), terms).outcome is Outcome.UNKNOWN
    # A store that tells the second alone may mean a change after the attempt.
    vague = changed(events, completions(events)[0], within_ms=1000.0)
    assert partial(vague, terms).outcome is Outcome.UNKNOWN


def completions(events: list[Event]) -> list[Event]:
    """The changes by which the good task's record became complete."""
    return [e for e in events if isinstance(e, RecordChanged) and e.task_id == GOOD and e.status == "COMPLETED"]


def test_a_neighbour_that_failed_by_itself_is_left_alone_even_against_its_draw() -> None:
    both = in_batches(run(SECOND_TRY, SECOND_TRY), 2)
    assert partial(both).outcome is Outcome.PASS
    assert partial(both, our_terms(seed="another seed")).outcome is Outcome.PASS


def test_a_failure_without_a_backoff_is_one_when_the_record_has_it() -> None:
    events = without(in_batches(run(SECOND_TRY, SECOND_TRY), 2), BackoffRequested)
    assert partial(events).outcome is Outcome.PASS
    assert judge("backoff", events, UNSEEDED).outcome is Outcome.FAIL


def bare(*fates: Fate, reason: str = REPORTED) -> list[Event]:
    """Such tasks in batches of two, which show nothing of a failure but what was answered."""
    events = without(in_batches(run(*fates), 2), BackoffRequested, RecordObserved, RecordChanged)
    return [replace(event, reason=reason) if isinstance(event, AttemptFailed) else event for event in events]


def test_who_has_told_failures_from_what_stood_behind_them_is_believed_that_all_of_a_batch_failed() -> None:
    both = (SECOND_TRY, SECOND_TRY)
    told = message(bare(*both, FIRST_TRY, FIRST_TRY), Outcome.UNKNOWN)
    assert "there is no record of it to tell whether it was tried" in told
    assert holds(partial(bare(*both, SECOND_TRY, FIRST_TRY)))
    assert partial(bare(*both, FIRST_TRY, SECOND_TRY)).outcome is Outcome.UNKNOWN, "it may stop at the first failure"
    boom = "the function failed: boom"
    reported, batch = bare(*both, SECOND_TRY, FIRST_TRY), the(EVENTS, Delivered).delivery_id
    thrown = [
        replace(event, reason=boom) if isinstance(event, AttemptFailed) and event.delivery_id == batch else event
        for event in reported
    ]
    assert partial(thrown).outcome is Outcome.UNKNOWN, "nobody named a message"
    failed = invocation_failed(delivery_id=batch, error_type="BatchProcessingError")
    assert holds(partial([*thrown, failed])), "Powertools names them so"
    assert partial([*thrown, replace(failed, error_type="Error")]).outcome is Outcome.UNKNOWN
    assert holds(partial(bare(*both, SECOND_TRY, FIRST_TRY, reason=boom))), "it deleted the other by itself"


def test_an_exception_that_fails_the_whole_batch_fails() -> None:
    events = [
        replace(e, reason="the function failed: boom") if isinstance(e, AttemptFailed) and e.receive_count == 1 else e
        for e in handed_back(in_batches(run(FIRST_TRY, FIRST_TRY), 2), untried=True, task_id=GOOD_OF_TWO[0])
    ]
    both = [
        replace(e, reason="the function failed: boom") if isinstance(e, AttemptFailed) else e
        for e in handed_back(events, untried=True, task_id=GOOD_OF_TWO[1])
    ]
    told = message(both, Outcome.FAIL)
    assert "because its batch of 2 failed as a whole (the function failed: boom)" in told
    assert partial(both).observed == "2 attempts handed back with a neighbour, 0 lost beside one"


GOOD_OF_TWO = sorted({e.task_id for e in run(FIRST_TRY, FIRST_TRY) if isinstance(e, Delivered) and e.task_id})


def test_a_neighbour_that_reports_the_wrong_message_is_found_by_what_was_done() -> None:
    """The one that failed is acknowledged, the one that was done comes back."""
    events = handed_back(EVENTS, untried=False)
    failed = the(events, AttemptFailed, where=lambda e: e.task_id == BAD)
    ids: Any = {
        name: getattr(failed, name) for name in ("at_ms", "task_id", "message_id", "receive_count", "delivery_id")
    }
    events = [*without(events, failed), AttemptSucceeded(**ids)]
    assert f"task {GOOD}: attempt 1 was handed back although it was done" in message(events, Outcome.FAIL)


def test_a_neighbour_that_is_acknowledged_without_having_been_tried_is_lost() -> None:
    record = the(EVENTS, RecordObserved, where=lambda e: e.task_id == GOOD)
    events = changed(EVENTS, record, status="PENDING", attempts=())
    told = message(events, Outcome.FAIL)
    assert told == (
        f"task {GOOD}: attempt 1 was acknowledged without having been tried, when task {BAD} of the same batch had failed"
    )
    alone = changed(
        run(FIRST_TRY, FIRST_TRY), the(run(FIRST_TRY, FIRST_TRY), RecordObserved), status="PENDING", attempts=()
    )
    assert holds(partial(in_batches(alone, 2)))


def test_a_record_that_tells_of_no_attempts_at_all_is_no_sign_of_a_loss() -> None:
    record = the(EVENTS, RecordObserved, where=lambda e: e.task_id == GOOD)
    assert partial(changed(EVENTS, record, attempts=())).outcome is Outcome.PASS


def dead_beside(neighbour: list[Event]) -> list[Event]:
    """A task that dies because each of its receives is handed back with one of the ``neighbour``'s."""
    events = task("innocent", DEAD, START_MS)
    record = the(events, RecordObserved)
    events = [*without(events, BackoffRequested, record), replace(record, attempts=())]
    batched = [
        replace(event, delivery_id=f"batch-{event.receive_count}") if isinstance(event, Told) else event
        for event in [*events, *neighbour]
    ]
    return [*batched, *ending(batched)]


def test_dead_lettered_without_ever_having_been_tried_is_said_first() -> None:
    events = dead_beside(task("guilty", DEAD, START_MS))
    died = the(events, DeadLettered, where=lambda e: (e.task_id or "").startswith("innocent"))
    assert message(events, Outcome.FAIL) == (
        f"task {died.task_id} was dead-lettered without ever having been tried: each of its 3 receives was handed back "
        "because of a neighbour of its batch"
    )


def test_what_was_done_at_each_receive_and_dead_lettered_was_tried() -> None:
    events = dead_beside(task("guilty", DEAD, START_MS))
    record = the(events, RecordObserved, where=lambda e: e.task_id.startswith("innocent"))
    attempts = the(task("innocent", DEAD, START_MS), RecordObserved).attempts
    done = tuple(replace(each, outcome="SUCCEEDED", error=None, backoff_seconds=None) for each in attempts)
    verdict = partial(changed(events, record, attempts=done))
    assert verdict.outcome is Outcome.FAIL
    assert all("although it was done" in finding.message for finding in verdict.findings), verdict.findings
    assert len(verdict.findings) == len(done)


def test_a_poison_message_beside_it_is_reason_enough() -> None:
    poison = [
        altered(event, task_id=None, message_id="poison")
        for event in task("guilty", DEAD, START_MS)
        if isinstance(event, (Delivered, AttemptFailed, BackoffRequested))
    ]
    assert "without ever having been tried" in message(dead_beside(poison), Outcome.FAIL)
    assert any("because message poison of the same batch" in f.message for f in partial(dead_beside(poison)).findings)
