"""How a task ended by its record, which under faults is what counts: a message that was acknowledged may have been a duplicate,
and one that reached the dead-letter queue may be that of a task which was completed long before.

It must not know which ends are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskguard.contract.expectations import Expectations
from taskguard.history import DeadLettered, DeadLetterLogged, History, RecordChanged, Redriven, TaskSubmitted
from taskguard.support.strict_json import Json


def finals(expectations: Expectations) -> tuple[str, str]:
    """The states that a record never leaves: done, and dead."""
    return (expectations.record.completed, expectations.record.dead)


def ends_by_record(history: History, task_id: str, expectations: Expectations) -> list[RecordChanged]:
    """The changes with which the task's record came to a final state, or was written again in it."""
    return [change for change in history.changes.get(task_id, ()) if change.status in finals(expectations)]


def status_at_end(history: History, task_id: str) -> str | None:
    """The record's status as last read, or else as it was last changed to; none without a record."""
    record, changes = history.records.get(task_id), history.changes.get(task_id)
    if record is not None:
        return record.status
    return changes[-1].status if changes else None


def dead_tasks(history: History, expectations: Expectations) -> Iterator[str]:
    """The tasks that died, by id: those whose record says so, or said so, and those that were given up without having been
    completed. A message of a task that was completed kills nothing, wherever it ends."""
    done, dead = finals(expectations)
    arrived = {event.task_id for event in history.of_kind(DeadLettered)}
    for task_id in history.task_ids:
        statuses = {change.status for change in history.changes.get(task_id, ())} | {status_at_end(history, task_id)}
        if dead in statuses or (task_id in arrived and done not in statuses):
            yield task_id


def end_of(history: History, task_id: str, expectations: Expectations) -> str:
    """How a task ended, in the words of :class:`taskguard.judging.grading.TaskFate`."""
    done, dead = finals(expectations)
    statuses = {change.status for change in ends_by_record(history, task_id, expectations)}
    statuses.add(status_at_end(history, task_id))
    if {done, dead} <= statuses and not redrives(history, task_id):
        return "both"
    ends = {done: "completed", dead: "dead-lettered"}
    return ends.get(status_at_end(history, task_id) or "", "unsettled")


def settled_at_ms(history: History, task_id: str, expectations: Expectations) -> float | None:
    """When the task's record first came to a final state; none when that was not seen."""
    return next((change.at_ms for change in ends_by_record(history, task_id, expectations)), None)


def redrives(history: History, task_id: str) -> int:
    """How often an operator put the task back to work."""
    return sum(isinstance(event, Redriven) for event in history.of_task(task_id))


def logs_of(history: History, task_id: str) -> list[DeadLetterLogged]:
    """The records in the dead-letter log that name the task."""
    return [event for event in history.of_task(task_id) if isinstance(event, DeadLetterLogged)]


def answerable(history: History) -> dict[str, TaskSubmitted]:
    """The tasks that the pipeline answers for, each with a submission: those that it accepted, and of those whose answer left
    that open the ones that have a record."""
    found = dict(history.accepted)
    for event in history.of_kind(TaskSubmitted):
        if event.in_doubt and event.task_id is not None and status_at_end(history, event.task_id) is not None:
            found.setdefault(event.task_id, event)
    return dict(sorted(found.items()))


def payloads_of(history: History, task_id: str) -> Sequence[Json]:
    """What was handed in under the task's id, by every try."""
    return [event.payload for event in history.of_task(task_id) if isinstance(event, TaskSubmitted)]
