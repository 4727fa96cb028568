"""Builds the history of a pipeline that does everything right, for given fates; tests then break it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import replace
from taskguard.contract.draws import Fate, find_task_id
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    ConfigurationObserved,
    ConsumerSettings,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    History,
    InvalidSubmitted,
    Permission,
    QueueDepth,
    QueueSettings,
    RecordChanged,
    RecordedAttempt,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.values import QueueName
from taskguard.judging.checks import CHECKS
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.json_values import Json

from tests.terms import our_terms

E = TypeVar("E", bound=Event)

SEED = "a seed"
RATE = 0.3
EXPECTED = our_terms(SEED)
UNSEEDED = our_terms()
START_MS = 1_700_000_000_000.0
FIRST_TRY, SECOND_TRY, THIRD_TRY, DEAD = Fate(0), Fate(1), Fate(2), Fate(3, dead=True)
SCHEDULE = (5.0, 10.0, 20.0)
OF_ANY_QUEUE = tuple(check for check in CHECKS if check != "order")
"""The checks but that of FIFO queues, which these runs have none of."""

QUEUES: tuple[QueueName, ...] = ("work", "dead-letter")


def queue_settings(queue: QueueName, max_receives: int = 0) -> QueueSettings:
    return QueueSettings(
        queue=queue,
        visibility_timeout_seconds=90.0,
        retention_seconds=1_209_600.0,
        encrypted=True,
        max_receives=max_receives,
        dead_letters_watched=max_receives > 0,
        unencrypted_refused=True,
    )


def consumer_settings(name: str, queue: QueueName) -> ConsumerSettings:
    return ConsumerSettings(name=name, queue=queue, enabled=True, partial_batches=True, timeout_seconds=15.0)


CONFIGURATION = ConfigurationObserved(
    at_ms=START_MS,
    queues=(queue_settings("work", max_receives=3), queue_settings("dead-letter")),
    consumers=(consumer_settings("worker", "work"), consumer_settings("monitor", "dead-letter")),
    store_encrypted=True,
    permissions=(
        Permission(holder="worker", actions=("sqs:ReceiveMessage",), resources=("arn:aws:sqs:eu-central-1:0:work",)),
        Permission(
            holder="worker",
            actions=("logs:PutLogEvents",),
            resources=("arn:aws:logs:eu-central-1:0:log-group:/aws/lambda/worker:*",),
        ),
    ),
)


def task(prefix: str, fate: Fate, at_ms: float = START_MS, late_ms: float = 50.0, payload: Json = None) -> list[Event]:
    """All events of one task with a fate that its draws agree with; its id begins with `prefix`."""
    task_id = find_task_id(SEED, RATE, fate, prefix)
    payload = {"of": prefix, "amount": 1.0, "list": [1, None]} if payload is None else payload
    return life_of(task_id, fate, at_ms, late_ms, payload)


def life_of(task_id: str, fate: Fate, at_ms: float, late_ms: float, payload: Json) -> list[Event]:
    """All events of the task with this id, submitted at `at_ms`, each retry `late_ms` later than asked for."""
    message_id = f"message-of-{task_id}"
    events: list[Event] = [_accepted(task_id, at_ms, payload)]
    created_ms = at_ms + 10
    recorded: list[RecordedAttempt] = []
    changes = [_changed(task_id, 1, "PENDING", created_ms)]
    now = failed_ms = at_ms + 30
    for number in range(1, fate.attempts + 1):
        fails = number <= fate.failures
        of = _ids(task_id, message_id, number)
        events.append(Delivered(at_ms=now, payload=payload, **of))
        changes.append(_changed(task_id, len(changes) + 1, "PROCESSING", now + 2, number, "STARTED"))
        status, outcome = ("RETRYING", "FAILED") if fails else ("COMPLETED", "SUCCEEDED")
        changes.append(_changed(task_id, len(changes) + 1, status, now + 3, number, outcome))
        if fails:
            delay = SCHEDULE[number - 1]
            request = BackoffRequested(at_ms=now + 4, answered_ms=now + 7, delay_seconds=delay, accepted=True, **of)
            events += [request, AttemptFailed(at_ms=now + 9, reason="reported as failed", **of)]
            recorded.append(_recorded(number, now, "FAILED", f"failure {number}", delay))
            failed_ms = now + 3
            now = request.answered_ms + delay * 1000 + late_ms
        else:
            events.append(AttemptSucceeded(at_ms=now + 9, **of))
            recorded.append(_recorded(number, now, "SUCCEEDED", None, None))
            now += 9
    if fate.dead:
        fields: dict[str, Json] = {
            "attempts": fate.attempts,
            "lastError": recorded[-1].error,
            "createdAt": iso(created_ms),
            "failedAt": iso(failed_ms),
        }
        changes.append(_changed(task_id, len(changes) + 1, "DEAD_LETTER", now + 3, fate.attempts, "FAILED"))
        events += _death(task_id, message_id, now, payload, fields)
    events.append(
        RecordObserved(
            at_ms=now + 100,
            task_id=task_id,
            status="DEAD_LETTER" if fate.dead else "COMPLETED",
            payload=payload,
            attempts=tuple(recorded),
            last_error=next((each.error for each in reversed(recorded) if each.error), None),
            created_at_ms=created_ms,
            changed_at_ms=changes[-1].written_at_ms,
            completed_at_ms=None if fate.dead else changes[-1].written_at_ms,
        )
    )
    return [*events, *changes]


def _accepted(task_id: str, at_ms: float, payload: Json) -> TaskSubmitted:
    return TaskSubmitted(
        at_ms=at_ms, answered_ms=at_ms + 20, task_id=task_id, payload=payload, accepted=True, status_code=202
    )


def _death(
    task_id: str, message_id: str, at_ms: float, payload: Json, fields: dict[str, Json]
) -> tuple[DeadLettered, DeadLetterLogged]:
    """The arrival of a message in the dead-letter queue, and the log that tells of it, with these ``fields`` besides the usual."""
    usual: dict[str, Json] = {
        "event": "TASK_DEAD_LETTER",
        "taskId": task_id,
        "payload": payload,
        "messageId": message_id,
    }
    of: dict[str, Any] = {"task_id": task_id, "message_id": message_id}
    delivery_id = f"dead-{message_id}"
    return (
        DeadLettered(at_ms=at_ms, payload=payload, delivery_ids=(delivery_id,), **of),
        DeadLetterLogged(at_ms=at_ms + 5, fields={**usual, **fields}, delivery_id=delivery_id, **of),
    )


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
        CONFIGURATION,
        *(
            QueueDepth(at_ms=at_ms, queue=queue, visible=0, in_flight=0, delayed=0)
            for at_ms in (last - 1000, last)
            for queue in QUEUES
        ),
        RunEnded(at_ms=last + 1, deadline_reached=False),
    ]


def probed(events: list[Event]) -> list[Event]:
    """The events of a run that also handed its first task in again, when it was settled, and sent what is no task."""
    last = the(events, RunEnded).at_ms
    again = {"at_ms": last - 3000, "answered_ms": last - 2990, "probe": "again-when-completed"}
    refused = {"task_id": "no-json", "what": "its body is no JSON", "status_code": 400}
    return [
        *events,
        altered(the(events, TaskSubmitted, where=lambda event: event.accepted), **again),
        InvalidSubmitted(at_ms=last - 2000, answered_ms=last - 1990, **refused),  # type: ignore[arg-type]
    ]


def holds(verdict: Verdict) -> bool:
    """Whether a check found nothing wrong: it passed, nothing was claimed, or it was not exercised and has no other reason to be unknown."""
    hollow = verdict.outcome is Outcome.UNKNOWN and not verdict.exercised
    return verdict.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) or (
        hollow and all(finding.message.startswith("not exercised") for finding in verdict.findings)
    )


def all_hold(verdicts: Iterable[Verdict]) -> bool:
    """Whether the checks found nothing wrong."""
    return all(holds(verdict) for verdict in verdicts)


def judge(check: str, events: Iterable[Event], terms: Terms = EXPECTED) -> Verdict:
    return CHECKS[check](History(events), terms)


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
    number: int, delivered_ms: float, outcome: str, error: str | None, backoff: float | None
) -> RecordedAttempt:
    return RecordedAttempt(
        number=number,
        started_at_ms=delivered_ms + 2,
        outcome=outcome,
        error=error,
        backoff_seconds=backoff,
        finished_at_ms=delivered_ms + 3,
    )


def _changed(
    task_id: str, number: int, status: str, written_at_ms: float, attempt: int = 0, outcome: str | None = None
) -> RecordChanged:
    return RecordChanged(
        at_ms=written_at_ms + 0.5,
        within_ms=0.0,
        task_id=task_id,
        number=number,
        status=status,
        written_at_ms=written_at_ms,
        attempt=attempt,
        outcome=outcome,
    )
