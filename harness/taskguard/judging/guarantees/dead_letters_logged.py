"""Each dead task is logged at least once, each of these records is true, and its own record says that it is dead; no other is.

Dead is a task by its record, or by a message of it that reached the dead-letter queue when the task was not completed. It may be
logged more often than once, since the log's writer may be stopped between the log and its acknowledgement; each time with the
same truth. Compared are the payload with what was submitted, the attempts with the last one that the task's record has, the last
error and the time of creation with the record's, and both times with the run: from the submission on, and not after they were
logged. Where the clock of a function was set wrong on purpose, times may be wrong by as much. Of a task that was put back to
work, or never handed in, the fields are free. This module must not know where the record is logged.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from taskguard.contract.terms import Terms
from taskguard.history import (
    DeadLettered,
    DeadLetterLogged,
    Event,
    FaultInjected,
    History,
    RecordChanged,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import shown, times
from taskguard.judging.checks.asked import has_no_table
from taskguard.judging.checks.dead_letter_records import AskedOfLog, Limit, Loggers, logged_alive, why_no_log
from taskguard.judging.guarantees.injected_faults import line_of
from taskguard.judging.guarantees.records import answerable, dead_tasks, is_without_records, status_at_end
from taskguard.judging.places import of_consumer
from taskguard.judging.verdict import Doubt, Question, Verdict, Violation, conclude, not_applicable, tasks_at_fault
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

QUESTION = Question(
    check="dead_letters_logged",
    claim="Each dead task is logged, truly, and its record says so; no other is.",
    needs=(TaskSubmitted, DeadLettered, DeadLetterLogged, RecordObserved, RecordChanged),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the dead-letter log against what became of the tasks."""
    if why := why_no_log(history, terms):
        return not_applicable(QUESTION, why)
    asked, dead = AskedOfLog.of(terms), set(dead_tasks(history, terms))
    logged = Loggers(history).records(history)
    violations = [] if asked.words is None else list(_violations(history, logged, dead, asked, terms))
    return conclude(
        QUESTION,
        history,
        [*violations, *([] if is_without_records(history, terms) else _unread(history, dead)), *asked.doubts()],
        expected=f"a record for each dead task, with {', '.join(asked.all_fields)}"
        + (f", and {' or '.join(terms.dialect.dead)} in its own" if terms.dialect.dead else ""),
        observed=f"{times(len(dead), 'task')} dead, {times(len(logged), 'log record')}: "
        f"{tasks_at_fault(violations)} at fault",
        figures={"dead": len(dead)},
        measured={"logged": len(logged)},
        exercised=bool(dead),
    )


def _violations(
    history: History, logged: Sequence[DeadLetterLogged], dead: set[str], asked: AskedOfLog, terms: Terms
) -> Iterator[Violation]:
    by_task: dict[str | None, list[DeadLetterLogged]] = {}
    for record in logged:
        by_task.setdefault(record.task_id, []).append(record)
    for task_id in sorted(dead):
        yield from _of_dead(task_id, history, by_task, terms)
    excuses = (RecordChanged, RecordObserved)
    yield from logged_alive(logged, history, dead, "was logged as dead, and it is not", "which did not die", excuses)
    tolerance_ms = terms.tolerances.clock_ms + _largest_skew_ms(history)
    for task_id in sorted(dead & answerable(history).keys()):
        for record in by_task.get(task_id, ()) if not history.of_task(task_id, Redriven) else ():
            yield from asked.absent_from(record)
            yield from _fields(record, history, asked, terms)
            yield from _times(record, history, asked, tolerance_ms)


def _of_dead(task_id: str, history: History, logged: Container[str | None], terms: Terms) -> Iterator[Violation]:
    events = [event for event in history.of_task(task_id) if isinstance(event, (DeadLettered, RecordChanged))]
    if task_id not in logged:
        message, place = f"task {task_id} died and was never logged as dead", of_consumer("dead-letter", history)
        yield Violation(task_id, message, events, (DeadLetterLogged,), place=place)
    status = status_at_end(history, task_id)
    is_told = terms.dialect.dead and not has_no_table(history)
    if is_told and status not in terms.dialect.dead and not history.of_task(task_id, Redriven):
        found = "it has no record" if status is None else f"its record says {status or 'no status'}"
        yield Violation(task_id, f"task {task_id} died, and {found}", events, (RecordObserved,))


def _fields(logged: DeadLetterLogged, history: History, asked: AskedOfLog, terms: Terms) -> Iterator[Violation]:
    task_id, fields, told = logged.task_id or "", logged.fields, asked.told_in(logged)
    words, record = terms.dialect.record, history.records.get(task_id)
    payloads = [submission.payload for submission in history.of_task(task_id, TaskSubmitted)]
    truths: dict[str, Json] = {"event": asked.words.value if asked.words is not None else None, "task_id": task_id}
    wrong = {
        field: f"expected {shown(truth)}"
        for field, truth in truths.items()
        if field in told and fields[told[field]] != truth
    }
    if "payload" in told and not any(terms.is_submitted(each, fields[told["payload"]]) for each in payloads):
        wrong["payload"] = f"expected {shown(payloads[0])}"
    if record is not None and record.status is not None and words is not None:
        last = max((attempt.number for attempt in record.attempts), default=0)
        if words.tells_of_attempts and "attempts" in told and not terms.same_payload(fields[told["attempts"]], last):
            wrong["attempts"] = f"and the last attempt in the task's record is {last}"
        is_told = words.last_error is not None and "error" in told
        if is_told and not (fields[told["error"]] and fields[told["error"]] == record.last_error):
            wrong["error"] = f"and the task's record has {shown(record.last_error)}"
    for field, found in wrong.items():
        yield _untrue(logged, f"says that {told[field]} is {shown(fields[told[field]])}, {found}", record)


def _times(logged: DeadLetterLogged, history: History, asked: AskedOfLog, tolerance_ms: float) -> Iterator[Violation]:
    task_id, told = logged.task_id or "", asked.told_in(logged)
    record, submitted = history.records.get(task_id), history.of_task(task_id, TaskSubmitted)[0]
    for field in ("created_at", "failed_at"):
        if (name := told.get(field)) is None:
            continue
        value = logged.fields[name]
        moment = milliseconds(value)
        if moment is None:
            yield _untrue(logged, f"says that {name} is {shown(value)}, which is no ISO 8601 time with its zone")
            continue
        for limit in (Limit(submitted, "before", "the task was submitted"), Limit(logged, "after", "it was logged")):
            if passed := limit.passed_by(moment, tolerance_ms):
                yield _untrue(logged, f"has a {name} {passed}", limit.event)
        if field == "created_at" and record is not None and record.created_at_ms not in (None, moment):
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
