"""Each dead task is logged at least once, each of these records is true, and its own record says that it is dead; no other is.

Dead is a task by its record, or by a message of it that reached the dead-letter queue when the task was not completed. It may be
logged more often than once, since the log's writer may be stopped between the log and its acknowledgement; each time with the
same truth. Compared are the payload with what was submitted, the attempts with the last one that the task's record has, the last
error and the time of creation with the record's, and both times with the run: from the submission on, and not after they were
logged. Where the clock of a function was set wrong on purpose, times may be wrong by as much. Of a task that was put back to
work, or never handed in, the fields are free. This module must not know where the record is logged.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.expectations import Expectations
from taskguard.history import (
    DeadLettered,
    DeadLetterLogged,
    Event,
    FaultInjected,
    History,
    RecordChanged,
    RecordObserved,
    TaskSubmitted,
)
from taskguard.history.wording import seconds, shown, times
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.guarantees.records import answerable, dead_tasks, logs_of, payloads_of, redrives, status_at_end
from taskguard.judging.guarantees.strikes import line_of
from taskguard.judging.verdict import Verdict
from taskguard.support.strict_json import same_json
from taskguard.support.times import milliseconds

QUESTION = Question(
    check="dead_letters_logged",
    claim="Each dead task is logged, truly, and its record says so; no other is.",
    needs=(TaskSubmitted, DeadLettered, DeadLetterLogged, RecordObserved, RecordChanged),
)


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge the dead-letter log against what became of the tasks."""
    dead = set(dead_tasks(history, expectations))
    logged = history.of_kind(DeadLetterLogged)
    skew_ms = _largest_skew_ms(history)
    answered = answerable(history)
    violations = [
        *(found for task_id in sorted(dead) for found in _of_dead(task_id, history, expectations)),
        *_not_dead(history, dead),
        *(
            found
            for task_id in sorted(dead & answered.keys())
            if not redrives(history, task_id)
            for record in logs_of(history, task_id)
            for found in (
                *_fields(record, history, expectations),
                *_times(record, history, expectations, expectations.clock_tolerance_ms + skew_ms),
            )
        ),
    ]
    return conclude(
        QUESTION,
        history,
        expected=f"a record for each dead task, with {', '.join(expectations.dead_letter_log.all_fields)}, and "
        f"{expectations.record.dead} in its own",
        observed=f"{times(len(dead), 'task')} dead, {times(len(logged), 'log record')}: "
        f"{len({violation.task_id for violation in violations})} at fault",
        violations=violations,
        doubts=_unread(history, dead),
        figures={"dead": len(dead)},
        measured={"logged": len(logged)},
        exercised=bool(dead),
    )


def _of_dead(task_id: str, history: History, expectations: Expectations) -> Iterator[Violation]:
    events = [event for event in history.of_task(task_id) if isinstance(event, (DeadLettered, RecordChanged))]
    if not logs_of(history, task_id):
        yield Violation(task_id, f"task {task_id} died and was never logged as dead", events, (DeadLetterLogged,))
    status = status_at_end(history, task_id)
    if status != expectations.record.dead and not redrives(history, task_id):
        found = "it has no record" if status is None else f"its record says {status or 'no status'}"
        yield Violation(task_id, f"task {task_id} died, and {found}", events, (RecordObserved,))


def _not_dead(history: History, dead: set[str]) -> Iterator[Violation]:
    messages = {arrival.message_id for arrival in history.of_kind(DeadLettered)}
    for record in history.of_kind(DeadLetterLogged):
        if record.task_id is not None and record.task_id not in dead:
            message = f"task {record.task_id} was logged as dead, and it is not"
            yield Violation(record.task_id, message, (record,), (RecordChanged, RecordObserved))
        elif record.task_id is None and record.message_id not in messages:
            what = f"message {record.message_id}" if record.message_id is not None else "neither a task nor a message"
            yield Violation(None, f"a dead-letter record names {what}, which did not die", (record,), (DeadLettered,))


def _fields(logged: DeadLetterLogged, history: History, expectations: Expectations) -> Iterator[Violation]:
    names, task_id = expectations.dead_letter_log, logged.task_id or ""
    fields, record = logged.fields, history.records.get(task_id)
    absent = [name for name in names.all_fields if name not in fields]
    if absent:
        yield _untrue(logged, f"lacks {', '.join(absent)}")
    wrong: list[tuple[str, str]] = []
    for name, truth in ((names.event, names.event_name), (names.task_id, task_id)):
        if name in fields and fields[name] != truth:
            wrong.append((name, f"expected {shown(truth)}"))
    payloads = payloads_of(history, task_id)
    if names.payload in fields and not any(same_json(fields[names.payload], payload) for payload in payloads):
        wrong.append((names.payload, f"expected {shown(payloads[0])}"))
    if record is not None and record.status is not None:
        last = max((attempt.number for attempt in record.attempts), default=0)
        if names.attempts in fields and not same_json(fields[names.attempts], last):
            wrong.append((names.attempts, f"and the last attempt in the task's record is {last}"))
        error = fields.get(names.last_error)
        if names.last_error in fields and (not isinstance(error, str) or not error or error != record.last_error):
            wrong.append((names.last_error, f"and the task's record has {shown(record.last_error)}"))
    for name, found in wrong:
        yield _untrue(logged, f"says that {name} is {shown(fields[name])}, {found}", record)


def _times(
    logged: DeadLetterLogged, history: History, expectations: Expectations, tolerance_ms: float
) -> Iterator[Violation]:
    fields, task_id, names = logged.fields, logged.task_id or "", expectations.dead_letter_log
    record = history.records.get(task_id)
    submitted = next(event for event in history.of_task(task_id) if isinstance(event, TaskSubmitted))
    for name in (names.created_at, names.failed_at):
        if name not in fields:
            continue
        moment = milliseconds(fields[name])
        if moment is None:
            yield _untrue(logged, f"says that {name} is {shown(fields[name])}, which is no ISO 8601 time with its zone")
            continue
        if moment < submitted.at_ms - tolerance_ms:
            early = seconds((submitted.at_ms - moment) / 1000)
            yield _untrue(logged, f"has a {name} {early} before the task was submitted", submitted)
        if moment > logged.at_ms + tolerance_ms:
            yield _untrue(logged, f"has a {name} {seconds((moment - logged.at_ms) / 1000)} after it was logged")
        if name == names.created_at and record is not None and record.created_at_ms not in (None, moment):
            yield _untrue(logged, f"has another {name} than the task's record", record)


def _largest_skew_ms(history: History) -> float:
    lines = (line_of(fault) for fault in history.of_kind(FaultInjected) if fault.kind == "skew")
    return max((abs(line.takes_seconds) * 1000 for line in lines if line is not None), default=0.0)


def _unread(history: History, dead: set[str]) -> Iterator[Doubt]:
    for task_id in sorted(dead):
        if task_id not in history.records:
            yield Doubt(task_id, f"task {task_id} died, and its record was not read", history.of_task(task_id))


def _untrue(logged: DeadLetterLogged, what: str, beside: Event | None = None) -> Violation:
    shown = (logged,) if beside is None else (logged, beside)
    return Violation(logged.task_id, f"task {logged.task_id}: its dead-letter record {what}", shown)
