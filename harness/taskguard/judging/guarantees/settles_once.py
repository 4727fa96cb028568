"""Every task that the pipeline answers for is settled once: its record came to one final state, in one change, as submitted.

The pipeline answers for the tasks that it accepted. Of those whose submission was in doubt to the end (a server's error, no
answer) the fate is free, but what has a record must be settled like any other. What was refused as invalid or in conflict is a
fail, since what a run submits is valid. What is not final is a fail when the run waited to its deadline or the queues were
empty, else unknown. A task that an operator put back to work is settled once more each time. Where no record can be read, a task of
which no message was done or died is lost all the same; the rest is unknown. This module must not know what
happens to a task before it is settled.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    History,
    RecordChanged,
    RecordObserved,
    Redriven,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.wording import by_its_record, times
from taskguard.judging.checks.attempts import changes_in_doubt
from taskguard.judging.checks.ends import last_seen, was_refused
from taskguard.judging.guarantees.records import (
    answerable,
    end_without_record,
    ends_by_record,
    is_without_records,
    status_at_end,
    untold,
)
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude, unfinished

QUESTION = Question(
    check="settles_once",
    claim="Every task that was taken on is settled, as it was submitted, and once.",
    needs=(TaskSubmitted, RecordChanged, RecordObserved, RunEnded),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether each record came to one final state, in one change."""
    if is_without_records(history, terms):
        return untold(QUESTION, history, _lost(history))
    answered = answerable(history)
    done, dead = terms.dialect.completed, terms.dialect.dead
    ends = [status_at_end(history, task_id) for task_id in answered]
    unsettled = [task_id for task_id, end in zip(answered, ends, strict=True) if end not in terms.dialect.finals]
    completed, died = sum(end in done for end in ends), sum(end in dead for end in ends)
    in_doubt = len(answered) - len(history.accepted)
    also_judged = f", {in_doubt} more with a record" if in_doubt else ""
    return conclude(
        QUESTION,
        history,
        [
            *(
                found
                for task_id, submission in answered.items()
                for found in _of_task(submission, task_id, history, terms)
            ),
            *_refused(history),
            *(
                unfinished(history, task_id, _unsettled(history, task_id), excused_by=(RecordObserved,))
                for task_id in unsettled
            ),
            *(found for task_id in answered for found in _unseen(task_id, history, terms)),
        ],
        expected="each accepted task's record came to one final state, in one change; and so did each other record",
        observed=f"{times(len(history.accepted), 'task')} accepted{also_judged}: "
        f"{completed} completed, {died} dead-lettered, {len(unsettled)} not settled",
        figures={
            "accepted": len(history.accepted),
            "in_doubt": in_doubt,
            "completed": completed,
            "dead": died,
            "unsettled": len(unsettled),
        },
    )


def _of_task(submission: TaskSubmitted, task_id: str, history: History, terms: Terms) -> Iterator[Violation]:
    ends, record = ends_by_record(history, task_id, terms), history.records.get(task_id)
    if len(ends) > 1 + len(history.of_task(task_id, Redriven)):
        states = ", ".join(str(change.status) for change in ends)
        yield Violation(task_id, f"task {task_id} was settled {len(ends)} times: {states}", ends)
    if record is not None and record.status is not None:
        submitted = history.of_task(task_id, TaskSubmitted)
        if not any(terms.is_submitted(each.payload, record.payload) for each in submitted):
            message = f"task {task_id} has another payload in its record than was submitted"
            yield Violation(task_id, message, (submission, record))


def _lost(history: History) -> Iterator[Found]:
    """The accepted tasks that came to no end, by what was seen of their messages."""
    for task_id in history.accepted_ids:
        if end_without_record(history, task_id) is None:
            message = f"task {task_id} was neither done nor dead-lettered; last seen: {last_seen(history, task_id)}"
            yield unfinished(history, task_id, message, excused_by=(AttemptSucceeded, DeadLettered))


def _refused(history: History) -> Iterator[Violation]:
    for event in history.of_kind(TaskSubmitted):
        if not event.accepted and not event.in_doubt and event.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            yield was_refused(event)


def _unseen(task_id: str, history: History, terms: Terms) -> Iterator[Doubt]:
    gaps = list(changes_in_doubt(history, task_id))
    yield from gaps
    status = status_at_end(history, task_id)
    if not gaps and status in terms.dialect.finals and not ends_by_record(history, task_id, terms):
        message = f"task {task_id}: its record was read as {status}, and no change to that was seen"
        yield Doubt(task_id, message, history.of_task(task_id))


def _unsettled(history: History, task_id: str) -> str:
    record = by_its_record(status_at_end(history, task_id))
    return f"task {task_id} was not settled: it {record}; last seen: {last_seen(history, task_id)}"
