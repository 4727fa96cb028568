"""Breaks histories on purpose, as faults do: crashed attempts, lost messages, and the events that say so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace
from taskguard.contract.draws import attempt_fails
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    FaultInjected,
    History,
    RecordChanged,
    RecordObserved,
)
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome, Verdict

from tests.unit.judging.building import EXPECTED, RATE, SEED, the, without

CONSUMER = "worker"
"""The consumer's name in the configuration that these histories have."""


def judged(guarantee: str, events: Iterable[Event], terms: Terms = EXPECTED) -> Verdict:
    return GUARANTEES[guarantee](History(events), terms)


def messages(guarantee: str, events: Iterable[Event], outcome: Outcome, terms: Terms = EXPECTED) -> str:
    """What the findings say of a verdict that must come out so."""
    verdict = judged(guarantee, events, terms)
    assert verdict.outcome is outcome, verdict
    return "\n".join(finding.message for finding in verdict.findings)


def fault(line: str, at_ms: float, *task_ids: str | None, **fields: Any) -> FaultInjected:
    """The injection of a fault of a plan, as the engine tells it."""
    given: dict[str, Any] = {
        "at_ms": at_ms,
        "until_ms": None,
        "kind": line.split(maxsplit=1)[0],
        "when": None,
        "fault": line,
        "function": CONSUMER,
        "call": None,
        "number": None,
        "task_ids": tuple(task_id for task_id in task_ids if task_id is not None),
        "receive_count": None,
    }
    return FaultInjected(**(given | fields))


def struck(line: str, delivered: Delivered, *others: str | None, **fields: Any) -> FaultInjected:
    """A fault that struck this delivery's invocation."""
    given = {"receive_count": delivered.receive_count, "delivery_id": delivered.delivery_id}
    return fault(line, delivered.at_ms + 1, delivered.task_id, *others, **(given | fields))


def on_its_way(line: str, delivered: Delivered, **fields: Any) -> FaultInjected:
    """A fault that struck a message of the work queue before it was handed over."""
    given = {"function": "work", "receive_count": delivered.receive_count}
    return fault(line, delivered.at_ms - 1, delivered.task_id, **(given | fields))


def receive(events: list[Event], task_id: str, number: int) -> Delivered:
    return the(events, Delivered, where=lambda e: e.task_id == task_id and e.receive_count == number)


def dead_but_drawn_to_succeed(events: list[Event]) -> tuple[list[Event], str, int]:
    """The dead task of these events under another id, whose draws have one receive at least succeed: the task's id and the
    first such receive."""
    old = the(events, DeadLettered).task_id or ""
    new, number = next(
        (name, receive)
        for name in (f"unlucky-{index}" for index in range(1000))
        for receive in (1, 2, 3)
        if _succeeds_at(name) == [receive]
    )
    return [_renamed(event, old, new) for event in events], new, number


def _succeeds_at(task_id: str) -> list[int]:
    return [n for n in (1, 2, 3) if not attempt_fails(SEED, RATE, task_id, n)]


def _renamed(event: Event, old: str, new: str) -> Event:
    if getattr(event, "task_id", None) != old:
        return event
    changes: dict[str, Any] = {"task_id": new}
    if isinstance(event, DeadLetterLogged):
        changes["fields"] = {**event.fields, "taskId": new}
    return replace(event, **changes)


def crashed(events: list[Event], delivered: Delivered) -> list[Event]:
    """The events, with this delivery's attempt crashed: no backoff, and no word but the platform's."""
    outcome = the(
        events,
        AttemptFailed,
        where=lambda e: (e.delivery_id, e.task_id) == (delivered.delivery_id, delivered.task_id),
    )
    gone = [e for e in events if isinstance(e, BackoffRequested) and e.delivery_id == delivered.delivery_id]
    return [*without(events, outcome, *gone), replace(outcome, reason="the function failed: killed")]


def in_batch(events: list[Event], delivered: Delivered, other: Delivered) -> tuple[list[Event], Delivered]:
    """The events, with this delivery in the same invocation as the other one."""
    kinds = (Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested)
    changed = [
        replace(each, delivery_id=other.delivery_id)
        if isinstance(each, kinds) and each.delivery_id == delivered.delivery_id
        else each
        for each in events
    ]
    return changed, replace(delivered, delivery_id=other.delivery_id)


def changes_of(events: Iterable[Event], task_id: str | None) -> list[RecordChanged]:
    return [each for each in events if isinstance(each, RecordChanged) and each.task_id == task_id]


def also_changed(events: list[Event], task_id: str | None, status: str | None, later_ms: float = 1000.0) -> list[Event]:
    """The events, with one more change of the task's record after its last one."""
    last = changes_of(events, task_id)[-1]
    written_ms = None if last.written_at_ms is None else last.written_at_ms + later_ms
    more = replace(last, at_ms=last.at_ms + later_ms, number=last.number + 1, status=status, written_at_ms=written_ms)
    return [*events, more]


def record_of(events: Iterable[Event], task_id: str | None) -> RecordObserved:
    return the(events, RecordObserved, where=lambda e: e.task_id == task_id)
