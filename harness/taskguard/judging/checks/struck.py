"""What the run's own faults touched of a task, so that it is not judged there, and how that is told.

An attempt that was *withheld* never reached its function: nothing of it was begun. One that was *broken off* had begun, or was done, and
nobody can tell how far; the next one may begin anew, go on, or find that all is done. This module must not know what is right of an attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from taskguard.history import Attempt, Event, History, RecordChanged
from taskguard.history.wording import times
from taskguard.judging.once import once


def was_withheld(history: History, attempt: Attempt) -> bool:
    """Whether a fault kept this attempt from its function."""
    return attempt.delivered is not None and history.was_withheld(attempt.delivered)


def was_broken_off(history: History, attempt: Attempt) -> bool:
    """Whether a fault struck this attempt when it had begun."""
    return history.was_struck(attempt) and not was_withheld(history, attempt)


def may_be_unwritten(history: History, task_id: str) -> bool:
    """Whether a task's record may rightly not be there: faults kept each of its attempts from its function, and of no task was a record seen
    that had been written before it was worked on."""
    return all_withheld(history, task_id) and not _is_written_before(history)


def all_withheld(history: History, task_id: str) -> bool:
    """Whether faults kept each attempt of a task from its function, which saw none."""
    attempts = history.attempts_of(task_id)
    return bool(attempts) and all(was_withheld(history, each) for each in attempts)


@once
def _is_written_before(history: History) -> bool:
    for task_id, changes in history.changes.items():
        attempts = history.attempts_of(task_id)
        if changes and attempts and changes[0].at_ms < attempts[0].at_ms:
            return True
    return False


def touched_changes(history: History, task_id: str, tolerance_ms: float) -> Callable[[Event], bool]:
    """Which changes of a task's record were made from when an attempt of it was broken off in its function until the next was
    delivered: what they leave the record at is nobody's choice. All, where it was not seen which attempt that was."""
    faults, accepted = history.breaking_off(task_id), history.accepted.get(task_id)
    if not faults and accepted is not None and any(task_id in fault.task_ids for fault in history.denied_beside):
        # What an API noted of a task that it could not send, and was handed in again.
        return lambda event: isinstance(event, RecordChanged) and event.at_ms <= accepted.at_ms
    if not faults:
        return lambda _: False
    attempts = history.attempts_of(task_id)
    if not {each.delivery_id for each in faults} <= {each.delivery_id for each in attempts}:
        return lambda event: isinstance(event, RecordChanged)
    broken_off = {each.delivery_id for each in faults}
    begun = [*(attempt.at_ms for attempt in attempts), math.inf]
    spans = [span for attempt, span in zip(attempts, pairwise(begun), strict=True) if attempt.delivery_id in broken_off]

    def touched(event: Event) -> bool:
        return isinstance(event, RecordChanged) and any(
            from_ms - tolerance_ms <= event.at_ms + event.within_ms and event.at_ms <= until_ms
            for from_ms, until_ms in spans
        )

    return touched


def not_in_full(count: int) -> str:
    """That so many tasks were not judged in all, as a clause to follow on what was observed; empty of none."""
    return f"; {times(count, 'task')} not judged in full here, since faults struck them" if count else ""
