"""Attempts, put together from deliveries and what became of them.

An attempt is a delivery of a task to a consumer, however it came about: the same message received again, or a new
message sent in its place. A *chain* is one line of such attempts that share a retry budget. This module must not know
what is right (how many attempts, which delays): it only joins events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from harness.history.events import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    Delivered,
    Event,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery and its outcome, so far as the history shows them.

    `number` counts from 1 within the chain. `delivered` is None when only the outcome or the backoff was seen. Several
    events that tell the same of one delivery count once.
    """

    task_id: str | None
    message_id: str
    receive_count: int
    delivery_id: str
    number: int
    delivered: Delivered | None
    succeeded: AttemptSucceeded | None
    failed: AttemptFailed | None
    backoffs: tuple[BackoffRequested, ...]

    @property
    def at_ms(self) -> float:
        """When the attempt began, or the earliest that was seen of it."""
        return min(event.at_ms for event in self.events)

    @property
    def last_seen_ms(self) -> float:
        """The latest that was seen of the attempt."""
        return max(event.at_ms for event in self.events)

    @property
    def events(self) -> tuple[Event, ...]:
        """The events this attempt was put together from."""
        found = (self.delivered, self.succeeded, self.failed, *self.backoffs)
        return tuple(event for event in found if event is not None)

    @property
    def determined(self) -> bool:
        """Whether exactly one outcome was seen."""
        return (self.succeeded is None) != (self.failed is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The attempts of one message, or of one task whose every retry was a new message; in order of time."""

    task_id: str | None
    attempts: tuple[Attempt, ...]

    @property
    def name(self) -> str:
        """How to speak of it: `task t-01`, or `message 4f…` when it is not a task."""
        return f"task {self.task_id}" if self.task_id is not None else f"message {self.attempts[0].message_id}"

    @property
    def message_ids(self) -> frozenset[str]:
        """The messages that carried it."""
        return frozenset(attempt.message_id for attempt in self.attempts)


_Key = tuple[str | None, str, int, str]


def chains(events: Iterable[Event]) -> tuple[Chain, ...]:
    """Join the events of deliveries into chains, in the order in which the chains began.

    A queue that counts receives numbers a message's attempts itself, and each message is a chain. Where no message of
    a task was ever received twice, the task's messages together are one chain, numbered in order of time.
    """
    parts: dict[_Key, list[Event]] = {}
    for event in events:
        if isinstance(event, (Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested)):
            key = (event.task_id, event.message_id, event.receive_count, event.delivery_id)
            parts.setdefault(key, []).append(event)

    message_keys = Counter((task_id, message_id) for task_id, message_id, _, _ in parts)
    counted_tasks = {key[0] for key in parts if key[2] > 1 or message_keys[key[0], key[1]] > 1}
    counted_tasks |= {task_id for task_id, attempts in _by_task(parts).items() if not _each_follows_a_failure(attempts)}
    grouped: dict[tuple[str | None, str | None], list[_Key]] = {}
    for key in parts:
        task_id, message_id = key[0], key[1]
        own_chain = task_id is None or task_id in counted_tasks
        grouped.setdefault((task_id, message_id if own_chain else None), []).append(key)

    return tuple(_chain(keys, parts, by_receives=message_id is not None) for (_, message_id), keys in grouped.items())


def _by_task(parts: dict[_Key, list[Event]]) -> dict[str | None, list[list[Event]]]:
    """The events of each attempt, by task, in order of time."""
    found: dict[str | None, list[list[Event]]] = {}
    for key in sorted(parts, key=lambda key: min(event.at_ms for event in parts[key])):
        found.setdefault(key[0], []).append(parts[key])
    return found


def _each_follows_a_failure(attempts: list[list[Event]]) -> bool:
    """Whether each attempt but the first began after the one before had failed: only then is it a retry of it."""
    for before, after in pairwise(attempts):
        failed = [event.at_ms for event in before if isinstance(event, AttemptFailed)]
        if not failed or min(failed) > min(event.at_ms for event in after):
            return False
    return True


def _chain(keys: list[_Key], parts: dict[_Key, list[Event]], *, by_receives: bool) -> Chain:
    ordered = sorted(keys, key=lambda key: min(event.at_ms for event in parts[key]))
    attempts = tuple(
        _attempt(key, parts[key], number=key[2] if by_receives else ordinal) for ordinal, key in enumerate(ordered, 1)
    )
    return Chain(task_id=ordered[0][0], attempts=attempts)


def _attempt(key: _Key, events: list[Event], *, number: int) -> Attempt:
    task_id, message_id, receive_count, delivery_id = key
    return Attempt(
        task_id=task_id,
        message_id=message_id,
        receive_count=receive_count,
        delivery_id=delivery_id,
        number=number,
        delivered=next((event for event in events if isinstance(event, Delivered)), None),
        succeeded=next((event for event in events if isinstance(event, AttemptSucceeded)), None),
        failed=next((event for event in events if isinstance(event, AttemptFailed)), None),
        backoffs=tuple(event for event in events if isinstance(event, BackoffRequested)),
    )
