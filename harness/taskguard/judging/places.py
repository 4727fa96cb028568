"""Where to look for what a check found: the setting in the service's template, or the function that was at work.

Settings are called as CloudFormation calls them, below the names that the service's own template has for its parts:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html. A place is told only where what was seen names one. This
module must not know what is right.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskguard.history import (
    AnswerMisread,
    AttemptLogged,
    ConsumerSettings,
    DeadLetterLogged,
    Event,
    History,
    InvocationFailed,
    QueueSettings,
    ReceiveThrottled,
    RecordChanged,
    TaskSubmitted,
)
from taskguard.history.events import DeliveryEvent
from taskguard.history.values import QueueName

REDRIVE = "RedrivePolicy"
RESPONSES = "FunctionResponseTypes"

_TELLING = (AttemptLogged, InvocationFailed, DeadLetterLogged, AnswerMisread, ReceiveThrottled)
"""The events that name their function."""


def of_queue(queue: QueueSettings, *properties: str) -> str:
    """These properties of a queue."""
    return of_resource(queue.logical_id or f"the {queue.queue} queue", *properties)


def of_resource(name: str, *properties: str) -> str:
    """These properties of a part of the template."""
    return f"{' or '.join(properties)} of {name} in the template"


def of_redrive_policy(history: History, allowed: tuple[int, int]) -> str | None:
    """The work queue's redrive policy, where that has another number of receives than is ``allowed``; none where it has not, or was not
    read."""
    settings = history.configuration
    work = next((each for each in settings.queues if each.queue == "work"), None) if settings is not None else None
    if work is None or work.max_receives is None or allowed[0] <= work.max_receives <= allowed[1]:
        return None
    return of_queue(work, f"{REDRIVE}.maxReceiveCount" if work.max_receives else REDRIVE)


def of_mapping(consumer: ConsumerSettings, name: str) -> str:
    """This property of the event source mapping of a consumer."""
    return f"{name} of the event source mapping of {consumer.label or consumer.name} in the template"


def of_batches(history: History) -> str | None:
    """The event source mapping of the work queue by which failed messages cannot be reported one by one; none where there is none, or there
    are several."""
    settings = history.configuration
    consumers = settings.consumers if settings is not None else ()
    found = [each for each in consumers if each.queue == "work" and each.partial_batches is False]
    return of_mapping(found[0], RESPONSES) if len(found) == 1 else None


def of_events(events: Sequence[Event], history: History) -> str | None:
    """The function that was at work in the last of these events that tell of one; none where none does, or that is not certain."""
    for event in reversed(events):
        if isinstance(event, _TELLING) and event.function is not None:
            return f"the function {event.function}"
        if isinstance(event, DeliveryEvent):
            return of_consumer("work", history)
        if isinstance(event, RecordChanged) and _was_at_work(event, history):
            return of_consumer("work", history)
    return None


def of_consumer(queue: QueueName, history: History) -> str | None:
    """The function that consumes the queue; none where several do, or none is known."""
    settings = history.configuration
    names = (
        {each.label or each.name for each in settings.consumers if each.queue == queue}
        if settings is not None
        else set[str]()
    )
    return f"the function {names.pop()}" if len(names) == 1 else None


def _was_at_work(change: RecordChanged, history: History) -> bool:
    """Whether a consumer was at work on the task when its record was changed, and nobody was handing it in."""
    until_ms = change.at_ms + change.within_ms
    if any(
        each.at_ms <= until_ms and each.answered_ms >= change.at_ms
        for each in history.of_task(change.task_id, TaskSubmitted)
    ):
        return False
    ended = ((attempt, attempt.succeeded or attempt.failed) for attempt in history.attempts_of(change.task_id))
    return any(
        attempt.delivered is not None
        and end is not None
        and attempt.delivered.at_ms <= change.at_ms
        and until_ms <= end.at_ms
        for attempt, end in ended
    )
