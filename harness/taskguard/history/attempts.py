"""Attempts, put together from deliveries and what became of them.

An attempt is a delivery of a task to a consumer, however it came about: the same message received again, or a new
message sent in its place. A *chain* is one line of such attempts that share a retry budget. Which message was sent in place of which is
told by their ids; a message that was received again all the same, or in whose place several were sent, goes on in no other. This module
must not know what is right (how many attempts, which delays): it only joins events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import replace

from taskguard.history.events import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    Delivered,
    DeliveryEvent,
    Event,
    Redriven,
    Resent,
)
from taskguard.history.wording import named


class Attempt(Struct, frozen=True, kw_only=True, gc=False):
    """One delivery and its outcome, so far as the history shows them.

    `number` counts from 1 within the chain. `delivered` is None when only the outcome or the backoff was seen. Several
    events that tell the same of one delivery count once. `resends` are the sends of its task to the work queue again.
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
    resends: tuple[Resent, ...] = ()

    @property
    def at_ms(self) -> float:
        """When the attempt began, or the earliest that was seen of it."""
        return min([event.at_ms for event in self.events])

    @property
    def last_seen_ms(self) -> float:
        """The latest that was seen of the attempt."""
        return max([event.at_ms for event in self.events])

    @property
    def events(self) -> tuple[Event, ...]:
        """The events this attempt was put together from."""
        found = (self.delivered, self.succeeded, self.failed, *self.backoffs, *self.resends)
        return tuple([event for event in found if event is not None])

    @property
    def sent_again(self) -> Resent | None:
        """The send that goes on with the task in one new message; none where there is none, or there are several messages."""
        if not self.resends:
            return None
        taken = [each for each in self.resends if each.new_message_id is not None]
        return taken[0] if len({each.new_message_id for each in taken}) == 1 else None

    @property
    def granted(self) -> BackoffRequested | Resent | None:
        """The request for a backoff that held: the new message, or else the last request that the queue accepted."""
        return self.sent_again or next((request for request in reversed(self.backoffs) if request.accepted), None)

    @property
    def determined(self) -> bool:
        """Whether exactly one outcome was seen."""
        return (self.succeeded is None) != (self.failed is None)


class Chain(Struct, frozen=True, kw_only=True, gc=False):
    """The attempts of one message and of those that were sent in its place, one after the other; in order of time."""

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

    def by_message(self) -> Iterator[Chain]:
        """The same, each message by itself, numbered as its queue counts its receives."""
        for message_id in dict.fromkeys(attempt.message_id for attempt in self.attempts):
            own = (attempt for attempt in self.attempts if attempt.message_id == message_id)
            attempts = tuple(replace(each, number=each.receive_count) for each in own)
            yield Chain(task_id=self.task_id, attempts=attempts)


_Key = tuple[str, int, str]
"""What tells the deliveries of one task apart: message, receive count, delivery."""


def chains(events: Iterable[Event]) -> tuple[Chain, ...]:
    """Join the events of deliveries, given in order of time, into chains, in the order in which the chains began.

    A queue that counts receives numbers a message's attempts itself; with the message that was sent in its place they go on. Where
    no send was seen, and no message of a task was ever received twice, the task's messages together are one chain, numbered in order
    of time; but not of a task that was put back to work, which begins anew each time.
    """
    by_task: dict[str | None, list[DeliveryEvent]] = defaultdict(list)
    redriven: set[str | None] = set()
    for event in events:
        # With a struct's metaclass `isinstance` takes ten times as long.
        if type(event) in _OF_DELIVERIES:
            by_task[event.task_id].append(event)  # type: ignore[union-attr, arg-type]  # it is a DeliveryEvent
        elif type(event) is Redriven:
            redriven.add(event.task_id)
    found = [
        chain
        for task_id, of_task in by_task.items()
        for chain in _chains_of(
            task_id, _by_delivery(of_task), may_be_one=task_id is not None and task_id not in redriven
        )
    ]
    return tuple(sorted(found, key=lambda chain: chain.attempts[0].at_ms))


_OF_DELIVERIES = frozenset(get_args(DeliveryEvent))


def _by_delivery(events: Iterable[DeliveryEvent]) -> dict[_Key, list[DeliveryEvent]]:
    found: dict[_Key, list[DeliveryEvent]] = {}
    for event in events:
        found.setdefault((event.message_id, event.receive_count, event.delivery_id), []).append(event)
    return found


def _chains_of(
    task_id: str | None, deliveries: dict[_Key, list[DeliveryEvent]], *, may_be_one: bool
) -> Iterator[Chain]:
    if may_be_one and not _are_counted(deliveries):
        attempts = [_attempt(task_id, each, number) for number, each in enumerate(deliveries.items(), 1)]
        yield Chain(task_id=task_id, attempts=tuple(attempts))
        return
    by_message: dict[str, list[tuple[_Key, list[DeliveryEvent]]]] = {}
    for delivery in deliveries.items():
        by_message.setdefault(delivery[0][0], []).append(delivery)
    sends = [event for events in deliveries.values() for event in events if type(event) is Resent]
    received = {message_id: max(key[1] for key, _ in found) for message_id, found in by_message.items()}
    for line in lines_of(received, sends):
        attempts, before = list[Attempt](), 0
        for message_id in line:
            attempts += [_attempt(task_id, each, before + each[0][1]) for each in by_message[message_id]]
            before += received[message_id]
        yield Chain(task_id=task_id, attempts=tuple(attempts))


def lines_of(received: Mapping[str, int], sends: Sequence[Resent]) -> list[Sequence[str]]:
    """The messages as lines, in each of which the next was sent in place of the one before; ``received`` is how often each was, at
    the last, in the order in which they are to be told.

    A message goes on in another one when that was sent at its last receive, in no other's place, and no other in its own.
    """
    if not sends:
        return [[message_id] for message_id in received]
    after, before = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    last: dict[str, int] = {}
    for each in sends:
        if each.new_message_id is not None:
            after[each.message_id].add(each.new_message_id)
            before[each.new_message_id].add(each.message_id)
            last[each.message_id] = max(each.receive_count, last.get(each.message_id, 0))
    goes_on = {
        message_id: next(iter(new))
        for message_id, new in after.items()
        if len(new) == 1 and last[message_id] == received.get(message_id)
    }
    goes_on = {old: new for old, new in goes_on.items() if len(before[new]) == 1 and new in received}
    found, taken = list[Sequence[str]](), set[str]()
    # Messages that were sent in a circle have no first one: no queue brings that about, and the line begins anywhere.
    for first in [*(received.keys() - goes_on.values()), *received]:
        line, at = list[str](), first if first not in taken else None
        while at is not None and at not in taken:
            taken.add(at)
            line.append(at)
            at = goes_on.get(at)
        if line:
            found.append(line)
    places = {message_id: place for place, message_id in enumerate(received)}
    return sorted(found, key=lambda line: places[line[0]])


def _are_counted(deliveries: dict[_Key, list[DeliveryEvent]]) -> bool:
    """Whether the queue numbers these attempts, rather than that each is a message of its own."""
    messages = {message_id for message_id, _, _ in deliveries}
    return (
        len(messages) < len(deliveries)
        or any(receive_count > 1 for _, receive_count, _ in deliveries)
        or any(type(event) is Resent for events in deliveries.values() for event in events)
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
    first: dict[type, Any] = {type(event): event for event in reversed(events)}
    return Attempt(
        task_id=task_id,
        message_id=message_id,
        receive_count=receive_count,
        delivery_id=delivery_id,
        number=number,
        delivered=first.get(Delivered),
        succeeded=first.get(AttemptSucceeded),
        failed=first.get(AttemptFailed),
        backoffs=tuple([event for event in events if type(event) is BackoffRequested]),
        resends=tuple([event for event in events if type(event) is Resent]),
    )
