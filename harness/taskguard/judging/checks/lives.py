"""How a task ended, and how often it was to: a task that an operator puts back to work is to end once more.

What is between two such moments is a *life*; most tasks have one. This module must not know which ends are right.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

from taskguard.history import AttemptSucceeded, DeadLettered, Event, History, Redriven


@dataclass(frozen=True, slots=True)
class Life:
    """The ends that were seen of a task between two moments, in order of time."""

    ends: tuple[Event, ...]

    @property
    def successes(self) -> tuple[AttemptSucceeded, ...]:
        return tuple(end for end in self.ends if isinstance(end, AttemptSucceeded))

    @property
    def deaths(self) -> tuple[DeadLettered, ...]:
        return tuple(end for end in self.ends if isinstance(end, DeadLettered))


def lives_of(history: History, task_id: str) -> tuple[Life, ...]:
    """The lives of a task: one, and one more for each time that it was put back to work."""
    events = history.of_task(task_id)
    redriven = [event.at_ms for event in events if isinstance(event, Redriven)]
    lives: list[list[Event]] = [[] for _ in range(len(redriven) + 1)]
    # From attempts, not from events: several events that tell of one success are one success.
    successes = [attempt.succeeded for attempt in history.attempts_of(task_id) if attempt.succeeded is not None]
    ends: list[Event] = [*successes, *(event for event in events if isinstance(event, DeadLettered))]
    for end in sorted(ends, key=lambda end: end.at_ms):
        lives[bisect(redriven, end.at_ms)].append(end)
    return tuple(Life(tuple(life)) for life in lives)


def has_more_messages_than_lives(history: History, task_id: str, lives: tuple[Life, ...]) -> bool:
    """Whether there were duplicates: more messages than the first one and one for each time the task was put back."""
    return len(history.chains_of(task_id)) > len(lives)
