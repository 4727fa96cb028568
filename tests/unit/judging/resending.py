"""Builds what a consumer does that retries by a new message: it sends the task again with a delay, and acknowledges the one before;
and by what it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from taskguard.contract.contract import Attempts, Contract
from taskguard.contract.dialect import Dialect, MessageWords
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    Event,
    Resent,
    Sender,
    TaskSubmitted,
)
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.json_values import Json

from tests.terms import our_terms
from tests.unit.judging.building import START_MS, ending

WHY = "the function sent its task to the queue again, in a new message"


def life_of(
    task_id: str,
    delays: Sequence[float | None],
    *,
    dies: bool = False,
    at_ms: float = START_MS,
    asked: Sequence[float | None] | None = None,
) -> list[Event]:
    """All events of a task that fails once for each of the ``delays``, after which it comes back as a new message; then it succeeds or,
    where it ``dies``, is sent to the dead-letter queue. ``asked`` are the delays that were asked for, if not those."""
    payload: Json = {"of": task_id}
    events: list[Event] = [
        TaskSubmitted(
            at_ms=at_ms, answered_ms=at_ms + 20, task_id=task_id, payload=payload, accepted=True, status_code=202
        )
    ]
    now = at_ms + 30
    for number, delay in enumerate(delays, 1):
        of = whose(task_id, number)
        events += [
            Delivered(at_ms=now, payload=payload, **of),
            Resent(
                at_ms=now + 4,
                answered_ms=now + 6,
                queue="work",
                new_message_id=f"{task_id}-{number + 1}",
                delay_seconds=delay if asked is None else asked[number - 1],
                accepted=True,
                **of,
            ),
            AttemptFailed(at_ms=now + 9, reason=WHY, **of),
        ]
        now += 6 + 1000 * (delay or 0.0) + 50
    of = whose(task_id, len(delays) + 1)
    events.append(Delivered(at_ms=now, payload=payload, **of))
    if not dies:
        return [*events, AttemptSucceeded(at_ms=now + 9, **of)]
    by = Sender(function="work", delivery_id=of["delivery_id"], message_id=of["message_id"], receive_count=1)
    return [
        *events,
        AttemptFailed(at_ms=now + 9, reason="the function sent this message to the dead-letter queue itself", **of),
        DeadLettered(at_ms=now + 12, task_id=task_id, message_id=f"{task_id}-dead", payload=payload, sent_by=by),
    ]


def whose(task_id: str, number: int) -> dict[str, Any]:
    """The message of a task's attempt, received for the first time."""
    return {
        "task_id": task_id,
        "message_id": f"{task_id}-{number}",
        "receive_count": 1,
        "delivery_id": f"delivery-of-{task_id}-{number}",
    }


GROWING = Waiting(first=4.0, grows=2.0, last="free")
SPOKEN_OF = ("settlement", "effect", "backoff", "partial_batches", "redrive", "configuration")
THREE = Attempts(most=3)


def terms(*, attempts: Attempts = THREE, waiting: Waiting = GROWING) -> Terms:
    """Those of a contract that asks for nothing but this."""
    ours = our_terms()
    return replace(
        ours,
        contract=Contract(attempts=attempts, waiting=waiting),
        dialect=Dialect(message=MessageWords(id="taskId", payload="payload")),
    )


def run(*lives: list[Event]) -> list[Event]:
    """A run of these tasks, and of some that succeed at once."""
    others = [event for number in range(3) for event in life_of(f"at-once-{number}", [])]
    events = [*others, *(event for life in lives for event in life)]
    return [*events, *ending(events)]


def said(verdict: Verdict) -> list[str]:
    """What a check found that fails."""
    assert verdict.outcome is Outcome.FAIL
    return [finding.message for finding in verdict.findings]


RIGHT = run(life_of("once", [4.0]), life_of("twice", [4.0, 8.0]), life_of("dead", [4.0, 8.0], dies=True))


def is_of(event: Event, message_id: str) -> bool:
    """Whether an event is of this message."""
    return getattr(event, "message_id", None) == message_id
