"""The task's record agrees with what was seen from outside: its end, its attempts, their backoff, the payload.

What a pipeline writes about itself is a claim; this check compares it with the evidence, and its times with one another: none
before what came earlier, none later than the record was read, and no task created before it was submitted. Fails in spite of missing
evidence when there is no record, or it has no status, another payload, times out of order, or an attempt whose outcome or time contradicts
the one seen. What a fault of the run's own kept from the function need not be in the record, nor what it broke off. A difference in the
number of attempts, in the backoff and in the end is excused by missing events. A record that only counts them may be one short, as who
counts retries is. A task whose record was not read is unknown, as is a run without any. What the dialect has no word for is not compared; where the stack has no
table, or no record is described, the check is not applicable. What a client reads back by the API is to agree with the record. This module must not know where records are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import (
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    History,
    RecordedAttempt,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import numbers, seconds, times
from taskguard.judging.checks import read_back
from taskguard.judging.checks.asked import granted_seconds, longest_invocation_seconds, why_no_record
from taskguard.judging.checks.attempts import attempts_in_doubt, has_several_messages
from taskguard.judging.checks.ends import ends_of
from taskguard.judging.checks.recorded import recorded_attempts
from taskguard.judging.checks.struck import all_withheld, may_be_unwritten, not_in_full, was_broken_off
from taskguard.judging.checks.unsent import may_be_kept
from taskguard.judging.verdict import (
    Advice,
    Doubt,
    Found,
    Question,
    Verdict,
    Violation,
    conclude,
    not_applicable,
    tasks_at_fault,
)

_A_SECOND_MS = 1000

QUESTION = Question(
    check="record",
    claim="Each task's record agrees with what was seen from outside.",
    needs=(
        TaskSubmitted,
        Delivered,
        AttemptSucceeded,
        AttemptFailed,
        BackoffRequested,
        DeadLettered,
        RecordObserved,
    ),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge each accepted task's record, as last read, against the evidence."""
    words, why = terms.dialect.record, why_no_record(history, terms)
    if words is None or why:
        return not_applicable(QUESTION, why)
    judged = [history.records[task_id] for task_id in history.accepted_ids if task_id in history.records]
    unseen = _of_a_death_unseen(judged, history, words)
    found: list[Found] = [each for record in judged for each in _of_record(record, history, words, terms, unseen)]
    found += read_back.findings(history, words, terms)
    differing = tasks_at_fault(found)
    struck = sum(_was_broken_off(record.task_id, history) for record in judged)
    return conclude(
        QUESTION,
        history,
        [*found, *_not_read(history), *attempts_in_doubt(history)],
        expected="status, payload, and each attempt's number, start, outcome and backoff as seen",
        observed=f"{times(len(judged), 'record')} read: {len(judged) - differing} agree, {differing} differ{not_in_full(struck)}"
        + read_back.in_words(history, words),
        figures={"records": len(judged), "differing": differing, "struck": struck},
        exercised=bool(judged),
    )


def _not_read(history: History) -> Iterator[Doubt]:
    if history.accepted and not history.records:
        message = "no record was read of any task: the pipeline keeps none, or it could not be read"
        yield Doubt(None, message, of_all=True)
        return
    for task_id in sorted(history.accepted.keys() - history.records.keys()):
        yield Doubt(task_id, f"task {task_id}: its record was not read", history.of_task(task_id))


def _of_a_death_unseen(judged: Iterable[RecordObserved], history: History, words: RecordWords) -> RecordObserved | None:
    """One that tells of a death of which its function saw no attempt: then whoever is told of dead letters writes that down."""
    dead = (each for each in judged if each.status in words.dead and history.of_task(each.task_id, DeadLettered))
    return next((each for each in dead if all_withheld(history, each.task_id)), None)


def _ended_unseen(task_id: str, history: History) -> bool:
    attempts = history.attempts_of(task_id)
    return bool(attempts) and history.was_struck(attempts[-1])


def _of_record(
    record: RecordObserved, history: History, words: RecordWords, terms: Terms, unseen: RecordObserved | None
) -> Iterator[Found]:
    task_id = record.task_id
    if why := may_be_kept(history, task_id):
        yield Doubt(
            task_id, f"task {task_id} was accepted, and its record says {record.status or 'nothing'}: {why}", (record,)
        )
        return
    if record.status is None:
        if not may_be_unwritten(history, task_id):
            yield Violation(task_id, f"task {task_id} was accepted and has no record", (record,))
        return
    submission = history.accepted[task_id]
    if words.payload is not None and not terms.is_submitted(submission.payload, record.payload):
        message = f"task {task_id}: its record has another payload than was submitted"
        yield Violation(task_id, message, (submission, record))
    if record.status:
        yield from _status(record, history, words, unseen)
    else:
        yield Violation(task_id, f"task {task_id} has a record without a status", (record,))
    if words.tells_of_attempts:
        yield from _attempts(record, history, words, terms)
    elif record.counted is not None:
        yield from _count(record, record.counted, history)
    if not _was_broken_off(task_id, history):
        yield from _times(record, terms)
    yield from _created(record, history, terms)


def _status(
    record: RecordObserved, history: History, words: RecordWords, unseen: RecordObserved | None
) -> Iterator[Found]:
    excuse = (AttemptSucceeded, DeadLettered)
    again = " after it had been put back" if history.of_task(record.task_id, Redriven) else ""
    last = ends_of(history, record.task_id)[-1]
    if again and not (last.events and record.at_ms >= last.events[-1].at_ms):
        # It tells of the task's end before.
        return
    ends = (("completed", words.completed, last.successes), ("dead-lettered", words.dead, last.dead_letters))
    seen = [end for end in ends if end[2]]
    for what, states, found in seen if len(seen) == 1 else ():
        # Without a word for it nobody knows what the record says of a dead task.
        if states and record.status not in states:
            expected = " or ".join(states)
            if what == "dead-lettered" and unseen is None and _ended_unseen(record.task_id, history):
                # The function was not told that it failed for the last time; who is told of a dead letter may write it down.
                message = (
                    f"task {record.task_id} was dead-lettered after an attempt that its function did not see to the end, and its record "
                    f"still says {record.status}: whoever consumes the dead-letter queue could write {expected}"
                )
                yield Advice(record.task_id, message, (*found, record))
                continue
            message = f"task {record.task_id} was {what}{again}; its record says {record.status}, expected {expected}"
            yield Violation(record.task_id, message, (*found, record), excuse)
    if not seen and record.status in words.finals:
        message = f"task {record.task_id}: its record says {record.status}, and it was not seen to end"
        yield Violation(record.task_id, message, (record,), excuse)


def _attempts(record: RecordObserved, history: History, words: RecordWords, terms: Terms) -> Iterator[Violation]:
    if has_several_messages(history, record.task_id):
        return
    seen = history.attempts_of(record.task_id)
    agree, told_apart = recorded_attempts(record.attempts, seen, history)
    if not agree:
        message = (
            f"task {record.task_id}: its record has attempts {numbers([each.number for each in record.attempts])}, "
            f"seen were {numbers([attempt.number for attempt in seen])}"
        )
        yield Violation(record.task_id, message, (record,), (Delivered,))
    for each, attempt in told_apart:
        if attempt.determined:
            yield from _attempt(each, attempt, record, words, history, terms)


def _count(record: RecordObserved, counted: int, history: History) -> Iterator[Violation]:
    """That a number of attempts is not what was seen: who counts failures or retries is one short, and what faults struck may be left out."""
    if has_several_messages(history, record.task_id):
        return
    seen = history.attempts_of(record.task_id)
    own = [attempt for attempt in seen if not history.was_struck(attempt)]
    if not len(own) - 1 <= counted <= len(seen):
        message = f"task {record.task_id}: its record counts {times(counted, 'attempt')}, seen were {len(seen)}"
        excuse = (Delivered,) if counted > len(seen) else ()
        yield Violation(record.task_id, message, (*(each.delivered for each in seen if each.delivered), record), excuse)


def _was_broken_off(task_id: str, history: History) -> bool:
    attempts = history.attempts_of(task_id) if history.of_kind(FaultInjected) else ()
    return any(was_broken_off(history, attempt) for attempt in attempts)


def _attempt(
    recorded: RecordedAttempt,
    attempt: Attempt,
    record: RecordObserved,
    words: RecordWords,
    history: History,
    terms: Terms,
) -> Iterator[Violation]:
    for what, excused_by in _differences(recorded, attempt, words, history, terms):
        message = f"task {record.task_id}: its record has attempt {recorded.number} {what}"
        yield Violation(record.task_id, message, (*attempt.events, record), excused_by)


def _differences(
    recorded: RecordedAttempt, attempt: Attempt, words: RecordWords, history: History, terms: Terms
) -> Iterator[tuple[str, tuple[type[Event], ...]]]:
    """In what an attempt is recorded otherwise than it was seen, and which events that excuses."""
    outcome = words.attempt_failed if attempt.failed else words.attempt_succeeded
    if outcome is not None and recorded.outcome != outcome:
        yield f"as {recorded.outcome}, expected {outcome}", ()
    if words.attempt_error is not None and attempt.failed and not recorded.error:
        yield "as failed without an error", ()
    if attempt.succeeded and recorded.error:
        yield f"with an error, and it succeeded: {recorded.error}", ()
    backoff = granted_seconds(attempt, history) if attempt.failed else None
    if words.attempt_backoff is not None and recorded.backoff_seconds != backoff:
        yield f"with {_backoff(recorded.backoff_seconds)}, seen was {_backoff(backoff)}", (BackoffRequested,)
    started, ended = recorded.started_at_ms, attempt.succeeded or attempt.failed
    if ended is not None and recorded.finished_at_ms is not None:
        most_seconds = terms.tolerances.late_seconds + longest_invocation_seconds(history, "work")
        late_seconds = (recorded.finished_at_ms - ended.at_ms) / 1000
        if late_seconds > most_seconds:
            yield f"finished {seconds(late_seconds)} after its outcome, {seconds(most_seconds)} allowed", ()
    if words.attempt_started_at is None:
        return
    if started is None:
        yield "without its start", ()
        return
    early_ms = attempt.delivered.at_ms - started if attempt.delivered is not None else 0.0
    late_ms = started - ended.at_ms if ended is not None else 0.0
    for off_ms, beside in ((early_ms, "before its delivery"), (late_ms, "after its outcome")):
        if off_ms > terms.tolerances.clock_ms:
            yield f"started {seconds(off_ms / 1000)} {beside}", ()


def _times(record: RecordObserved, terms: Terms) -> Iterator[Violation]:
    told = [(what, number, at_ms) for what, number, at_ms in _moments(record) if at_ms is not None]
    tolerance_ms = terms.tolerances.clock_ms
    by_its_record = f"task {record.task_id}: by its record it was"
    for (earlier, of_earlier, earlier_ms), (later, of_later, later_ms) in pairwise(told):
        back_ms = earlier_ms - later_ms
        if back_ms > tolerance_ms:
            before = f"{seconds(back_ms / 1000)} before it was {earlier}{of_earlier}"
            yield Violation(record.task_id, f"{by_its_record} {later}{of_later} {before}", (record,))
    for what, number, at_ms in told:
        ahead_ms = at_ms - record.at_ms
        if ahead_ms > tolerance_ms:
            message = f"{by_its_record} {what}{number} {seconds(ahead_ms / 1000)} after the record was read"
            yield Violation(record.task_id, message, (record,))


def _created(record: RecordObserved, history: History, terms: Terms) -> Iterator[Violation]:
    created_ms, submission = record.created_at_ms, history.of_task(record.task_id, TaskSubmitted)[0]
    if created_ms is None:
        return
    # What is told to the second was up to one later.
    latest_ms = created_ms if created_ms % _A_SECOND_MS else created_ms + _A_SECOND_MS
    early_ms = submission.at_ms - latest_ms
    if early_ms > terms.tolerances.clock_ms:
        message = (
            f"task {record.task_id}: by its record it was created {seconds(early_ms / 1000)} before it was submitted"
        )
        yield Violation(record.task_id, message, (submission, record), (TaskSubmitted,))


def _moments(record: RecordObserved) -> Iterator[tuple[str, int | str, float | None]]:
    """What the record tells the time of, and of which attempt, in the order in which it must have happened."""
    yield "created", "", record.created_at_ms
    for attempt in record.attempts:
        yield "begun for attempt ", attempt.number, attempt.started_at_ms
        yield "done with attempt ", attempt.number, attempt.finished_at_ms
    yield "completed", "", record.completed_at_ms
    yield "last changed", "", record.changed_at_ms


def _backoff(delay_seconds: float | None) -> str:
    return "no backoff" if delay_seconds is None else f"a backoff of {seconds(delay_seconds)}"
