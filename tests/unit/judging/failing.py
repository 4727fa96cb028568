"""A run some of whose invocations failed, and what it is graded as."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    BackoffRequested,
    Delivered,
    Event,
    History,
    InvocationFailed,
    InvocationsCounted,
    TaskSubmitted,
)
from taskguard.judging.grading import Grade, grade_run

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, FIRST_TRY, SECOND_TRY, START_MS, without
from tests.unit.judging.reporting import manifest_of

EVENTS = whole(SECOND_TRY, FIRST_TRY, DEAD, FIRST_TRY)
BOOM = "[ERROR] Runtime.ImportModuleError: Unable to import module 'work': boom at import"
IDS = [event.task_id for event in EVENTS if isinstance(event, TaskSubmitted)]
RETRIED, AT_ONCE, DIED = IDS[0], IDS[1], IDS[2]


def invocation_failed(**about: Any) -> InvocationFailed:
    """An invocation that failed when it was at work, which logged nothing."""
    usual: dict[str, Any] = {
        "at_ms": START_MS,
        "started_ms": START_MS,
        "function": "worker",
        "delivery_id": "r-1",
        "error_type": "Error",
        "message": "it said why",
        "loaded": True,
        "lines": (),
        "log_bytes": 0,
        "task_ids": (),
    }
    return InvocationFailed(**usual | about)


def failures_of(events: list[Event], *task_ids: str | None, **changes: Any) -> list[Event]:
    """The invocations of the failed attempts of these tasks as having failed, with how many there were of all."""
    found = [
        replace(
            InvocationFailed(
                at_ms=event.at_ms,
                started_ms=event.at_ms - 5,
                function="work",
                delivery_id=event.delivery_id,
                error_type="Runtime.ImportModuleError",
                message="Unable to import module 'work': boom at import",
                loaded=False,
                lines=(BOOM,),
                log_bytes=100,
                task_ids=(event.task_id or "",),
            ),
            **changes,
        )
        for event in events
        if isinstance(event, AttemptFailed) and event.task_id in task_ids
    ]
    deliveries = sum(isinstance(event, Delivered) for event in events)
    return [*found, InvocationsCounted(at_ms=found[0].at_ms, function="work", invocations=deliveries)]


def no_backoff(*task_ids: str | None) -> list[Event]:
    """A run in which these tasks asked for no backoff, so that the check of backoff fails for them alone."""
    gone = [event for event in EVENTS if isinstance(event, BackoffRequested) and event.task_id in task_ids]
    return without(EVENTS, *gone)


def judged(events: list[Event]) -> Grade:
    return grade_run(History(events), manifest_of())
