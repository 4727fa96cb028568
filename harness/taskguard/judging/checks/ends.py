"""How a task ended, and how often it was to: a task that an operator puts back to work is to end once more.

This module must not know which ends are right.
"""

from __future__ import annotations

from bisect import bisect

from msgspec import Struct

from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Event,
    History,
    RecordChanged,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import describe
from taskguard.judging.verdict import Violation


class Ends(Struct, frozen=True, gc=False):
    """The ends that were seen of a task between two redrives, in order of time; most tasks have no redrive, and these once."""

    events: tuple[Event, ...]

    @property
    def successes(self) -> tuple[AttemptSucceeded, ...]:
        return tuple([end for end in self.events if type(end) is AttemptSucceeded])

    @property
    def dead_letters(self) -> tuple[DeadLettered, ...]:
        return tuple([end for end in self.events if type(end) is DeadLettered])


def ends_of(history: History, task_id: str) -> tuple[Ends, ...]:
    """The ends of a task before its first redrive, and after each."""
    # From attempts, not from events: several events that tell of one success are one success.
    successes = [attempt.succeeded for attempt in history.attempts_of(task_id) if attempt.succeeded is not None]
    seen: list[Event] = sorted([*successes, *history.dead_letters.get(task_id, ())], key=lambda end: end.at_ms)
    redriven = [event.at_ms for event in history.of_task(task_id, Redriven)]
    if not redriven:
        return (Ends(tuple(seen)),)
    ends: list[list[Event]] = [[] for _ in range(len(redriven) + 1)]
    for end in seen:
        ends[bisect(redriven, end.at_ms)].append(end)
    return tuple(Ends(tuple(each)) for each in ends)


def was_refused(submission: TaskSubmitted) -> Violation:
    """That a task was refused, since what a run submits is valid."""
    who = f"task {submission.task_id}" if submission.task_id is not None else "a task without an id"
    return Violation(submission.task_id, f"{who} was refused with HTTP {submission.status_code}", (submission,))


def last_seen(history: History, task_id: str) -> str:
    """What was last seen to happen to a task, in words; what was seen of its record aside."""
    events = history.of_task(task_id)
    return describe([event for event in events if not isinstance(event, (RecordObserved, RecordChanged))][-1])
