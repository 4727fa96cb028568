"""Builds the history of a pipeline that does everything right, for given fates; tests then break it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from harness.checks import CHECKS
from harness.draws import Fate, find_task_id
from harness.expectations import Expectations
from harness.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    History,
    QueueDepth,
    RecordedAttempt,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from harness.history.events import QueueName
from harness.strict_json import Json
from harness.verdict import Verdict

E = TypeVar("E", bound=Event)

SEED = "a seed"
EXPECTED = Expectations(failure_seed=SEED)
UNSEEDED = Expectations()
START_MS = 1_700_000_000_000.0
FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD = Fate(0), Fate(1), Fate(2), Fate(3, dead=True)
SCHEDULE = (5.0, 10.0, 20.0)
QUEUES: tuple[QueueName, ...] = ("work", "dead-letter")


def task(prefix: str, fate: Fate, at_ms: float = START_MS, late_ms: float = 50.0, payload: Json = None) -> list[Event]:
    """All events of one task with a fate that its draws agree with; its id begins with `prefix`."""
    task_id = find_task_id(SEED, EXPECTED.failure_rate, fate, prefix)
    payload = {"of": prefix, "amount": 1.0, "list": [1, None]} if payload is None else payload
    return life_of(task_id, fate, at_ms, late_ms, payload)


def life_of(task_id: str, fate: Fate, at_ms: float, late_ms: float, payload: Json) -> list[Event]:
    """All events of the task with this id, submitted at `at_ms`, each retry `late_ms` later than asked for."""
    message_id = f"message-of-{task_id}"
    events: list[Event] = [
        TaskSubmitted(
            at_ms=at_ms, answered_ms=at_ms + 20, task_id=task_id, payload=payload, accepted=True, status_code=202
        )
    ]
    created_ms = at_ms + 10
    recorded: list[RecordedAttempt] = []
    now = failed_ms = at_ms + 30
    for number in range(1, fate.attempts + 1):
        fails = number <= fate.failures
        of = _ids(task_id, message_id, number)
        events.append(Delivered(at_ms=now, payload=payload, **of))
        if fails:
            delay = SCHEDULE[number - 1]
            request = BackoffRequested(at_ms=now + 4, answered_ms=now + 7, delay_seconds=delay, accepted=True, **of)
            events += [request, AttemptFailed(at_ms=now + 9, reason="reported as failed", **of)]
            recorded.append(_recorded(number, now + 2, "FAILED", f"failure {number}", delay))
            failed_ms = now + 3
            now = request.answered_ms + delay * 1000 + late_ms
        else:
            events.append(AttemptSucceeded(at_ms=now + 9, **of))
            recorded.append(_recorded(number, now + 2, "SUCCEEDED", None, None))
            now += 9
    if fate.dead:
        fields: dict[str, Json] = {
            "event": "TASK_DEAD_LETTER",
            "taskId": task_id,
            "payload": payload,
            "attempts": fate.attempts,
            "lastError": recorded[-1].error,
            "createdAt": iso(created_ms),
            "failedAt": iso(failed_ms),
            "messageId": message_id,
        }
        events += [
            DeadLettered(at_ms=now, task_id=task_id, message_id=message_id, payload=payload),
            DeadLetterLogged(at_ms=now + 5, task_id=task_id, message_id=message_id, fields=fields),
        ]
    events.append(
        RecordObserved(
            at_ms=now + 100,
            task_id=task_id,
            status="DEAD_LETTER" if fate.dead else "COMPLETED",
            payload=payload,
            attempts=tuple(recorded),
            last_error=next((each.error for each in reversed(recorded) if each.error), None),
        )
    )
    return events


def run(*fates: Fate, late_ms: float = 50.0) -> list[Event]:
    """All events of a run of tasks with these fates, ended well: `t0-…`, `t1-…`, one second apart."""
    events = [
        event
        for number, fate in enumerate(fates)
        for event in task(f"t{number}", fate, START_MS + 1000.0 * number, late_ms)
    ]
    return [*events, *ending(events)]


def ending(events: Iterable[Event]) -> list[Event]:
    last = max((event.at_ms for event in events), default=START_MS) + 5000
    return [
        *(
            QueueDepth(at_ms=at_ms, queue=queue, visible=0, in_flight=0, delayed=0)
            for at_ms in (last - 1000, last)
            for queue in QUEUES
        ),
        RunEnded(at_ms=last + 1, deadline_reached=False),
    ]


def judge(check: str, events: Iterable[Event], expectations: Expectations = EXPECTED) -> Verdict:
    return CHECKS[check](History(events), expectations)


def the(events: Iterable[Event], kind: type[E], number: int = 0, where: Callable[[Any], bool] = lambda _: True) -> E:
    """The event of a kind with this index among those that fit."""
    return [event for event in sorted(events, key=lambda e: e.at_ms) if isinstance(event, kind) and where(event)][
        number
    ]


def without(events: Iterable[Event], *gone: Event | type[Event]) -> list[Event]:
    """The events without some of them, or without all of a kind."""
    kinds = tuple(each for each in gone if isinstance(each, type))
    return [event for event in events if not isinstance(event, kinds) and not any(event is each for each in gone)]


def changed(events: Iterable[Event], event: Event, **changes: Any) -> list[Event]:
    """The events with one of them changed."""
    return [replace(each, **changes) if each is event else each for each in events]


def altered(event: Any, **changes: Any) -> Event:
    """A copy of the event, whatever its kind, with other fields."""
    copy: Event = replace(event, **changes)
    return copy


def with_the_other_outcome(events: list[Event], event: Any) -> list[Event]:
    """The events, with a failure where a success was, or the other way round."""
    ids = {name: getattr(event, name) for name in ("at_ms", "task_id", "message_id", "receive_count", "delivery_id")}
    other = AttemptFailed(**ids, reason="?") if isinstance(event, AttemptSucceeded) else AttemptSucceeded(**ids)
    return [*without(events, event), other]


def missing(*kinds: str) -> EvidenceMissing:
    return EvidenceMissing(at_ms=START_MS, source="the recorder", what="a damaged line", affects=kinds)


def iso(at_ms: float) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _ids(task_id: str, message_id: str, number: int) -> dict[str, Any]:
    delivery_id = f"{message_id}-delivery-{number}"
    return {"task_id": task_id, "message_id": message_id, "receive_count": number, "delivery_id": delivery_id}


def _recorded(
    number: int, started_at_ms: float, outcome: str, error: str | None, backoff: float | None
) -> RecordedAttempt:
    return RecordedAttempt(
        number=number, started_at_ms=started_at_ms, outcome=outcome, error=error, backoff_seconds=backoff
    )
