"""What is set on purpose and makes messages go, wait or come otherwise: filters, delays, retention, batching windows, limits, FIFO.

None of it is a fault by itself. It is told, and named where a task is missed that it explains. This module must not know any property.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Attempt, Called, ConfigurationObserved, ConsumerSettings, History, TaskSubmitted
from taskguard.history.values import QueueName
from taskguard.history.wording import long_time, seconds
from taskguard.judging.once import once

_USUAL_RETENTION_SECONDS = 345_600.0
"""Four days, where nothing is said:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""

_LONGEST_FILTER = 200
_SENDING, _SENDS = ("events", "sns", "sqs"), ("Put", "Publish", "Send")
"""The services and the operations by which work is handed on."""


def in_words(settings: ConfigurationObserved) -> Iterator[str]:
    """Each such setting as a clause."""
    for queue in settings.queues:
        if queue.fifo:
            yield f"the {queue.queue} queue is a FIFO queue"
        if queue.delay_seconds:
            yield f"the {queue.queue} queue delays each message by {seconds(queue.delay_seconds)}"
        if queue.retention_seconds not in (None, _USUAL_RETENTION_SECONDS):
            yield f"the {queue.queue} queue keeps a message for {long_time(queue.retention_seconds or 0.0)}"
    for consumer in settings.consumers:
        what = f"the consumer of the {consumer.queue} queue"
        if consumer.window_seconds:
            size = f" of up to {consumer.batch_size}" if consumer.batch_size else ""
            yield f"{what} gathers batches{size} for {seconds(consumer.window_seconds)}"
        if consumer.filters:
            yield f"{what} is handed only what matches {_patterns(consumer)}"
        if consumer.most_at_once is not None:
            yield f"{what} has at most {consumer.most_at_once} batches at once"
        if consumer.reserved is not None:
            yield f"{what} has a reserved concurrency of {consumer.reserved}"


@once
def gathered_seconds(history: History, queue: QueueName) -> float:
    """For how long a message of this queue may be gathered for a batch, before it is handed over."""
    return max((each.window_seconds or 0.0 for each in _consumers(history, queue)), default=0.0)


def dropped(history: History, queue: QueueName) -> str:
    """That a filter drops messages of this queue, as a clause to follow on what did not come; empty where there is none."""
    filtered = [each for each in _consumers(history, queue) if each.filters]
    return "".join(
        f"; the event filter {_patterns(each)} of {each.name} deletes what it does not match" for each in filtered
    )


def never_came(history: History, task_id: str) -> str:
    """What is set that explains why a task did not come, or not again, as such a clause; empty where nothing does."""
    if lost := _lost(history, task_id):
        return lost
    if not history.attempts_of(task_id) and (filtered := dropped(history, "work")):
        return f"{filtered}, and the task never reached it"
    if any(attempt.failed for attempt in history.attempts_of(task_id)) and (
        filtered := dropped(history, "dead-letter")
    ):
        return filtered
    settings = history.configuration
    kept = (
        next((each.retention_seconds for each in settings.queues if each.queue == "work"), None) if settings else None
    )
    submitted = history.of_task(task_id, TaskSubmitted)
    if kept is None or history.end is None or not submitted:
        return ""
    if history.end.at_ms < submitted[-1].at_ms + kept * 1000:
        return ""
    return f"; its queue deletes a message {seconds(kept)} after it was sent, however often it was received"


def _lost(history: History, task_id: str) -> str:
    """That the task was not sent at all or, at its last attempt, not again."""
    attempts = history.attempts_of(task_id)
    if not attempts:
        return _refused(history, task_id) or _not_sent(history, task_id)
    if attempts[-1].resends and attempts[-1].sent_again is None:
        return _refused(history, task_id) or _dropped_again(attempts[-1])
    return ""


def _sends(history: History, task_id: str) -> list[Called]:
    """The calls by which the task was to be sent on, in the order in which they were made."""
    return [
        each
        for each in history.calls.get(task_id, ())
        if each.service in _SENDING and each.operation.startswith(_SENDS) and not each.guessed
    ]


def _refused(history: History, task_id: str) -> str:
    """That the last message or event that was sent of the task was refused."""
    sends = _sends(history, task_id)
    if not sends or sends[-1].took_effect or sends[-1].error is None:
        return ""
    return f"; {sends[-1].function} called {sends[-1].what}, which was refused ({sends[-1].error})"


def _dropped_again(attempt: Attempt) -> str:
    """That the queue took the new message for one that it had been sent before."""
    if not any(each.accepted and each.new_message_id is None for each in attempt.resends):
        return ""
    return (
        "; the queue took the message that was sent in its place for one that it had been sent before, and dropped it: give each "
        "retry a deduplication id of its own"
    )


def _not_sent(history: History, task_id: str) -> str:
    """That rules send to the work queue only what they match, where nothing was sent to it of the task."""
    settings = history.configuration
    rules = [rule for each in settings.queues if each.queue == "work" for rule in each.rules] if settings else []
    if not rules or any(each.service == "sqs" for each in _sends(history, task_id)):
        return ""
    told = " and ".join(
        f"the rule {each.name} sends to the queue only what matches {_short(each.pattern)}"
        if each.enabled
        else f"the rule {each.name} is disabled"
        for each in rules
    )
    return f"; {told}, and the task never reached it"


def _consumers(history: History, queue: QueueName) -> list[ConsumerSettings]:
    settings = history.configuration
    return [each for each in settings.consumers if each.queue == queue] if settings is not None else []


def _patterns(consumer: ConsumerSettings) -> str:
    return _short(" or ".join(consumer.filters))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_FILTER else f"{text[: _LONGEST_FILTER - 3]}..."
