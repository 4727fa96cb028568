"""Histories whose functions were seen to do something for their tasks: the calls that a right consumer makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace
from taskguard.history import AttemptSucceeded, Called, Delivered, Event, FaultInjected, RecordChanged, TaskSubmitted

from tests.unit.judging.building import START_MS, the, without


def call(task_id: str | None, delivery_id: str | None, **changes: Any) -> Called:
    """One write of a consumer, in this delivery, that took effect."""
    made = Called(
        at_ms=START_MS + 32,
        answered_ms=START_MS + 33,
        function="worker",
        delivery_id=delivery_id,
        service="dynamodb",
        operation="PutItem",
        resource="results",
        task_ids=(task_id or "",),
        status=200,
    )
    return replace(made, **changes)


def with_work(events: Iterable[Event]) -> list[Event]:
    """The events, with a write in each delivery that succeeded; no store tells of anything."""
    events = list(events)
    works = [
        call(event.task_id, event.delivery_id, at_ms=event.at_ms - 5, answered_ms=event.at_ms - 4)
        for event in events
        if isinstance(event, AttemptSucceeded)
    ]
    return [*without(events, RecordChanged), *works]


def denied(attempt: AttemptSucceeded) -> FaultInjected:
    """That a call for the task of this attempt was refused by the run."""
    return FaultInjected(
        at_ms=attempt.at_ms - 5,
        until_ms=None,
        kind="deny",
        when="before",
        fault="deny when=before function=work task=any",
        function="work",
        call="PutItem",
        number=1,
        task_ids=(attempt.task_id or "",),
        receive_count=attempt.receive_count,
        delivery_id=attempt.delivery_id,
    )


def handed_in_again(events: list[Event], number: int = 0, after_ms: float = 2000.0, **answer: Any) -> list[Event]:
    """The events, with a task handed in again so long after it was at first."""
    first = the(events, TaskSubmitted, number)
    at_ms = first.at_ms + after_ms
    return [*events, replace(first, at_ms=at_ms, answered_ms=at_ms + 10, probe="again", **answer)]


def second_message(events: list[Event], number: int = 0, after_ms: float = 2000.0) -> list[Event]:
    """The events, with another message of a task, that was delivered and acknowledged so long after the first one."""
    task_id = the(events, TaskSubmitted, number).task_id
    of = [
        event
        for event in events
        if isinstance(event, (Delivered, AttemptSucceeded)) and event.task_id == task_id and event.receive_count == 1
    ]
    ids: Any = {"message_id": "second", "delivery_id": "second-1"}
    delivered = replace(the(of, Delivered), at_ms=the(of, Delivered).at_ms + after_ms, **ids)
    succeeded = AttemptSucceeded(at_ms=delivered.at_ms + 9, task_id=task_id, receive_count=1, **ids)
    return [*events, delivered, succeeded]
