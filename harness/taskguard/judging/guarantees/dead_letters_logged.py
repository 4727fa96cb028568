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

from taskguard.contract.dialect import RecordWords
from taskguard.contract.terms import Terms
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
from taskguard.judging.checks.asked import AskedOfLog, has_no_table, why_no_log
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude, not_applicable
from taskguard.judging.guarantees.records import answerable, dead_tasks, logs_of, payloads_of, redrives, status_at_end
from taskguard.judging.guarantees.strikes import line_of
from taskguard.judging.verdict import Verdict
from taskguard.support.json_values import same_json
from taskguard.support.times import milliseconds

QUESTION = Question(
    check="dead_letters_logged",
    claim="Each dead task is logged, truly, and its record says so; no other is.",
    needs=(TaskSubmitted, DeadLettered, DeadLetterLogged, RecordObserved, RecordChanged),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the dead-letter log against what became of the tasks."""
    if (why := why_no_log(history, terms)) is not None:
        return not_applicable(QUESTION, why)
    asked, dead = AskedOfLog.of(terms), set(dead_tasks(history, terms))
    logged = history.of_kind(DeadLetterLogged)
    skew_ms = _largest_skew_ms(history)
    answered = answerable(history)
    violations = (
        []
        if asked.words is None
        else [
            *(found for task_id in sorted(dead) for found in _of_dead(task_id, history, terms)),
            *_not_dead(history, dead),
            *(
                found
                for task_id in sorted(dead & answered.keys())
                if not redrives(history, task_id)
                for record in logs_of(history, task_id)
                for found in (
                    *_fields(record, history, asked, terms.dialect.record),
                    *_times(record, history, asked, terms.tolerances.clock_ms + skew_ms),
                )
            ),
        ]
    )
    return conclude(
        QUESTION,
        history,
        expected=f"a record for each dead task, with {', '.join(asked.all_fields)}"
        + (f", and {' or '.join(terms.dialect.dead)} in its own" if terms.dialect.dead else ""),
        observed=f"{times(len(dead), 'task')} dead, {times(len(logged), 'log record')}: "
        f"{len({violation.task_id for violation in violations})} at fault",
        violations=violations,
        doubts=[*_unread(history, dead), *asked.doubts()],
        figures={"dead": len(dead)},
        measured={"logged": len(logged)},
        exercised=bool(dead),
    )


def _of_dead(task_id: str, history: History, terms: Terms) -> Iterator[Violation]:
    events = [event for event in history.of_task(task_id) if isinstance(event, (DeadLettered, RecordChanged))]
    if not logs_of(history, task_id):
        yield Violation(task_id, f"task {task_id} died and was never logged as dead", events, (DeadLetterLogged,))
    status = status_at_end(history, task_id)
    is_told = terms.dialect.dead and not has_no_table(history)
    if is_told and status not in terms.dialect.dead and not redrives(history, task_id):
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


def _fields(
    logged: DeadLetterLogged, history: History, asked: AskedOfLog, of_record: RecordWords | None
) -> Iterator[Violation]:
    words, task_id = asked.words, logged.task_id or ""
    fields, record = logged.fields, history.records.get(task_id)
    if words is None:
        return
    if absent := asked.absent_from(fields):
        yield _untrue(logged, f"lacks {', '.join(absent)}")
    told = {field: name for field, name in asked.names.items() if name in fields}
    wrong: list[tuple[str, str]] = []
    for known, truth in ((words.event, words.value), (told.get("task_id"), task_id)):
        if known is not None and known in fields and fields[known] != truth:
            wrong.append((known, f"expected {shown(truth)}"))
    payloads = payloads_of(history, task_id)
    if (name := told.get("payload")) is not None and not any(same_json(fields[name], each) for each in payloads):
        wrong.append((name, f"expected {shown(payloads[0])}"))
    if record is not None and record.status is not None and of_record is not None:
        last = max((attempt.number for attempt in record.attempts), default=0)
        if (
            of_record.tells_of_attempts
            and (name := told.get("attempts")) is not None
            and not same_json(fields[name], last)
        ):
            wrong.append((name, f"and the last attempt in the task's record is {last}"))
        is_true = (name := told.get("error")) is None or (fields[name] and fields[name] == record.last_error)
        if name is not None and of_record.last_error is not None and not is_true:
            wrong.append((name, f"and the task's record has {shown(record.last_error)}"))
    for name, found in wrong:
        yield _untrue(logged, f"says that {name} is {shown(fields[name])}, {found}", record)


def _times(logged: DeadLetterLogged, history: History, asked: AskedOfLog, tolerance_ms: float) -> Iterator[Violation]:
    fields, task_id = logged.fields, logged.task_id or ""
    created_at = asked.names.get("created_at")
    record = history.records.get(task_id)
    submitted = next(event for event in history.of_task(task_id) if isinstance(event, TaskSubmitted))
    for name in (created_at, asked.names.get("failed_at")):
        if name is None or name not in fields:
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
        if name == created_at and record is not None and record.created_at_ms not in (None, moment):
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
