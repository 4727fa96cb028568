"""Each dead task is logged once, with every field, and what the log record says is true.

The payload is compared with types (`1` is not `1.0`); the number of attempts with the deliveries seen; the last error
with the one that the task's record holds for its last failed attempt, where there is a record; the times with the
first delivery, the last one and the arrival in the dead-letter queue, give or take the clock tolerance. Of a dead task
that was never accepted the fields are free, and a dead message that is no task (a poison message) need not be logged. Fails in spite
of missing evidence when a record was logged twice, lacks a field, or contradicts what was seen. With nothing dead the
claim holds vacuously, if no task failed often enough to die. Judged are the fields that the contract asks for; without any, or
without a dead-letter queue and its consumer, the check is not applicable. This module must not know where the record is logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    History,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import seconds, shown, times
from taskguard.judging.checks.asked import AskedOfLog, why_no_log
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, attempts_in_doubt, conclude, not_applicable
from taskguard.judging.verdict import Verdict
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

QUESTION = Question(
    check="dead_letter_log",
    claim="Each dead task is logged once, with every field, and truly.",
    needs=(TaskSubmitted, Delivered, AttemptFailed, DeadLettered, DeadLetterLogged, RecordObserved),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the dead-letter log's records against the deaths that were seen."""
    if (why := why_no_log(history, terms)) is not None:
        return not_applicable(QUESTION, why)
    dead, asked = history.of_kind(DeadLettered), AskedOfLog.of(terms)
    violations = (
        []
        if asked.words is None
        else [
            *(found for arrival in _distinct(dead) for found in _of_dead(arrival, history, terms)),
            *_without_death(history),
        ]
    )
    logged = history.of_kind(DeadLetterLogged)
    if violations:
        observed = f"{times(len(dead), 'message')} dead-lettered, {times(len(logged), 'log record')}, "
        observed += times(len(violations), "violation")
    elif dead:
        observed = f"{times(len(dead), 'message')} dead-lettered, each logged once, with every field true"
    else:
        observed = "vacuous: no task was dead-lettered, and none was logged"
    return conclude(
        QUESTION,
        history,
        expected=f"one record for each dead task, with {', '.join(asked.all_fields)}",
        observed=observed,
        violations=violations,
        doubts=[*attempts_in_doubt(history), *_deaths_unseen(history, terms), *asked.doubts()],
        figures={"dead_lettered": len(dead), "logged": len(logged)},
        exercised=bool(dead),
    )


def _distinct(dead: Sequence[DeadLettered]) -> list[DeadLettered]:
    # Dying twice is settlement's to tell; here a task is dead or not.
    first: dict[str, DeadLettered] = {}
    for arrival in dead:
        first.setdefault(arrival.task_id or f"message {arrival.message_id}", arrival)
    return list(first.values())


def _of_dead(arrival: DeadLettered, history: History, terms: Terms) -> Iterator[Violation]:
    if arrival.task_id is not None:
        name = f"task {arrival.task_id}"
        events = history.of_task(arrival.task_id)
    else:
        name = f"message {arrival.message_id}"
        events = history.of_message(arrival.message_id)
    records = [event for event in events if isinstance(event, DeadLetterLogged)]
    if not records and arrival.task_id is not None:
        message = f"{name} was dead-lettered and never logged as a dead letter"
        yield Violation(arrival.task_id, message, (arrival,), (DeadLetterLogged,))
    if any(isinstance(event, Redriven) for event in events):
        # It may have died more than once, and its messages are in doubt anyhow.
        return
    if len(records) > 1:
        message = f"{name} was logged as a dead letter {len(records)} times"
        yield Violation(arrival.task_id, message, records)
    if arrival.task_id in history.accepted:
        for record in records:
            yield from _fields(record, arrival, history, terms)


def _fields(record: DeadLetterLogged, arrival: DeadLettered, history: History, terms: Terms) -> Iterator[Violation]:
    task_id = arrival.task_id or ""
    asked, fields = AskedOfLog.of(terms), record.fields
    names, words = asked.names, asked.words
    if words is None:
        return
    if absent := asked.absent_from(fields):
        yield Violation(task_id, f"task {task_id}: its dead-letter record lacks {', '.join(absent)}", (record,))

    # Those of the message that died: a duplicate of it may have been acknowledged.
    chains = (chain for chain in history.chains_of(task_id) if arrival.message_id in chain.message_ids)
    attempts = [attempt for chain in chains for attempt in chain.attempts]
    submission = history.accepted[task_id]
    truths: list[tuple[str | None, Json, tuple[type[Delivered], ...]]] = [
        (words.event, words.value, ()),
        (names.get("task_id"), task_id, ()),
        (names.get("payload") if terms.dialect.ingress.tells_payload else None, submission.payload, ()),
        (names.get("attempts"), len(attempts), (Delivered,)),
    ]
    for name, truth, excuse in truths:
        if name is not None and name in fields and not terms.same_payload(truth, fields[name]):
            found = f"{name} is {shown(fields[name])}, expected {shown(truth)}"
            yield _untrue(task_id, found, (record,), excuse)
    if (name := names.get("error")) in fields and name is not None:
        yield from _last_error(name, record, history, terms)
    if (name := names.get("created_at")) in fields and name is not None:
        yield from _created_at(name, record, history, terms)
    if (name := names.get("failed_at")) in fields and name is not None:
        yield from _failed_at(name, record, arrival, history, terms)


def _last_error(name: str, logged: DeadLetterLogged, history: History, terms: Terms) -> Iterator[Violation]:
    task_id, value = logged.task_id or "", logged.fields[name]
    if not isinstance(value, str) or not value:
        yield _untrue(task_id, f"{name} is {shown(value)}, expected the error's text", (logged,))
        return
    records = [
        event for event in history.of_task(task_id) if isinstance(event, RecordObserved) and event.status is not None
    ]
    words = terms.dialect.record
    if records and words is not None:
        failed = [each for each in records[-1].attempts if each.outcome == words.attempt_failed]
        truth = failed[-1].error if failed else records[-1].last_error
        if truth is not None and value != truth:
            found = f"{name} is {shown(value)}, and the task's record has {shown(truth)} for its last failed attempt"
            yield _untrue(task_id, found, (logged, records[-1]))


def _created_at(name: str, logged: DeadLetterLogged, history: History, terms: Terms) -> Iterator[Violation]:
    task_id, value = logged.task_id or "", logged.fields[name]
    moment = milliseconds(value)
    if moment is None:
        yield _no_time(task_id, name, value, logged)
        return
    tolerance = terms.tolerances.clock_ms
    submissions = [event for event in history.of_task(task_id) if isinstance(event, TaskSubmitted)]
    first = next((attempt.delivered for attempt in history.attempts_of(task_id) if attempt.delivered), None)
    if first is not None and moment > first.at_ms + tolerance:
        late = seconds((moment - first.at_ms) / 1000)
        yield _untrue(task_id, f"{name} is {late} after the task's first delivery", (logged, first))
    if moment < submissions[0].at_ms - tolerance:
        early = seconds((submissions[0].at_ms - moment) / 1000)
        message = f"{name} is {early} before the task was submitted"
        yield _untrue(task_id, message, (logged, submissions[0]), (TaskSubmitted,))


def _failed_at(
    name: str, logged: DeadLetterLogged, arrival: DeadLettered, history: History, terms: Terms
) -> Iterator[Violation]:
    task_id, value = logged.task_id or "", logged.fields[name]
    moment = milliseconds(value)
    if moment is None:
        yield _no_time(task_id, name, value, logged)
        return
    tolerance = terms.tolerances.clock_ms
    failed = [attempt for attempt in history.attempts_of(task_id) if attempt.failed]
    last = failed[-1].delivered if failed else None
    if last is not None and moment < last.at_ms - tolerance:
        early = seconds((last.at_ms - moment) / 1000)
        yield _untrue(task_id, f"{name} is {early} before the last failed attempt was delivered", (logged, last))
    if moment > arrival.at_ms + tolerance:
        late = seconds((moment - arrival.at_ms) / 1000)
        message = f"{name} is {late} after the task had arrived in the dead-letter queue"
        yield _untrue(task_id, message, (logged, arrival))


def _without_death(history: History) -> Iterator[Violation]:
    dead_tasks = {arrival.task_id for arrival in history.of_kind(DeadLettered)}
    dead_messages = {arrival.message_id for arrival in history.of_kind(DeadLettered)}
    for record in history.of_kind(DeadLetterLogged):
        if record.task_id is not None and record.task_id not in dead_tasks:
            message = f"task {record.task_id} was logged as a dead letter although it was not dead-lettered"
            yield Violation(record.task_id, message, (record,), (DeadLettered,))
        elif record.task_id is None and record.message_id not in dead_messages:
            what = f"message {record.message_id}" if record.message_id is not None else "neither a task nor a message"
            message = f"a dead-letter record names {what}, which was not dead-lettered"
            yield Violation(None, message, (record,), (DeadLettered,))


def _deaths_unseen(history: History, terms: Terms) -> Iterator[Doubt]:
    dead = {arrival.task_id for arrival in history.of_kind(DeadLettered)}
    for task_id in sorted(history.accepted):
        for attempt in history.attempts_of(task_id):
            if attempt.number == terms.contract.attempts.highest and attempt.failed and task_id not in dead:
                message = f"task {task_id} failed {attempt.number} times, and its death was not seen"
                yield Doubt(task_id, message, attempt.events)


def _untrue(
    task_id: str,
    found: str,
    events: Sequence[DeadLetterLogged | RecordObserved | Delivered | TaskSubmitted | DeadLettered],
    excused_by: tuple[type[Delivered] | type[TaskSubmitted], ...] = (),
) -> Violation:
    return Violation(task_id, f"task {task_id}: in its dead-letter record {found}", events, excused_by)


def _no_time(task_id: str, name: str, value: Json, logged: DeadLetterLogged) -> Violation:
    return _untrue(task_id, f"{name} is {shown(value)}, expected a time as ISO 8601 with its zone", (logged,))
