"""How a task ended by its record, which under faults is what counts: a message that was acknowledged may have been a duplicate,
and one that reached the dead-letter queue may be that of a task which was completed long before.

It must not know which ends are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from taskguard.contract.terms import Terms
from taskguard.history import DeadLettered, Event, History, RecordChanged, Redriven, TaskSubmitted
from taskguard.judging.checks.asked import has_no_table
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, conclude


def is_without_records(history: History, terms: Terms) -> bool:
    """Whether no record of a task can be read, so that nobody can tell by it how a task ended."""
    return terms.dialect.record is None or has_no_table(history)


def untold(question: Question, history: History, found: Iterable[Found] = ()) -> Verdict:
    """The verdict of a guarantee that is told by records alone, where there are none; but for what was ``found`` without."""
    doubt = Doubt(None, "under faults only a task's record tells how it ended, and there is none that is described")
    observed = "there are none, or none is described"
    expected = "told by the records of the tasks"
    return conclude(question, history, [doubt, *found], expected=expected, observed=observed)


def end_without_record(history: History, task_id: str) -> Event | None:
    """The first end that was seen of a task, by its messages: done or dead, of which one may be a duplicate's. None without any."""
    successes = [each.succeeded for each in history.attempts_of(task_id) if each.succeeded is not None]
    ends: list[Event] = [*successes, *history.of_task(task_id, DeadLettered)]
    return min(ends, key=lambda end: end.at_ms, default=None)


def ends_by_record(history: History, task_id: str, terms: Terms) -> list[RecordChanged]:
    """The changes with which the task's record came to a final state, or was written again in it."""
    return [change for change in history.changes.get(task_id, ()) if change.status in terms.dialect.finals]


def status_at_end(history: History, task_id: str) -> str | None:
    """The record's status as last read, or else as it was last changed to; none without a record."""
    record, changes = history.records.get(task_id), history.changes.get(task_id)
    if record is not None:
        return record.status
    return changes[-1].status if changes else None


def dead_tasks(history: History, terms: Terms) -> Iterator[str]:
    """The tasks that died, by id: those whose record says so, or said so, and those that were given up without having been
    completed. A message of a task that was completed kills nothing, wherever it ends."""
    done, dead = set(terms.dialect.completed), set(terms.dialect.dead)
    arrived = {event.task_id for event in history.of_kind(DeadLettered)}
    for task_id in history.task_ids:
        statuses = {change.status for change in history.changes.get(task_id, ())} | {status_at_end(history, task_id)}
        if dead & statuses or (task_id in arrived and not done & statuses):
            yield task_id


def end_of(history: History, task_id: str, terms: Terms) -> str:
    """How a task ended, in the words of :class:`taskguard.judging.grading.TaskFate`: by its record or, where none can be read, by what was
    seen first of its messages."""
    if is_without_records(history, terms):
        end = end_without_record(history, task_id)
        return "unsettled" if end is None else "dead-lettered" if isinstance(end, DeadLettered) else "completed"
    done, dead, last = terms.dialect.completed, terms.dialect.dead, status_at_end(history, task_id)
    statuses = {last, *(change.status for change in ends_by_record(history, task_id, terms))}
    if statuses.intersection(done) and statuses.intersection(dead) and not history.of_task(task_id, Redriven):
        return "both"
    if last in done:
        return "completed"
    return "dead-lettered" if last in dead else "unsettled"


def answerable(history: History) -> dict[str, TaskSubmitted]:
    """The tasks that the pipeline answers for, each with a submission: those that it accepted, and of those whose answer left
    that open the ones that have a record."""
    found = dict(history.accepted)
    for event in history.of_kind(TaskSubmitted):
        if event.in_doubt and event.task_id is not None and status_at_end(history, event.task_id) is not None:
            found.setdefault(event.task_id, event)
    return dict(sorted(found.items()))
