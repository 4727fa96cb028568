"""What belongs to a run, of all that was seen on a stack. It must not know how any of it was seen."""

from __future__ import annotations

from collections.abc import Iterable

from taskguard.history import (
    AnswerMisread,
    Called,
    ConsumersOff,
    Event,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
    InvalidSubmitted,
    InvocationFailed,
    InvocationsCounted,
    ProcessesLeft,
    TaskSubmitted,
)


def ids_of(answers: Iterable[Event]) -> frozenset[str]:
    """The ids by which what was handed in is known."""
    return frozenset(
        each.task_id for each in answers if isinstance(each, (TaskSubmitted, InvalidSubmitted)) and each.task_id
    )


def is_of_run(event: Event, begun_ms: float, only: frozenset[str] | None) -> bool:
    """Whether an event is of the run that began then, or of ``only`` these tasks and messages."""
    match event:
        # What the engine was busy with before is of no run's business, nor what was broken then.
        case HeldUp():
            return event.until_ms >= begun_ms
        case FaultInjected():
            # What strikes no task in particular may strike any.
            strikes = only is None or not event.task_ids or not only.isdisjoint(event.task_ids)
            return strikes and event.at_ms >= begun_ms
        case AnswerMisread() | Called() | InvocationFailed() | InvocationsCounted() | ProcessesLeft():
            return event.at_ms >= begun_ms
        case EvidenceMissing() | ConsumersOff():
            return True
        case _:
            ids = {getattr(event, "task_id", None), getattr(event, "message_id", None)}
            return only is None or not only.isdisjoint(ids)
