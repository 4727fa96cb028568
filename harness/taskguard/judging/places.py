"""Where to look for what a check found: the setting in the service's template, or the function that was at work.

Settings are called as CloudFormation calls them, below the names that the service's own template has for its parts:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html. A place is told only where what was seen names one, and
its line only where the manifest has it. This module must not know what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

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


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """What to look at, in ``words``; in the service's template where it is a ``setting``. There it stands below the first of its ``names`` that has
    a line, ``at`` which it is then (`serverless.yml:42`)."""

    words: str
    names: tuple[str, ...] = ()
    setting: bool = True
    at: str | None = None

    def __str__(self) -> str:
        if self.at is not None:
            return f"{self.words}, {self.at}"
        return f"{self.words} in the template" if self.setting else self.words

    def in_lines(self, lines: Mapping[str, str]) -> Place:
        """The same with its line, where ``lines`` has one for one of its names."""
        return replace(self, at=next((lines[name] for name in self.names if name in lines), None))


def of_queue(queue: QueueSettings, *properties: str) -> Place:
    """These properties of a queue."""
    return of_resource(queue.logical_id or f"the {queue.queue} queue", *properties)


def of_resource(name: str, *properties: str) -> Place:
    """These properties of a part of the template."""
    return Place(words=f"{' or '.join(properties)} of {name}", names=_names(name, *properties))


def of_function(name: str) -> Place:
    """The function with this name."""
    return Place(words=f"the function {name}", names=(name,), setting=False)


def of_redrive_policy(history: History, allowed: tuple[int, int]) -> Place | None:
    """The work queue's redrive policy, where that has another number of receives than is ``allowed``; none where it has not, or was not
    read."""
    settings = history.configuration
    work = next((each for each in settings.queues if each.queue == "work"), None) if settings is not None else None
    if work is None or work.max_receives is None or allowed[0] <= work.max_receives <= allowed[1]:
        return None
    return of_queue(work, f"{REDRIVE}.maxReceiveCount" if work.max_receives else REDRIVE)


def of_mapping(consumer: ConsumerSettings, name: str) -> Place:
    """This property of the event source mapping of a consumer."""
    function = consumer.label or consumer.name
    return Place(words=f"{name} of the event source mapping of {function}", names=_names(function, name))


def of_batches(history: History) -> Place | None:
    """The event source mapping of the work queue by which failed messages cannot be reported one by one; none where there is none, or there
    are several."""
    settings = history.configuration
    consumers = settings.consumers if settings is not None else ()
    found = [each for each in consumers if each.queue == "work" and each.partial_batches is False]
    return of_mapping(found[0], RESPONSES) if len(found) == 1 else None


def of_events(events: Sequence[Event], history: History) -> Place | None:
    """The function that was at work in the last of these events that tell of one; none where none does, or that is not certain."""
    for event in reversed(events):
        if isinstance(event, _TELLING) and event.function is not None:
            return of_function(event.function)
        if isinstance(event, DeliveryEvent):
            return of_consumer("work", history)
        if isinstance(event, RecordChanged) and _was_at_work(event, history):
            return of_consumer("work", history)
    return None


def of_consumer(queue: QueueName, history: History) -> Place | None:
    """The function that consumes the queue; none where several do, or none is known."""
    settings = history.configuration
    names = (
        {each.label or each.name for each in settings.consumers if each.queue == queue}
        if settings is not None
        else set[str]()
    )
    return of_function(names.pop()) if len(names) == 1 else None


def _names(part: str, *properties: str) -> tuple[str, ...]:
    """The properties of a part of the template, each of which stands below those that have its first words; and the part."""
    whole = [f"{part}.{each}" for each in properties]
    return (*whole, *(each.rpartition(".")[0] for each in whole if each.count(".") > part.count(".") + 1), part)


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
