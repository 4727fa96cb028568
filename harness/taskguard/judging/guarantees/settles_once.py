"""Every task that the pipeline answers for is settled once: its record came to one final state, in one change, as submitted.

The pipeline answers for the tasks that it accepted. Of those whose submission was in doubt to the end (a server's error, no
answer) the fate is free, but what has a record must be settled like any other. What was refused as invalid or in conflict is a
fail, since what a run submits is valid. What is not final is a fail when the run waited to its deadline or the queues were
empty, else unknown. A task that an operator put back to work is settled once more each time. This module must not know what
happens to a task before it is settled.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.terms import Terms
from taskguard.history import History, RecordChanged, RecordObserved, RunEnded, TaskSubmitted
from taskguard.history.wording import by_its_record, describe, times
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.guarantees.records import (
    answerable,
    ends_by_record,
    is_without_records,
    payloads_of,
    redrives,
    settled_at_ms,
    status_at_end,
    untold,
)
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="settles_once",
    claim="Every task that was taken on is settled, as it was submitted, and once.",
    needs=(TaskSubmitted, RecordChanged, RecordObserved, RunEnded),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether each record came to one final state, in one change."""
    if is_without_records(history, terms):
        return untold(QUESTION, history)
    answered = answerable(history)
    done, dead = terms.dialect.completed, terms.dialect.dead
    ends = [status_at_end(history, task_id) for task_id in answered]
    unsettled = [task_id for task_id, end in zip(answered, ends, strict=True) if end not in terms.dialect.finals]
    completed, died = sum(end in done for end in ends), sum(end in dead for end in ends)
    in_doubt = len(answered) - len(history.accepted)
    observed = (
        f"{times(len(history.accepted), 'task')} accepted{f', {in_doubt} more with a record' if in_doubt else ''}: "
    )
    observed += f"{completed} completed, {died} dead-lettered, {len(unsettled)} not settled"
    return conclude(
        QUESTION,
        history,
        expected="each accepted task's record came to one final state, in one change; and so did each other record",
        observed=observed,
        violations=[*_violations(history, terms, answered), *_refused(history), *_lost(history, unsettled)],
        doubts=[*_too_early_to_tell(history, unsettled), *_unseen(history, terms, answered)],
        figures={
            "accepted": len(history.accepted),
            "in_doubt": in_doubt,
            "completed": completed,
            "dead": died,
            "unsettled": len(unsettled),
        },
    )


def _violations(history: History, terms: Terms, answered: dict[str, TaskSubmitted]) -> Iterator[Violation]:
    for task_id, submission in answered.items():
        ends = ends_by_record(history, task_id, terms)
        allowed = 1 + redrives(history, task_id)
        if len(ends) > allowed:
            states = ", ".join(str(change.status) for change in ends)
            yield Violation(task_id, f"task {task_id} was settled {len(ends)} times: {states}", ends)
        record = history.records.get(task_id)
        if record is not None and record.status is not None:
            submitted = payloads_of(history, task_id)
            if not any(terms.is_submitted(payload, record.payload) for payload in submitted):
                message = f"task {task_id} has another payload in its record than was submitted"
                yield Violation(task_id, message, (submission, record))


def _refused(history: History) -> Iterator[Violation]:
    for event in history.of_kind(TaskSubmitted):
        if not event.accepted and not event.in_doubt and event.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            who = f"task {event.task_id}" if event.task_id is not None else "a task without an id"
            yield Violation(event.task_id, f"{who} was refused with HTTP {event.status_code}", (event,))


def _lost(history: History, unsettled: list[str]) -> Iterator[Violation]:
    if history.waited_long_enough:
        for task_id in unsettled:
            yield Violation(task_id, _unsettled(history, task_id), history.of_task(task_id), (RecordObserved,))


def _too_early_to_tell(history: History, unsettled: list[str]) -> Iterator[Doubt]:
    if not history.waited_long_enough:
        for task_id in unsettled:
            message = f"{_unsettled(history, task_id)}; the run was stopped before its deadline"
            yield Doubt(task_id, message, history.of_task(task_id))


def _unseen(history: History, terms: Terms, answered: dict[str, TaskSubmitted]) -> Iterator[Doubt]:
    for task_id in answered:
        changes, status = history.changes.get(task_id, []), status_at_end(history, task_id)
        if [change.number for change in changes] != list(range(1, len(changes) + 1)):
            yield Doubt(task_id, f"task {task_id}: not every change of its record was seen", changes)
        elif status in terms.dialect.finals and settled_at_ms(history, task_id, terms) is None:
            message = f"task {task_id}: its record was read as {status}, and no change to that was seen"
            yield Doubt(task_id, message, history.of_task(task_id))


def _unsettled(history: History, task_id: str) -> str:
    record = by_its_record(status_at_end(history, task_id))
    seen = [event for event in history.of_task(task_id) if not isinstance(event, (RecordObserved, RecordChanged))]
    return f"task {task_id} was not settled: it {record}; last seen: {describe(seen[-1])}"
