"""Histories in which several messages were delivered together."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace
from taskguard.contract.draws import Fate
from taskguard.history import AttemptFailed, AttemptSucceeded, BackoffRequested, Delivered, Event

from tests.unit.judging.building import probed, run

Told = (Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested)


def whole(*fates: Fate, size: int = 3, late_ms: float = 50.0) -> list[Event]:
    """A run of tasks with these fates that came in batches, and of its probes: with failures and a death nothing of it is not exercised."""
    return probed(in_batches(run(*fates, late_ms=late_ms), size))


def in_batches(events: Iterable[Event], size: int) -> list[Event]:
    """The events, with the first deliveries of each ``size`` tasks, in order of time, made one delivery each."""
    events = sorted(events, key=lambda event: event.at_ms)
    first = [event.message_id for event in events if isinstance(event, Delivered) and event.receive_count == 1]
    batch_of = {message_id: f"batch-{place // size}" for place, message_id in enumerate(first)}
    return [
        replace(event, delivery_id=batch_of[event.message_id])
        if isinstance(event, Told) and event.receive_count == 1
        else event
        for event in events
    ]
