"""From a recording to deliveries, their outcomes, backoffs and dead letters.

Whether an attempt failed is read from what the consumer answered to Lambda, by Lambda's rules for SQS batches
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html), not from what it logged or stored. Queues
are told apart by their ARNs, so that no function's name matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Recording
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
)
from taskguard.history.events import QueueName
from taskguard.service.stack import Stack

SOURCE = "flight recorder"
FROM_RECORDER = ("Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested", "DeadLettered")
"""The kinds of event that only the recorder can tell of."""


def events_of(
    recording: Recording,
    stack: Stack,
    names: MessageWords,
    *,
    partial_batches: Mapping[str, bool | None] | None = None,
    only: frozenset[str] | None = None,
    source: str = SOURCE,
) -> list[Event]:
    """What the recording tells of ``stack``'s queues, or ``only`` of these tasks and messages, in no particular order.

    ``partial_batches`` is, by function, whether its event source mapping of the work queue heeds a list of failed messages; where
    it does not, Lambda takes any answer for the success of the whole batch. Of a function that is not there, or has none, that
    is not known; without any, all do. ``source`` is who made the recording.
    """
    events: list[Event] = []
    deliveries = _ByReceipt()
    dead: set[str] = set()
    queues = {queue.arn for queue in stack.queues.values()}
    # A dead letter is told of at its first delivery, in whatever order they were recorded.
    for invocation in sorted(recording.invocations.values(), key=lambda each: each.started_at_ms):
        messages = [message for message in _messages(invocation, names, only) if message.queue_arn in queues]
        if messages and invocation.ended_at_ms is None:
            events.append(_endless(invocation, stack, source))
        for message in messages:
            if message.queue_arn == stack.work_queue.arn:
                delivered = _delivered(invocation, message, names)
                deliveries.add(message.receipt_handle, delivered)
                events.append(delivered)
                heeds = True if partial_batches is None else partial_batches.get(invocation.function)
                events.extend(_outcome(invocation, delivered, heeds, source))
            elif message.message_id not in dead:
                dead.add(message.message_id)
                events.append(_dead_lettered(invocation, message, names))
    for call in recording.calls:
        if call.service == "sqs" and call.operation.startswith("ChangeMessageVisibility"):
            events.extend(_backoffs(call, stack, deliveries, source))
    events.extend(_held_up(recording, stack))
    events.extend(_faults(recording, stack))
    events.extend(_damage(recording, source))
    return events


class _ByReceipt:
    """Deliveries by receipt handle, which two of them share when one message was handed to two invocations at once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Delivered]] = {}

    def add(self, receipt: str, delivered: Delivered) -> None:
        self._found.setdefault(receipt, {})[delivered.delivery_id] = delivered

    def find(self, receipt: str, request_id: str | None) -> Delivered | None:
        """The one that the invocation had, or else the last: whoever uses a receipt handle speaks of its delivery."""
        sharing = self._found.get(receipt, {})
        return sharing.get(request_id or "") or next(reversed(sharing.values()), None)


def handled_dead_letters(
    recording: Recording, stack: Stack, names: MessageWords, only: frozenset[str] | None = None
) -> list[str]:
    """The request ids of the ended invocations that were handed dead letters (``only`` of these tasks or messages)."""
    return [
        invocation.request_id
        for invocation in recording.invocations.values()
        if invocation.ended_at_ms is not None
        and any(stack.is_dead_letter_queue(message.queue_arn) for message in _messages(invocation, names, only))
    ]


def tasks_of(invocation: Invocation, names: MessageWords) -> frozenset[str]:
    """The ids of the tasks that an invocation was handed: in its messages or, of a request to the API, in its body or its path."""
    found: list[object] = [names.read(message.body)[0] for message in invocation.messages]
    if not found:
        try:
            request = json.loads(invocation.payload)
            found = [names.read(request.get("body") or "")[0], (request.get("pathParameters") or {}).get(names.id)]
        except (ValueError, AttributeError, RecursionError):
            pass
    return frozenset(each for each in found if isinstance(each, str))


def _messages(invocation: Invocation, names: MessageWords, only: frozenset[str] | None) -> Iterator[Message]:
    for message in invocation.messages:
        if only is None or message.message_id in only or names.read(message.body)[0] in only:
            yield message


def _delivered(invocation: Invocation, message: Message, names: MessageWords) -> Delivered:
    task_id, payload = names.read(message.body)
    return Delivered(
        at_ms=invocation.started_at_ms,
        task_id=task_id,
        message_id=message.message_id,
        receive_count=message.receive_count,
        delivery_id=invocation.request_id,
        payload=payload,
    )


def _dead_lettered(invocation: Invocation, message: Message, names: MessageWords) -> DeadLettered:
    task_id, payload = names.read(message.body)
    return DeadLettered(at_ms=invocation.started_at_ms, task_id=task_id, message_id=message.message_id, payload=payload)


def _outcome(invocation: Invocation, delivered: Delivered, heeds: bool | None, source: str) -> Iterator[Event]:
    if invocation.ended_at_ms is None:
        return
    reason = failure_reason(invocation, delivered.message_id)
    if reason is not None and not invocation.is_error:
        if heeds is None:
            yield _not_known_to_be_heeded(invocation, delivered, source)
            return
        reason = reason if heeds else None
    of_attempt: dict[str, Any] = {
        "at_ms": invocation.ended_at_ms,
        "task_id": delivered.task_id,
        "message_id": delivered.message_id,
        "receive_count": delivered.receive_count,
        "delivery_id": delivered.delivery_id,
    }
    yield AttemptSucceeded(**of_attempt) if reason is None else AttemptFailed(**of_attempt, reason=reason)


def _not_known_to_be_heeded(invocation: Invocation, delivered: Delivered, source: str) -> EvidenceMissing:
    return EvidenceMissing(
        at_ms=delivered.at_ms,
        source=source,
        what=f"whether {invocation.function} was invoked for a list of failed messages, when it reported message "
        f"{delivered.message_id} as failed: its event source mappings differ, or there is none",
        affects=("AttemptSucceeded", "AttemptFailed"),
    )


def failure_reason(invocation: Invocation, message_id: str) -> str | None:
    """Why this message of an ended invocation counts as failed; none when it succeeded.

    No answer and an empty list are a success of the whole batch; an error, an unreadable list, and an identifier that
    is empty or not of the batch are a failure of the whole batch.
    """
    if invocation.is_error:
        return f"the function failed: {_shorten(invocation.response or '')}"
    try:
        answer = json.loads(invocation.response or "null")
    except (ValueError, RecursionError):
        return "the function's answer is not JSON, which fails the batch"
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return None
    batch = {message.message_id for message in invocation.messages}
    try:
        failed = [failure["itemIdentifier"] for failure in failures]
    except (TypeError, KeyError):
        return "the function's list of failed messages cannot be read, which fails the batch"
    if any(not isinstance(identifier, str) or identifier not in batch for identifier in failed):
        return "the function named a failed message that was not in its batch, which fails the batch"
    return "the function reported this message as failed" if message_id in failed else None


def _backoffs(
    call: Call, stack: Stack, deliveries: _ByReceipt, source: str
) -> Iterator[BackoffRequested | EvidenceMissing]:
    if call.parameters.get("QueueUrl", "").rsplit("/", 1)[-1] != stack.work_queue.name:
        return
    for entry in call.parameters.get("Entries") or [call.parameters]:
        delivered = deliveries.find(entry.get("ReceiptHandle", ""), call.request_id)
        delay = entry.get("VisibilityTimeout")
        if delivered is None or delay is None:
            continue
        if not call.status:
            what = f"whether the queue put off message {delivered.message_id} as it was asked to ({call.error_code})"
            yield EvidenceMissing(at_ms=call.ended_at_ms, source=source, what=what, affects=("BackoffRequested",))
            continue
        yield BackoffRequested(
            at_ms=call.started_at_ms,
            answered_ms=call.ended_at_ms,
            task_id=delivered.task_id,
            message_id=delivered.message_id,
            receive_count=delivered.receive_count,
            delivery_id=delivered.delivery_id,
            delay_seconds=float(delay),
            accepted=call.error_code is None and call.status < 400 and entry.get("Id") not in call.refused_entries,
        )


def _endless(invocation: Invocation, stack: Stack, source: str) -> EvidenceMissing:
    affects: tuple[str, ...] = ("AttemptSucceeded", "AttemptFailed")
    if any(stack.is_dead_letter_queue(message.queue_arn) for message in invocation.messages):
        # What it will log is not there either.
        affects += ("DeadLetterLogged",)
    return EvidenceMissing(
        at_ms=invocation.started_at_ms,
        source=source,
        what=f"how invocation {invocation.request_id} of {invocation.function} ended",
        affects=affects,
    )


def _held_up(recording: Recording, stack: Stack) -> Iterator[HeldUp]:
    queues: dict[str | None, QueueName | None] = {None: None}
    queues |= {queue.arn: name for name, queue in stack.queues.items()}
    for stall in recording.stalls:
        if stall.queue_arn in queues:
            queue = queues[stall.queue_arn]
            yield HeldUp(at_ms=stall.started_at_ms, until_ms=stall.ended_at_ms, queue=queue)


def _faults(recording: Recording, stack: Stack) -> Iterator[FaultInjected]:
    for injected in recording.injections:
        if injected.stack == stack.work_queue.arn:
            yield FaultInjected(
                at_ms=injected.started_at_ms,
                until_ms=injected.ended_at_ms,
                kind=injected.kind,
                when=injected.when,
                fault=injected.fault,
                function=injected.function,
                call=injected.call,
                number=injected.number,
                task_ids=injected.task_ids,
                receive_count=injected.receive_count,
                delivery_id=injected.request_id,
            )


def _damage(recording: Recording, source: str) -> Iterator[EvidenceMissing]:
    at_ms = max((i.started_at_ms for i in recording.invocations.values()), default=0.0)
    for damage in recording.damage:
        yield EvidenceMissing(at_ms=at_ms, source=source, what=damage, affects=FROM_RECORDER)


def _shorten(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
