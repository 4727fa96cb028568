"""What no pipeline can bring about, and only evidence that is wrong can tell: then nothing of a run can be judged.

Two clocks that are further apart than the target's tolerance, a clock that was set during the run, or a file that was edited. What a
pipeline may bring about itself, such as a time that it wrote down, is for the checks to tell. This module must not know what is
right of a pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    ConsumersOff,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    HeldUp,
    History,
    ReceiveThrottled,
    Resent,
    TaskSubmitted,
)
from taskguard.history.wording import named, seconds
from taskguard.judging.verdict import Doubt

_OF_MESSAGES = frozenset({Delivered, AttemptSucceeded, AttemptFailed, BackoffRequested, Resent, DeadLettered})


def contradictions(history: History, terms: Terms) -> Iterator[Doubt]:
    """Yield what contradicts itself in a history: messages before their task was submitted, the outcome of a delivery before the
    delivery, ends before beginnings, and an acceptance by an answer that accepts nothing."""
    tolerance_ms = terms.tolerances.clock_ms
    yield from _before_submission(history, tolerance_ms)
    yield from _before_delivery(history, tolerance_ms)
    yield from _ended_before_begun(history, tolerance_ms)
    for submitted in history.of_kind(TaskSubmitted):
        if submitted.accepted and not terms.dialect.ingress.takes(submitted.status_code):
            message = (
                f"task {submitted.task_id} is told to be accepted, by HTTP {submitted.status_code}, which accepts none"
            )
            yield Doubt(submitted.task_id, message, (submitted,))


def _before_submission(history: History, tolerance_ms: float) -> Iterator[Doubt]:
    for task_id in history.task_ids:
        events = history.of_task(task_id)
        if type(events[0]) is TaskSubmitted:
            continue
        submissions = history.of_task(task_id, TaskSubmitted)
        first = next((event for event in events if type(event) in _OF_MESSAGES), None)
        if submissions and first is not None and submissions[0].at_ms - first.at_ms > tolerance_ms:
            early = seconds((submissions[0].at_ms - first.at_ms) / 1000)
            yield Doubt(
                task_id, f"task {task_id} was in a message {early} before it was submitted", (first, submissions[0])
            )


def _before_delivery(history: History, tolerance_ms: float) -> Iterator[Doubt]:
    for chain in history.chains:
        for attempt in chain.attempts:
            delivered = attempt.delivered
            if delivered is not None and delivered.at_ms - attempt.at_ms > tolerance_ms:
                first = min(attempt.events, key=lambda event: event.at_ms)
                early = seconds((delivered.at_ms - first.at_ms) / 1000)
                what = named(attempt.task_id, attempt.message_id)
                message = f"{what}: something of attempt {attempt.number} was seen {early} before its delivery"
                yield Doubt(attempt.task_id, message, (first, delivered))


def _ended_before_begun(history: History, tolerance_ms: float) -> Iterator[Doubt]:
    found: list[tuple[Event, float]] = []
    for kind, end in _ENDS.items():
        for event in history.of_kind(kind):
            end_ms = end(event)
            if end_ms is not None and event.at_ms - end_ms > tolerance_ms:
                found.append((event, event.at_ms - end_ms))
    for event, back_ms in sorted(found, key=lambda each: history.position(each[0])):
        what = type(event).__name__
        yield Doubt(None, f"what {what} tells of ended {seconds(back_ms / 1000)} before it began", (event,))


_ENDS: Mapping[type[Event], Callable[[Event], float | None]] = {
    **dict.fromkeys((TaskSubmitted, BackoffRequested, Resent), attrgetter("answered_ms")),
    **dict.fromkeys((HeldUp, ConsumersOff, ReceiveThrottled, FaultInjected), attrgetter("until_ms")),
}
"""When what each of these kinds tells of had ended; none where it had no end."""
