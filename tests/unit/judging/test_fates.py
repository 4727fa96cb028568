"""What a run itself made to fail of its chosen tasks: nobody is accused for it, and of all else as ever."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    BackoffRequested,
    DeadLetterLogged,
    Event,
    FaultInjected,
    History,
    RecordChanged,
    RecordObserved,
)
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.batches import in_batches
from tests.unit.judging.building import (
    DEAD,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    UNSEEDED,
    altered,
    changed,
    holds,
    judge,
    run,
    the,
    without,
)
from tests.unit.judging.test_chosen import chosen
from tests.unit.judging.test_saved_runs import MANIFEST

LINE = "fail when=before function=work task=any"


def made_to_fail(
    events: list[Event], task_id: str | None, *, kind: str = "fail", when: str = "before", receives: int = 9
) -> list[Event]:
    """The events, with each failed attempt of a task, of the first ``receives``, one that the run made fail before the function saw the
    message: it asked for no wait, and wrote nothing."""
    faults = [
        FaultInjected(
            at_ms=event.at_ms - 1,
            until_ms=None,
            kind=kind,
            when=when,
            fault=LINE,
            function="work",
            call=None,
            number=None,
            task_ids=(task_id or "",),
            receive_count=event.receive_count,
            delivery_id=event.delivery_id,
        )
        for event in events
        if isinstance(event, AttemptFailed) and event.task_id == task_id and event.receive_count <= receives
    ]
    kept = [
        event
        for event in events
        if not (isinstance(event, BackoffRequested) and event.task_id == task_id and event.receive_count <= receives)
    ]
    return [*kept, *faults]


def failed_task(events: list[Event]) -> str | None:
    return the(events, AttemptFailed).task_id


def judged(check: str, events: list[Event], terms: Terms = UNSEEDED) -> Verdict:
    return judge(check, events, terms)


def test_a_message_that_the_function_never_saw_owes_no_wait() -> None:
    events = run(SECOND_TRY)
    unseen = made_to_fail(events, failed_task(events))
    verdict = judged("backoff", unseen)
    assert (holds(verdict), verdict.exercised) == (True, False)
    assert judged("backoff", without(unseen, FaultInjected)).outcome is Outcome.FAIL


def test_it_is_no_reason_to_hand_back_its_neighbours_and_is_none_itself() -> None:
    events = in_batches(run(SECOND_TRY, FIRST_TRY, FIRST_TRY), 3)
    unseen = made_to_fail(events, failed_task(events))
    # The function never saw it, so nothing is learnt of how it treats a failure of its own.
    verdict = judged("partial_batches", unseen)
    assert (holds(verdict), verdict.exercised) == (True, False)
    assert verdict.measured["of_them_with_a_failure"] == 0
    broken_off = judged("partial_batches", made_to_fail(events, failed_task(events), kind="kill"))
    assert (broken_off.outcome, broken_off.exercised) == (Outcome.PASS, True)


def test_neighbours_that_come_back_all_the_same_are_the_function_s_doing() -> None:
    events = in_batches(run(SECOND_TRY, SECOND_TRY, SECOND_TRY), 3)
    first, *others = [event.task_id for event in events if isinstance(event, AttemptFailed)]
    unseen = made_to_fail(events, first)
    # Of the others nothing shows that their work failed.
    handed_back = [event for event in unseen if not (isinstance(event, BackoffRequested) and event.task_id in others)]
    handed_back = [
        altered(event, attempts=tuple(replace(each, outcome="SUCCEEDED", error=None) for each in event.attempts))
        if isinstance(event, RecordObserved)
        else event
        for event in handed_back
    ]
    verdict = judged("partial_batches", handed_back)
    assert verdict.outcome is Outcome.FAIL
    assert {finding.task_id for finding in verdict.findings} == set(others)
    assert "its batch of 2 failed as a whole" in verdict.findings[0].message


def test_a_death_that_its_function_was_not_told_of_need_not_be_in_the_record() -> None:
    events = run(DEAD, FIRST_TRY)
    record = the(events, RecordObserved, where=lambda event: event.status == "DEAD_LETTER")
    open_still = changed(events, record, status="PENDING", attempts=(), last_error=None)
    unseen = made_to_fail(open_still, record.task_id)
    verdict = judged("record", unseen)
    assert verdict.outcome is Outcome.PASS, verdict
    assert "whoever consumes the dead-letter queue could write DEAD_LETTER" in verdict.findings[0].message
    assert judged("record", without(unseen, FaultInjected)).outcome is Outcome.FAIL


def test_a_death_that_no_function_was_told_of_is_to_be_in_each_record_once_it_is_in_one() -> None:
    events = run(DEAD, DEAD, FIRST_TRY)
    written, forgotten = (each for each in events if isinstance(each, RecordObserved) and each.status == "DEAD_LETTER")
    open_still = changed(events, forgotten, status="PENDING", attempts=(), last_error=None)
    unseen = made_to_fail(made_to_fail(open_still, forgotten.task_id), written.task_id)
    verdict = judged("record", unseen)
    assert verdict.outcome is Outcome.FAIL
    [finding] = verdict.findings
    assert (
        finding.message == f"task {forgotten.task_id} was dead-lettered; its record says PENDING, expected DEAD_LETTER"
    )
    # Of an attempt that was broken off, or of one before, the function itself may have written it down.
    for how in ({"kind": "kill"}, {"receives": 1}):
        known = made_to_fail(made_to_fail(open_still, forgotten.task_id), written.task_id, **how)
        assert judged("record", known).outcome is Outcome.PASS


def test_a_record_that_says_done_of_a_task_that_was_acknowledged_undone_is_still_wrong() -> None:
    events = run(SECOND_TRY)
    record = the(events, RecordObserved)
    broken_off = made_to_fail(changed(events, record, status="PROCESSING"), record.task_id, kind="kill", when="after")
    assert judged("record", broken_off).outcome is Outcome.FAIL


def test_a_log_may_know_neither_the_attempts_nor_an_error_that_no_function_saw() -> None:
    events = run(DEAD, FIRST_TRY)
    logged = the(events, DeadLetterLogged)
    for attempts, outcome in ((0, Outcome.PASS), (3, Outcome.PASS), (4, Outcome.FAIL)):
        fields = {**logged.fields, "attempts": attempts, "lastError": None}
        unseen = made_to_fail(changed(events, logged, fields=fields), logged.task_id)
        assert judged("dead_letter_log", unseen).outcome is outcome, attempts
    silent = made_to_fail(without(events, DeadLetterLogged), logged.task_id)
    assert judged("dead_letter_log", silent).outcome is Outcome.FAIL


def test_what_was_broken_off_may_be_begun_anew() -> None:
    events = run(SECOND_TRY)
    change = the(events, RecordChanged, where=lambda event: event.status == "RETRYING")
    done_before = changed(events, change, status="COMPLETED", outcome="SUCCEEDED")
    assert judged("transitions", done_before).outcome is Outcome.FAIL
    assert judged("transitions", made_to_fail(done_before, change.task_id, kind="kill")).outcome is Outcome.PASS
    # Not what had been done when its answer was lost: a queue delivers at least once.
    assert judged("transitions", made_to_fail(done_before, change.task_id, when="after")).outcome is Outcome.FAIL


def test_what_comes_after_an_attempt_that_was_broken_off_is_judged_as_ever() -> None:
    events = run(THIRD_TRY)
    change = the(events, RecordChanged, where=lambda event: event.status == "RETRYING")
    begun_anew = changed(events, change, status="COMPLETED", outcome="SUCCEEDED")
    verdict = judged("transitions", made_to_fail(begun_anew, change.task_id, kind="kill", receives=1))
    assert verdict.outcome is Outcome.PASS
    assert verdict.observed.endswith("1 legal, 0 not; 1 task not judged in full here, since faults struck them")
    later = the(events, RecordChanged, 1, where=lambda event: event.status == "RETRYING")
    left = changed(begun_anew, later, status="COMPLETED", outcome="SUCCEEDED")
    verdict = judged("transitions", made_to_fail(left, change.task_id, kind="kill", receives=1))
    assert verdict.outcome is Outcome.FAIL
    assert "was COMPLETED, which is final, and was left for PROCESSING" in verdict.findings[0].message
    # Nobody knows which attempt that was.
    unseen = [
        altered(event, delivery_id=None) if isinstance(event, FaultInjected) else event
        for event in made_to_fail(left, change.task_id, kind="kill", receives=1)
    ]
    assert judged("transitions", unseen).outcome is Outcome.PASS


def test_who_goes_on_with_what_was_broken_off_is_not_late() -> None:
    events = run(SECOND_TRY)
    again = the(events, RecordChanged, where=lambda event: event.attempt == 2)
    retried = the(events, RecordChanged, where=lambda event: event.status == "RETRYING")
    done = the(events, RecordChanged, where=lambda event: event.status == "COMPLETED")
    end = altered(done, number=3, attempt=1, at_ms=done.at_ms + 60_000, written_at_ms=None)
    gone_on = [*without(events, again, retried, done), end]
    assert judged("transitions", gone_on).outcome is Outcome.FAIL
    assert judged("transitions", made_to_fail(gone_on, done.task_id, kind="kill")).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("kind", "numbers", "outcome"),
    [
        # Who counts receives, who counts what it saw, and who found out what it had not seen.
        ("fail", (2, 3), Outcome.PASS),
        ("fail", (1, 2), Outcome.PASS),
        ("fail", (1, 2, 3), Outcome.PASS),
        ("fail", (), Outcome.FAIL),
        ("fail", (3,), Outcome.FAIL),
        ("fail", (1, 2, 3, 4), Outcome.FAIL),
        # Of what was broken off nobody knows what is done again.
        ("kill", (1,), Outcome.PASS),
        ("kill", (2, 3), Outcome.PASS),
        ("kill", (1, 2, 3, 4), Outcome.FAIL),
    ],
)
def test_a_record_lacks_no_more_attempts_than_its_function_could_not_know_of(
    kind: str, numbers: tuple[int, ...], outcome: Outcome
) -> None:
    events = run(THIRD_TRY)
    record = the(events, RecordObserved)
    last = (
        record.attempts[len(record.attempts) - len(numbers) :]
        if len(numbers) <= 3
        else (*record.attempts, record.attempts[-1])
    )
    attempts = tuple(replace(each, number=number) for each, number in zip(last, numbers, strict=True))
    struck = made_to_fail(changed(events, record, attempts=attempts), record.task_id, kind=kind, receives=1)
    verdict = judged("record", struck)
    assert verdict.outcome is outcome, verdict
    assert ("1 task not judged in full here" in verdict.observed) == (kind == "kill")


def test_what_a_record_says_of_an_attempt_that_was_not_struck_is_compared() -> None:
    events = run(THIRD_TRY)
    record = the(events, RecordObserved)
    for number, outcome in ((2, "SUCCEEDED"), (3, "FAILED")):
        attempts = tuple(replace(each, outcome=outcome) if each.number == number else each for each in record.attempts)
        for seen in (attempts, attempts[1:]):
            wrong = changed(events, record, attempts=seen)
            found = judged("record", made_to_fail(wrong, record.task_id, receives=1))
            assert found.outcome is Outcome.FAIL, (number, seen)
            assert f"attempt {number} as {outcome}" in found.findings[0].message


def test_a_task_that_a_fault_struck_says_nothing_of_rates() -> None:
    events = run(*[FIRST_TRY] * 8, *[SECOND_TRY] * 2)
    assert judged("first_failure_rate", events).figures["first_attempts"] == 10
    unseen = made_to_fail(events, failed_task(events))
    assert judged("first_failure_rate", unseen).figures["first_attempts"] == 9


def test_only_faults_that_the_run_had_planned_leave_its_verdicts() -> None:
    events = chosen(run(DEAD, FIRST_TRY), 0)
    unseen = History(made_to_fail(events, failed_task(events)))
    terms = {"contract": UNSEEDED.contract, "draws": UNSEEDED.draws}
    planned = grade_run(unseen, replace(MANIFEST, fates=(LINE,), **terms))
    assert {verdict.outcome for verdict in planned.verdicts if verdict.check in ("redrive", "settlement")} == {
        Outcome.PASS
    }
    stray = grade_run(unseen, replace(MANIFEST, **terms))
    assert {verdict.outcome for verdict in stray.verdicts} == {Outcome.UNKNOWN, Outcome.NOT_APPLICABLE}
    assert "that this run had not planned" in stray.verdicts[0].findings[0].message


def test_the_two_numbers_count_what_came_of_the_run_s_own_tasks_without_it() -> None:
    events = run(SECOND_TRY, FIRST_TRY)
    history = History(made_to_fail(events, failed_task(events)))
    terms = {"contract": UNSEEDED.contract, "draws": UNSEEDED.draws}
    found = grade_run(history, replace(MANIFEST, fates=(LINE,), **terms))
    assert (found.success, found.failure) == (2, 0)
