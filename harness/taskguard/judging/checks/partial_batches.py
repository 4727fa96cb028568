"""A record that fails leaves its batch's neighbours alone: none is delivered again, lost or dead-lettered because of it.

A consumer that is handed several messages at once and stops at the first bad one, or fails as a whole, hands back
messages that it has not tried, or has finished. Such an attempt failed, and nothing shows that its work did: no backoff was
asked for, the task's record has no failure of that attempt, and with a seed its draw does not say that it fails. Where
records tell of no attempts, one that became complete while the attempt went on is proof that it was done. It is
this check's when another attempt of the same delivery did fail by itself, or when the delivery failed as a whole and none
did. Lost is a neighbour that was acknowledged although its record has no such attempt. With a draw that says success it
is a fail in spite of missing evidence; else backoffs or records that were not seen excuse it, and a record that was not
read leaves it unknown. A message that the run itself made to fail had not failed for the function: it excuses none of the others,
and is nobody's fault. How messages were batched differs from run to run, so it stands in what was measured; where no
delivery of several messages had a failure the claim holds vacuously. This module must not know how a batch is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taskguard.contract.terms import Terms
from taskguard.history import (
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    History,
    RecordChanged,
    RecordedAttempt,
    RecordObserved,
)
from taskguard.history.wording import named, times
from taskguard.judging.checks.attempts import attempts_in_doubt, dead_letters_of, has_duplicates
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude

QUESTION = Question(
    check="partial_batches",
    claim="A message that fails leaves its neighbours of the batch alone.",
    needs=(Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested, DeadLettered),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One message of a batch, and what shows that its own work failed, or was never begun.

    `record` is none when it was not read or is no help: several messages share it, or there is none of the task.
    """

    attempt: Attempt
    failed_by_itself: bool
    record: RecordObserved | None = None
    recorded: RecordedAttempt | None = None
    recorded_as_completed: bool = False
    recorded_as_succeeded: bool = False
    done_meanwhile: bool = False
    drawn_to_fail: bool | None = None

    @property
    def name(self) -> str:
        return named(self.attempt.task_id, self.attempt.message_id)

    @property
    def handed_back(self) -> bool:
        """Whether it was reported as failed, and its own work did not."""
        return self.attempt.failed is not None and not self.failed_by_itself

    @property
    def lost(self) -> bool:
        """Whether it was acknowledged, and never begun."""
        acknowledged = self.attempt.succeeded is not None
        return acknowledged and self.record is not None and self.recorded is None and not self.recorded_as_completed

    @property
    def proven(self) -> bool:
        """Whether it can be told without a record that its work did not fail."""
        return self.drawn_to_fail is False or self.done_meanwhile or self.record is not None

    @property
    def done(self) -> bool:
        """Whether its work was seen to be done."""
        return self.done_meanwhile or self.recorded_as_succeeded


@dataclass(frozen=True, slots=True)
class _Batch:
    """A delivery of several messages. Some may have come back, or be lost, for the sake of a message that failed by itself, the
    ``culprit``; or all came back, for no one's. Those that the run itself made to fail, which it ``was_struck`` by, are no members."""

    members: list[_Member]
    culprit: _Member | None
    was_struck: bool = False

    @property
    def has_a_failure(self) -> bool:
        """Whether one failed that has neighbours, by itself or because it was made to."""
        return bool(self.members) and (self.was_struck or any(each.attempt.failed for each in self.members))

    @property
    def cause(self) -> str:
        if self.culprit is not None:
            return f"{self.culprit.name} of the same batch had failed"
        failed = self.members[0].attempt.failed
        return f"its batch of {len(self.members)} failed as a whole ({failed.reason if failed else ''})"

    @property
    def beside(self) -> tuple[Event, ...]:
        return self.culprit.attempt.events if self.culprit is not None else ()

    @property
    def handed_back(self) -> list[_Member]:
        found = [each for each in self.members if each.handed_back]
        as_a_whole = len(found) == len(self.members) > 1
        return found if self.culprit is not None or as_a_whole else []

    @property
    def lost(self) -> list[_Member]:
        return [each for each in self.members if each.lost] if self.culprit is not None else []


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what became of the neighbours of messages that failed."""
    batches = _batches(history, terms)
    with_a_failure = sum(batch.has_a_failure for batch in batches)
    handed_back = [each for batch in batches for each in batch.handed_back if each.proven]
    lost = sum(len(batch.lost) for batch in batches)
    if handed_back or lost:
        observed = f"{times(len(handed_back), 'attempt')} handed back with a neighbour, {lost} lost beside one"
    else:
        observed = "no message was handed back, lost or dead-lettered for a neighbour's sake"
    not_done = {id(each.attempt) for each in handed_back if not each.done}
    return conclude(
        QUESTION,
        history,
        [
            *_dead_without_an_attempt(history, not_done),
            *(found for batch in batches for found in _of_batch(batch)),
            *attempts_in_doubt(history),
        ],
        expected="of a batch only what fails itself comes back",
        observed=observed,
        measured={
            "batches_of_several": len(batches),
            "of_them_with_a_failure": with_a_failure,
            "largest_batch": max((len(batch.members) for batch in batches), default=0),
        },
        exercised=with_a_failure > 0,
    )


def _batches(history: History, terms: Terms) -> list[_Batch]:
    by_delivery: dict[str, list[Attempt]] = {}
    for chain in history.chains:
        for attempt in chain.attempts:
            by_delivery.setdefault(attempt.delivery_id, []).append(attempt)
    return [_batch(attempts, history, terms) for attempts in by_delivery.values() if len(attempts) > 1]


def _batch(attempts: list[Attempt], history: History, terms: Terms) -> _Batch:
    # What the run itself made to fail is none of the function's doing, and no reason for it to hand back another one.
    own = [_member(attempt, history, terms) for attempt in attempts if not history.was_struck(attempt)]
    culprit = next((each for each in own if each.failed_by_itself), None)
    return _Batch(own, culprit, was_struck=len(own) < len(attempts))


def _member(attempt: Attempt, history: History, terms: Terms) -> _Member:
    task_id = attempt.task_id
    if task_id is None or task_id not in history.accepted or has_duplicates(history, task_id):
        # A poison message can only fail, and a duplicate is kept or dropped for reasons of its own.
        return _Member(attempt=attempt, failed_by_itself=attempt.failed is not None)
    drawn, words = terms.drawn_to_fail(task_id, attempt.number), terms.dialect.record
    # A record that does not tell of attempts is no help.
    record = history.records.get(task_id) if words is not None and words.tells_of_attempts else None
    entries = [] if record is None else [each for each in record.attempts if each.number == attempt.number]
    recorded_as_failed = any(words is not None and each.outcome == words.attempt_failed for each in entries)
    return _Member(
        attempt=attempt,
        failed_by_itself=bool(attempt.backoffs) or recorded_as_failed or bool(attempt.failed and drawn),
        record=record if record is not None and record.status is not None else None,
        recorded=entries[-1] if entries else None,
        recorded_as_completed=record is not None and record.status in terms.dialect.completed,
        recorded_as_succeeded=bool(entries) and words is not None and entries[-1].outcome == words.attempt_succeeded,
        done_meanwhile=_done_meanwhile(attempt, history, terms),
        drawn_to_fail=drawn,
    )


def _done_meanwhile(attempt: Attempt, history: History, terms: Terms) -> bool:
    """Whether the task's record, which tells of no attempts, became complete: surely after this one had begun and before it failed."""
    words = terms.dialect.record
    if words is None or words.tells_of_attempts:
        return False
    if attempt.delivered is None or attempt.failed is None or attempt.task_id is None:
        return False
    return any(
        change.status in words.completed
        and change.at_ms >= attempt.delivered.at_ms
        and change.at_ms + change.within_ms <= attempt.failed.at_ms
        for change in history.of_task(attempt.task_id, RecordChanged)
    )


def _of_batch(batch: _Batch) -> Iterator[Found]:
    for member in batch.handed_back:
        number, shown = member.attempt.number, (*member.attempt.events, *batch.beside)
        if member.proven:
            message = f"{member.name}: attempt {number} was handed back {_how(member)}, because {batch.cause}"
            excuses = () if member.drawn_to_fail is False else (BackoffRequested, RecordObserved)
            yield Violation(member.attempt.task_id, message, shown, excuses)
        else:
            message = (
                f"{member.name}: attempt {number} failed without a backoff when {batch.cause}, and there is no record of it "
                "to tell whether it was tried"
            )
            yield Doubt(member.attempt.task_id, message, shown)
    for member in batch.lost:
        message = f"{member.name}: attempt {member.attempt.number} was acknowledged without having been tried, when {batch.cause}"
        shown = (*member.attempt.events, *batch.beside)
        yield Violation(member.attempt.task_id, message, shown, (RecordObserved,))


def _how(member: _Member) -> str:
    if member.done:
        return "although it was done"
    if member.record is not None and member.recorded is None:
        return "without having been tried"
    if member.drawn_to_fail is False:
        return "although its draw says that it succeeds"
    return "although nothing shows that it failed"


def _dead_without_an_attempt(history: History, not_done: set[int]) -> Iterator[Violation]:
    for chain in history.chains if not_done else ():
        if all(id(attempt) in not_done for attempt in chain.attempts) and (dead := dead_letters_of(history, chain)):
            message = (
                f"{chain.name} was dead-lettered without ever having been tried: each of its {len(chain.attempts)} receives "
                "was handed back because of a neighbour of its batch"
            )
            events = [event for attempt in chain.attempts for event in attempt.events]
            yield Violation(chain.task_id, message, (*events, dead[0]), (BackoffRequested, RecordObserved))
