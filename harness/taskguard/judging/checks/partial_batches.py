"""A record that fails leaves its batch's neighbours alone: none is delivered again, lost or dead-lettered because of it.

A consumer that is handed several messages at once and stops at the first bad one, or fails as a whole, hands back
messages that it has not tried, or has finished. Such an attempt failed, and nothing shows that its work did: no backoff was
asked for, the task's record has no failure of that attempt, and with a seed its draw does not say that it fails. Where
records tell of no attempts, one that became complete while the attempt went on is proof that it was done. It is
this check's when another attempt of the same delivery did fail by itself, or when the delivery failed as a whole and none
did. Lost is a neighbour that was acknowledged although its record has no such attempt. With a draw that says success it
is a fail in spite of missing evidence; else backoffs or records that were not seen excuse it, and a record that was not
read leaves it unknown. How messages were batched differs from run to run, so it stands in what was measured; where no
delivery of several messages had a failure the claim holds vacuously. This module must not know how a batch is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
from taskguard.history import (
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    Chain,
    DeadLettered,
    Delivered,
    Event,
    History,
    RecordChanged,
    RecordedAttempt,
    RecordObserved,
)
from taskguard.history.wording import times
from taskguard.judging.checks.conclusion import (
    Doubt,
    Question,
    Violation,
    attempts_in_doubt,
    conclude,
    dead_letters_of,
    has_duplicates,
)
from taskguard.judging.verdict import Verdict

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
    name: str
    record: RecordObserved | None
    recorded: RecordedAttempt | None
    recorded_as_completed: bool
    done_meanwhile: bool
    drawn_to_fail: bool | None
    failed_by_itself: bool

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


@dataclass(slots=True)
class _Found:
    """What was found in all batches."""

    violations: list[Violation] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    handed_back: set[int] = field(default_factory=set)
    lost: int = 0


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what became of the neighbours of messages that failed."""
    batches = _batches(history, terms)
    with_a_failure = sum(any(each.attempt.failed for each in batch) for batch in batches)
    found = _Found()
    for batch in batches:
        _look_at(batch, found, terms.dialect.record)
    never_tried = list(_dead_without_an_attempt(history, found.handed_back))
    if found.violations:
        observed = (
            f"{times(len(found.handed_back), 'attempt')} handed back with a neighbour, {found.lost} lost beside one"
        )
    else:
        observed = "no message was handed back, lost or dead-lettered for a neighbour's sake"
    return conclude(
        QUESTION,
        history,
        expected="of a batch only what fails itself comes back",
        observed=observed,
        violations=[*never_tried, *found.violations],
        doubts=[*found.doubts, *attempts_in_doubt(history)],
        measured={
            "batches_of_several": len(batches),
            "of_them_with_a_failure": with_a_failure,
            "largest_batch": max(map(len, batches), default=0),
        },
        exercised=with_a_failure > 0,
    )


def _batches(history: History, terms: Terms) -> list[list[_Member]]:
    """The deliveries of several messages."""
    by_delivery: dict[str, list[Attempt]] = {}
    for chain in history.chains:
        for attempt in chain.attempts:
            by_delivery.setdefault(attempt.delivery_id, []).append(attempt)
    records = {record.task_id: record for record in history.of_kind(RecordObserved)}
    return [
        [_member(attempt, history, records, terms) for attempt in attempts]
        for attempts in by_delivery.values()
        if len(attempts) > 1
    ]


def _member(attempt: Attempt, history: History, records: dict[str, RecordObserved], terms: Terms) -> _Member:
    task_id = attempt.task_id
    if task_id is None or task_id not in history.accepted or has_duplicates(history, task_id):
        # A poison message can only fail, and a duplicate is kept or dropped for reasons of its own.
        name = f"message {attempt.message_id}" if task_id is None else f"task {task_id}"
        return _Member(
            attempt=attempt,
            name=name,
            record=None,
            recorded=None,
            recorded_as_completed=False,
            done_meanwhile=False,
            drawn_to_fail=None,
            failed_by_itself=attempt.failed is not None,
        )
    drawn, words = terms.drawn_to_fail(task_id, attempt.number), terms.dialect.record
    # A record that does not tell of attempts is no help.
    record = records.get(task_id) if words is not None and words.tells_of_attempts else None
    entries = [] if record is None else [each for each in record.attempts if each.number == attempt.number]
    recorded_as_failed = any(words is not None and each.outcome == words.attempt_failed for each in entries)
    return _Member(
        attempt=attempt,
        name=f"task {task_id}",
        record=record if record is not None and record.status is not None else None,
        recorded=entries[-1] if entries else None,
        recorded_as_completed=record is not None and record.status in terms.dialect.completed,
        done_meanwhile=_done_meanwhile(attempt, history, terms),
        drawn_to_fail=drawn,
        failed_by_itself=bool(attempt.backoffs) or recorded_as_failed or bool(attempt.failed and drawn),
    )


def _done_meanwhile(attempt: Attempt, history: History, terms: Terms) -> bool:
    """Whether the task's record, which tells of no attempts, became complete: surely after this one had begun and before it failed."""
    words = terms.dialect.record
    if words is None or words.tells_of_attempts:
        return False
    if attempt.delivered is None or attempt.failed is None or attempt.task_id is None:
        return False
    return any(
        isinstance(event, RecordChanged)
        and event.status in words.completed
        and event.at_ms >= attempt.delivered.at_ms
        and event.at_ms + event.within_ms <= attempt.failed.at_ms
        for event in history.of_task(attempt.task_id)
    )


def _look_at(batch: list[_Member], found: _Found, names: RecordWords | None) -> None:
    culprit = next((each for each in batch if each.failed_by_itself), None)
    handed_back = [each for each in batch if each.handed_back]
    if culprit is not None:
        cause = f"{culprit.name} of the same batch had failed"
    elif len(handed_back) == len(batch) and batch[0].attempt.failed is not None:
        cause = f"its batch of {len(batch)} failed as a whole ({batch[0].attempt.failed.reason})"
    else:
        return
    beside = culprit.attempt.events if culprit is not None else ()
    for member in handed_back:
        number = member.attempt.number
        if not member.proven:
            message = (
                f"{member.name}: attempt {number} failed without a backoff when {cause}, and there is no record of it to "
                "tell whether it was tried"
            )
            found.doubts.append(Doubt(member.attempt.task_id, message, (*member.attempt.events, *beside)))
            continue
        found.handed_back.add(id(member.attempt))
        how = _how(member, names)
        excuses = () if member.drawn_to_fail is False else (BackoffRequested, RecordObserved)
        found.violations.append(
            _violation(member, f"attempt {number} was handed back {how}, because {cause}", beside, excuses)
        )
    for member in batch if culprit is not None else ():
        if member.lost:
            found.lost += 1
            message = f"attempt {member.attempt.number} was acknowledged without having been tried, when {cause}"
            found.violations.append(_violation(member, message, beside, (RecordObserved,)))


def _how(member: _Member, names: RecordWords | None) -> str:
    if member.done_meanwhile or (
        member.recorded is not None and names is not None and member.recorded.outcome == names.attempt_succeeded
    ):
        return "although it was done"
    if member.record is not None and member.recorded is None:
        return "without having been tried"
    if member.drawn_to_fail is False:
        return "although its draw says that it succeeds"
    return "although nothing shows that it failed"


def _violation(member: _Member, message: str, beside: Iterable[Event], excuses: tuple[type[Event], ...]) -> Violation:
    shown = (*member.attempt.events, *beside)
    return Violation(member.attempt.task_id, f"{member.name}: {message}", shown, excuses)


def _dead_without_an_attempt(history: History, handed_back: set[int]) -> Iterator[Violation]:
    for chain in history.chains if handed_back else ():
        if all(id(attempt) in handed_back for attempt in chain.attempts) and (dead := dead_letters_of(history, chain)):
            yield _never_tried(chain, dead[0])


def _never_tried(chain: Chain, arrival: DeadLettered) -> Violation:
    message = (
        f"{chain.name} was dead-lettered without ever having been tried: each of its {len(chain.attempts)} receives was "
        "handed back because of a neighbour of its batch"
    )
    events = [event for attempt in chain.attempts for event in attempt.events]
    return Violation(chain.task_id, message, (*events, arrival), (BackoffRequested, RecordObserved))
