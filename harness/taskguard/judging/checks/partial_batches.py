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
delivery of several messages had a failure the claim holds vacuously. An answer whose list of failed messages Lambda read otherwise than
it was meant fails too, where what failed was deleted and never seen again, or what had not failed came back with it. Of a FIFO queue a
consumer stops at the first failure and hands back all that stands behind it
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): that is no fault, and whether it does is for `order` to
tell. This module must not know how a batch is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from msgspec import Struct

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import (
    REPORTED,
    AnswerMisread,
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    History,
    InvocationFailed,
    RecordChanged,
    RecordedAttempt,
    RecordObserved,
)
from taskguard.history.wording import named, times
from taskguard.judging import places
from taskguard.judging.checks.asked import is_fifo, is_sent_once
from taskguard.judging.checks.attempts import attempts_in_doubt, dead_letters_of, has_several_messages
from taskguard.judging.checks.exercising import by_failures, submitted
from taskguard.judging.checks.out_of_time import WHAT_TO_DO, OutOfTime
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude, not_applicable, weighed

_WANTED = "a batch of several has to have a failure in it"

QUESTION = Question(
    check="partial_batches",
    claim="A message that fails leaves its neighbours of the batch alone.",
    needs=(Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested, DeadLettered),
    exercised_by=f"grade with a target that lets tasks wait (localstack), and with another seed: {_WANTED}",
    lasts=is_sent_once,
)

_ALL_FAILED = ("BatchProcessingError", "FullBatchFailureError")
"""What Powertools for AWS Lambda raises where each message of a batch failed by itself:
https://docs.powertools.aws.dev/lambda/python/latest/utilities/batch/."""

_WAITING_IN_BATCHES = 20
"""Of so many tasks half wait, which is as many as Lambda receives at once."""


class _Member(Struct, frozen=True, kw_only=True, gc=False):
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
    ``culprit``; or all came back, for no one's. Those that the run itself made to fail, which it ``was_struck`` by, are no members. Of a
    ``fifo`` queue what stands behind a failed message is to come back."""

    members: list[_Member]
    culprit: _Member | None
    fifo: bool
    failed_whole: str | None = None
    was_struck: bool = False

    @property
    def has_a_failure(self) -> bool:
        """Whether one failed that has neighbours, by itself or because it was made to."""
        return bool(self.members) and (self.was_struck or any(each.attempt.failed for each in self.members))

    @property
    def cause(self) -> str:
        if self.failed_whole is not None:
            return self.failed_whole
        if self.culprit is not None:
            return f"{self.culprit.name} of the same batch had failed"
        failed = self.members[0].attempt.failed
        return f"its batch of {len(self.members)} failed as a whole ({failed.reason if failed else ''})"

    @property
    def beside(self) -> tuple[Event, ...]:
        return self.culprit.attempt.events if self.culprit is not None else ()

    @property
    def told_apart(self) -> Iterator[bool]:
        """Where one is done that stood behind one that failed: neither a batch that fails as a whole has such, nor who stops at the first
        failure. Whether the failure was named in the answer; else the function failed, and had deleted itself what was done."""
        places_of_failures = (place for place, each in enumerate(self.members) if each.attempt.failed)
        first = next(places_of_failures, len(self.members))
        if any(each.attempt.succeeded for each in self.members[first:]):
            yield _is_reported(self.members[first].attempt)

    @property
    def handed_back(self) -> list[_Member]:
        found = [each for each in self._judged if each.handed_back]
        as_a_whole = len(found) == len(self.members) > 1
        return found if self.culprit is not None or as_a_whole else []

    @property
    def _judged(self) -> list[_Member]:
        """Those that are to be left alone: of a FIFO queue's batch, up to the first that failed."""
        first = next((place for place, each in enumerate(self.members) if each.attempt.failed), None)
        return self.members[: first + 1] if self.fifo and first is not None else self.members

    @property
    def lost(self) -> list[_Member]:
        return [each for each in self.members if each.lost] if self.culprit is not None else []


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what became of the neighbours of messages that failed."""
    consumers = history.configuration.consumers if history.configuration is not None else ()
    if consumers and all(each.batch_size == 1 for each in consumers if each.queue == "work"):
        return not_applicable(QUESTION, "the work queue's consumer is handed one message at a time")
    batches = _batches(history, terms)
    question = _exercised(history, terms, several=bool(batches))
    all_failed = {each.delivery_id for each in history.of_kind(InvocationFailed) if each.error_type in _ALL_FAILED}
    told_apart = {each for batch in batches for each in batch.told_apart}
    with_a_failure = sum(batch.has_a_failure for batch in batches)
    handed_back = [each for batch in batches for each in batch.handed_back if each.proven]
    lost = sum(len(batch.lost) for batch in batches)
    misread = list(_misread(history, terms))
    if any(isinstance(each, Violation) for each in misread):
        observed = f"{times(len(misread), 'answer')} read otherwise than meant"
    elif handed_back or lost:
        observed = f"{times(len(handed_back), 'attempt')} handed back with a neighbour, {lost} lost beside one"
    else:
        observed = "no message was handed back, lost or dead-lettered for a neighbour's sake"
    not_done = {id(each.attempt) for each in handed_back if not each.done}
    return conclude(
        question,
        history,
        [
            *misread,
            *_dead_without_an_attempt(history, not_done),
            *(
                found
                for batch in batches
                for found in _of_batch(batch, places.of_batches(history), told_apart, all_failed)
            ),
            *attempts_in_doubt(history),
        ],
        expected="of a batch only what fails itself comes back"
        + (", and what stands behind it" if is_fifo(history) else ""),
        observed=observed,
        measured={
            "batches_of_several": len(batches),
            "of_them_with_a_failure": with_a_failure,
            "largest_batch": max((len(batch.members) for batch in batches), default=0),
        },
        exercised=with_a_failure > 0,
    )


def _exercised(history: History, terms: Terms, *, several: bool) -> Question:
    """The question, with how to exercise it: by a failure among the ``several`` messages of a batch, or by such batches at first."""
    if terms.contract.settings.partial_batches is not Weight.MUST:
        return replace(QUESTION, exercised_by=None)
    if several:
        return by_failures(QUESTION, history, terms, _WANTED)
    if terms.seed is not None:
        return QUESTION
    more = f", and with --tasks {_WAITING_IN_BATCHES} or more" if submitted(history) < _WAITING_IN_BATCHES else ""
    return replace(QUESTION, exercised_by=f"grade with a target that lets tasks wait (localstack){more}: {_WANTED}")


def _misread(history: History, terms: Terms) -> Iterator[Found]:
    """What became of messages since Lambda read an answer otherwise than it was meant."""
    for answer in history.of_kind(AnswerMisread):
        batch = [
            attempt
            for chain in history.chains
            for attempt in chain.attempts
            if attempt.delivery_id == answer.delivery_id
        ]
        meant = [attempt for attempt in batch if attempt.message_id in answer.message_ids]
        if answer.fails_all:
            beside = [attempt for attempt in batch if attempt.message_id not in answer.message_ids]
            message = f"{answer.function} {answer.what}: Lambda takes that for the failure of the whole batch"
            if beside and meant:
                yield Violation(
                    None,
                    f"{message}, so {times(len(beside), 'message')} came back beside {len(meant)} that failed",
                    (answer,),
                )
            elif len(batch) > 1:
                yield Violation(None, f"{message} of {len(batch)}", (answer,))
            else:
                yield from weighed(terms.contract.settings.partial_batches, Violation(None, message, (answer,)))
            continue
        # Of whom it spoke is not always to be told.
        gone = [attempt for attempt in meant or batch if not _came_back(attempt, answer, history)]
        if gone:
            what = (
                f"{times(len(gone), 'failed message')} {'was' if len(gone) == 1 else 'were'}"
                if meant
                else "what failed was"
            )
            message = f"{answer.function} {answer.what}: Lambda reads none, so {what} deleted"
            shown = (answer, *(event for attempt in gone for event in attempt.events))
            yield Violation(gone[0].task_id if len(gone) == 1 else None, message, shown, (Delivered, DeadLettered))


def _came_back(attempt: Attempt, answer: AnswerMisread, history: History) -> bool:
    """Whether its message or, as a new message, its task was seen again after it was answered."""
    events = history.of_message(attempt.message_id) if attempt.task_id is None else history.of_task(attempt.task_id)
    return any(isinstance(event, (Delivered, DeadLettered)) and event.at_ms > answer.at_ms for event in events)


def _batches(history: History, terms: Terms) -> list[_Batch]:
    by_delivery: dict[str, list[Attempt]] = {}
    for chain in history.chains:
        for attempt in chain.attempts:
            by_delivery.setdefault(attempt.delivery_id, []).append(attempt)
    fifo = is_fifo(history)
    several = [attempts for attempts in by_delivery.values() if len(attempts) > 1]
    # As they stood in the batch, which is the order in which their deliveries are told.
    several = [sorted(attempts, key=lambda each: history.position(each.events[0])) for attempts in several]
    why = _failed_whole(history)
    return [
        replace(_batch(attempts, history, terms, fifo=fifo), failed_whole=why.get(attempts[0].delivery_id))
        for attempts in several
    ]


def _batch(attempts: list[Attempt], history: History, terms: Terms, *, fifo: bool) -> _Batch:
    # What the run itself made to fail is none of the function's doing, and no reason for it to hand back another one.
    own = [_member(attempt, history, terms) for attempt in attempts if not history.was_struck(attempt)]
    culprit = next((each for each in own if each.failed_by_itself), None)
    # What was withheld the function never saw, so that nothing is learnt of how it treats a failure.
    struck = [each.delivered for each in attempts if history.was_struck(each) and each.delivered is not None]
    return _Batch(own, culprit, fifo, was_struck=not all(map(history.was_withheld, struck)))


def _failed_whole(history: History) -> dict[str, str]:
    """Why a delivery failed as a whole, whatever became of its messages: it ran out of time, or its answer was not read as meant."""
    late = OutOfTime(history)
    return {
        **{
            each.delivery_id: f"{each.function} {each.what}"
            for each in history.of_kind(AnswerMisread)
            if each.fails_all
        },
        **{delivery_id: f"{late.words(delivery_id)}. {WHAT_TO_DO}" for delivery_id in late},
    }


def _member(attempt: Attempt, history: History, terms: Terms) -> _Member:
    task_id = attempt.task_id
    if task_id is None or task_id not in history.accepted or has_several_messages(history, task_id):
        # A poison message can only fail, and a duplicate is kept or dropped for reasons of its own.
        return _Member(attempt=attempt, failed_by_itself=attempt.failed is not None)
    drawn, words = terms.drawn_to_fail(task_id, attempt.number), terms.dialect.record
    # A record that does not tell of attempts is no help.
    record = history.records.get(task_id) if words is not None and words.tells_of_attempts else None
    entries = [] if record is None else [each for each in record.attempts if each.number == attempt.number]
    recorded_as_failed = any(words is not None and each.outcome == words.attempt_failed for each in entries)
    return _Member(
        attempt=attempt,
        failed_by_itself=bool(attempt.backoffs)
        or recorded_as_failed
        or bool(attempt.failed and drawn)
        or _was_sent_on(attempt, history),
        record=record if record is not None and record.status is not None else None,
        recorded=entries[-1] if entries else None,
        recorded_as_completed=record is not None and record.status in terms.dialect.completed,
        recorded_as_succeeded=bool(entries) and words is not None and entries[-1].outcome == words.attempt_succeeded,
        done_meanwhile=_done_meanwhile(attempt, history, terms),
        drawn_to_fail=drawn,
    )


def _was_sent_on(attempt: Attempt, history: History) -> bool:
    """Whether its consumer sent the task of this attempt to the queue again, or to the dead-letter queue."""
    dead = history.dead_letters.get(attempt.task_id, ()) if attempt.task_id is not None else ()
    senders = (each.sent_by for each in dead if each.sent_by is not None)
    return bool(attempt.resends) or any(
        (each.delivery_id, each.message_id) == (attempt.delivery_id, attempt.message_id) for each in senders
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


def _is_reported(attempt: Attempt, all_failed: Set[str] = frozenset()) -> bool:
    """Whether it was named as failed, or its delivery was, as one of which ``all_failed``."""
    return attempt.failed is not None and (attempt.failed.reason == REPORTED or attempt.delivery_id in all_failed)


def _of_batch(
    batch: _Batch, place: places.Place | None, told_apart: Set[bool], all_failed: Set[str]
) -> Iterator[Found]:
    """What is to be said of the members of a batch; ``place`` is the setting to look at, where it is one. Who has ``told_apart`` failures from
    what stood behind them is believed that all of a batch failed."""
    for member in batch.handed_back:
        number, shown = member.attempt.number, (*member.attempt.events, *batch.beside)
        if member.proven:
            message = f"{member.name}: attempt {number} was handed back {_how(member)}, because {batch.cause}"
            excuses = () if member.drawn_to_fail is False else (BackoffRequested, RecordObserved)
            yield Violation(member.attempt.task_id, message, shown, excuses, place=place)
        elif batch.culprit is not None or _is_reported(member.attempt, all_failed) not in told_apart:
            message = (
                f"{member.name}: attempt {number} failed without a backoff, and there is no record of it to tell whether it was "
                f"tried, when {batch.cause}"
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
