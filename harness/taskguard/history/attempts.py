"""Attempts, put together from deliveries and what became of them.

An attempt is a delivery of a task to a consumer, however it came about: the same message received again, or a new
message sent in its place. A *chain* is one line of such attempts that share a retry budget. This module must not know
what is right (how many attempts, which delays): it only joins events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from taskguard.history.events import AttemptFailed, AttemptSucceeded, BackoffRequested, Delivered, DeliveryEvent, Event
from taskguard.history.wording import named


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
    def granted(self) -> BackoffRequested | None:
        """The request for a backoff that held: the last one that the queue accepted."""
        return next((request for request in reversed(self.backoffs) if request.accepted), None)

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
        return named(self.task_id, self.attempts[0].message_id)

    @property
    def message_ids(self) -> frozenset[str]:
        """The messages that carried it."""
        return frozenset(attempt.message_id for attempt in self.attempts)


_Key = tuple[str, int, str]
"""What tells the deliveries of one task apart: message, receive count, delivery."""


def chains(events: Iterable[Event]) -> tuple[Chain, ...]:
    """Join the events of deliveries, given in order of time, into chains, in the order in which the chains began.

    A queue that counts receives numbers a message's attempts itself, and each message is a chain. Where no message of
    a task was ever received twice, the task's messages together are one chain, numbered in order of time.
    """
    by_task: dict[str | None, dict[_Key, list[DeliveryEvent]]] = defaultdict(dict)
    for event in events:
        if isinstance(event, DeliveryEvent):
            key = (event.message_id, event.receive_count, event.delivery_id)
            by_task[event.task_id].setdefault(key, []).append(event)
    found = [chain for task_id, deliveries in by_task.items() for chain in _chains_of(task_id, deliveries)]
    return tuple(sorted(found, key=lambda chain: chain.attempts[0].at_ms))


def _chains_of(task_id: str | None, deliveries: dict[_Key, list[DeliveryEvent]]) -> Iterator[Chain]:
    if task_id is not None and not _are_counted(deliveries):
        attempts = [_attempt(task_id, each, number) for number, each in enumerate(deliveries.items(), 1)]
        yield Chain(task_id=task_id, attempts=tuple(attempts))
        return
    by_message: dict[str, list[Attempt]] = {}
    for delivery in deliveries.items():
        message_id, receive_count, _ = delivery[0]
        by_message.setdefault(message_id, []).append(_attempt(task_id, delivery, receive_count))
    for found in by_message.values():
        yield Chain(task_id=task_id, attempts=tuple(found))


def _are_counted(deliveries: dict[_Key, list[DeliveryEvent]]) -> bool:
    """Whether the queue numbers these attempts, rather than that each is a message of its own."""
    messages = {message_id for message_id, _, _ in deliveries}
    return (
        len(messages) < len(deliveries)
        or any(receive_count > 1 for _, receive_count, _ in deliveries)
        or not _each_follows_a_failure(list(deliveries.values()))
    )


def _each_follows_a_failure(attempts: list[list[DeliveryEvent]]) -> bool:
    """Whether each attempt but the first began after the one before had failed: only then is it a retry of it."""
    for before, after in pairwise(attempts):
        failed_ms = next((event.at_ms for event in before if isinstance(event, AttemptFailed)), None)
        if failed_ms is None or failed_ms > after[0].at_ms:
            return False
    return True


def _attempt(task_id: str | None, delivery: tuple[_Key, list[DeliveryEvent]], number: int) -> Attempt:
    (message_id, receive_count, delivery_id), events = delivery
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
