"""From a recording to deliveries, their outcomes, backoffs and dead letters.

Whether an attempt failed is read from what the consumer answered to Lambda, by Lambda's rules for SQS batches
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html), not from what it logged or stored. Queues
are told apart by their ARNs, so that no function's name matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

from taskguard.contract.dialect import MessageWords
from taskguard.contract.ids import id_in
from taskguard.evidence.recorder.answers import failure_reason, misreading
from taskguard.evidence.recorder.beside import Followed, followed, not_followed
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Moved, Recording, Throttled
from taskguard.evidence.recorder.schedules import not_run, scheduled
from taskguard.evidence.recorder.sends import sends_of_consumers
from taskguard.evidence.recorder.sent import Sent, put_back, resent, sent_dead_letters
from taskguard.history import (
    AnswerMisread,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    EvidenceMissing,
    HeldUp,
    ReceiveThrottled,
    Resent,
)
from taskguard.history.values import QueueName
from taskguard.service.stack import Stack

SOURCE = "flight recorder"
FROM_RECORDER = ("Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested", "Resent", "DeadLettered")
"""The kinds of event that only the recorder can tell of."""

_OF_OUTCOMES = ("AttemptSucceeded", "AttemptFailed")

_SENT_TO_DEAD = "the function sent this message to the dead-letter queue itself"
_SENT_AGAIN = "the function sent its task to the queue again, in a new message"
_SENT_ELSEWHERE = "the function sent its task to the queue {}, to be tried again"
_KEPT = "the function gave its task up to the queue {}, which nobody reads"
_REFUSED = "the function wanted to send its task to the queue again, which refused it"

_ByReceipt: TypeAlias = dict[tuple[str, str | None], Delivered]
"""Deliveries by receipt handle and invocation, and the last one of a handle by none: two invocations share a handle when one message
was handed to both at once."""


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
    deliveries: _ByReceipt = {}
    dead: set[str] = set()
    handed = _handed_dead_letters(recording, stack)
    sends = sends_of_consumers(recording, stack)
    beside = followed(recording, stack, sends, names)
    sent = sent_dead_letters(sends, stack, beside, names)
    again = [*resent(recording, sends, stack, beside, names, only, source)]
    given_up, put_off = _given_up(again, sent), scheduled(recording, stack, beside, names)
    untold = beside.put_off.keys() | {each.key for each in put_off}
    # A dead letter is told of at its first delivery, in whatever order they were recorded.
    for invocation in sorted(recording.invocations.values(), key=lambda each: each.started_at_ms):
        messages = [
            message
            for message in invocation.messages
            if message.queue_arn in beside.attempts or stack.is_dead_letter_queue(message.queue_arn)
            if _is_wanted(message, names, only)
        ]
        if messages and invocation.ended_at_ms is None:
            events.append(_endless(invocation, stack, names, source))
        for message in messages:
            if message.queue_arn in beside.attempts:
                delivered = _delivered(invocation, message, stack, beside, names)
                deliveries[message.receipt_handle, invocation.request_id] = delivered
                deliveries[message.receipt_handle, None] = delivered
                events.append(delivered)
                key = (invocation.request_id, message.message_id)
                if key not in untold:
                    heeds = _heeds(invocation, message.queue_arn, stack, beside, partial_batches)
                    events.extend(
                        _failed_if(given_up.get(key), each) for each in _outcome(invocation, delivered, heeds, source)
                    )
            elif message.message_id not in dead:
                dead.add(message.message_id)
                found, by = handed[message.message_id], sent.get(message.message_id)
                events.append(_dead_lettered(invocation.started_at_ms, message, names, by, found))
        events.extend(_misread(invocation, messages, stack, beside, names, partial_batches))
    events.extend(_unconsumed(recording, stack, beside, names, only, sent, dead))
    events.extend(_throttled(recording, stack, beside, names, only))
    events.extend(each for call in recording.calls for each in _backoffs(call, beside, deliveries, source))
    events.extend([*again, *put_back(sends, stack, beside, names, only)])
    events.extend([*not_followed(beside, recording, source), *not_run(put_off, only, source)])
    events.extend(_held_up(recording, stack, beside))
    events.extend(each.event for each in recording.injections if each.stack == stack.work_queue.arn)
    at_ms = max((each.started_at_ms for each in recording.invocations.values()), default=0.0)
    events.extend(_missing(what, FROM_RECORDER, at_ms, source) for what in recording.damage)
    return events


def handled_dead_letters(
    recording: Recording, stack: Stack, names: MessageWords, only: frozenset[str] | None = None
) -> list[str]:
    """The request ids of the ended invocations that were handed dead letters (``only`` of these tasks or messages)."""
    return [
        invocation.request_id
        for invocation in recording.invocations.values()
        if invocation.ended_at_ms is not None
        and any(
            stack.is_dead_letter_queue(message.queue_arn) and _is_wanted(message, names, only)
            for message in invocation.messages
        )
    ]


def tasks_of(invocation: Invocation, names: MessageWords) -> frozenset[str]:
    """The ids of the tasks that an invocation was handed: in its messages or, of a request to the API, in its body or its path."""
    if not invocation.messages:
        return _tasks_of_request(invocation.payload, names)
    found = {names.id_of(message.body) for message in invocation.messages}
    return frozenset(each for each in found if each is not None)


@lru_cache(maxsize=1_024)
def _tasks_of_request(payload: str, names: MessageWords) -> frozenset[str]:
    try:
        request = json.loads(payload)
        found = [names.read(request.get("body") or "")[0], id_in(request.get("pathParameters"), names.id)]
    except (ValueError, AttributeError, RecursionError):
        return frozenset()
    return frozenset(each for each in found if each is not None)


def _is_wanted(message: Message | Moved | Throttled, names: MessageWords, only: frozenset[str] | None) -> bool:
    return only is None or message.message_id in only or names.id_of(message.body) in only


def _heeds(
    invocation: Invocation,
    arn: str,
    stack: Stack,
    beside: Followed,
    partial_batches: Mapping[str, bool | None] | None,
) -> bool | None:
    """Whether the invocation's event source mapping of this queue heeds a list of failed messages; none where that is not known."""
    if arn != stack.work_queue.arn:
        return invocation.function in beside.attempts[arn].reporting
    return True if partial_batches is None else partial_batches.get(invocation.function)


def _delivered(
    invocation: Invocation, message: Message, stack: Stack, beside: Followed, names: MessageWords
) -> Delivered:
    task_id, payload = names.read(message.body)
    queue = beside.name(message.queue_arn, stack)
    return Delivered(
        at_ms=invocation.started_at_ms,
        task_id=task_id,
        message_id=message.message_id,
        receive_count=message.receive_count,
        delivery_id=invocation.request_id,
        payload=payload,
        environment=invocation.environment,
        group=message.group,
        sequence=message.sequence,
        queue=queue,
        hidden_seconds=beside.attempts[message.queue_arn].hidden_seconds if queue is not None else None,
    )


def _handed_dead_letters(recording: Recording, stack: Stack) -> Mapping[str, Sequence[str]]:
    """The invocations that were handed each dead letter, by its message."""
    found: dict[str, list[str]] = {}
    for invocation in recording.invocations.values():
        for message in invocation.messages:
            if stack.is_dead_letter_queue(message.queue_arn):
                found.setdefault(message.message_id, []).append(invocation.request_id)
    return found


def _dead_lettered(
    at_ms: float,
    message: Message | Moved | Sent,
    names: MessageWords,
    sent: Sent | None,
    delivery_ids: Sequence[str] = (),
    queue: str | None = None,
) -> DeadLettered:
    task_id, payload = names.read(message.body)
    if task_id is None and sent is not None and sent.source is not None:
        # An envelope, or a body that was too long to be recorded: it is of the task that it was sent for.
        task_id, payload = names.read(sent.source.body)
    return DeadLettered(
        at_ms=at_ms,
        task_id=task_id,
        message_id=message.message_id,
        payload=payload,
        sent_by=sent.by if sent is not None else None,
        delivery_ids=tuple(delivery_ids),
        queue=sent.kept_in if sent is not None else queue,
    )


def _unconsumed(
    recording: Recording,
    stack: Stack,
    beside: Followed,
    names: MessageWords,
    only: frozenset[str] | None,
    sent: Mapping[str, Sent],
    consumed: Set[str],
) -> Iterator[DeadLettered]:
    """The dead letters that nobody consumes, or has not yet: only the queue itself, and who sent them, tell of these."""
    dead = set(consumed)
    retried = {
        message.message_id
        for invocation in recording.invocations.values()
        for message in invocation.messages
        if message.queue_arn in beside.attempts and message.queue_arn != stack.work_queue.arn
    }
    for moved in recording.moved:
        is_dead = stack.is_dead_letter_queue(moved.queue_arn)
        # A queue for retries may have a dead-letter queue of its own.
        if (is_dead or moved.message_id in retried) and moved.message_id not in dead and _is_wanted(moved, names, only):
            dead.add(moved.message_id)
            queue = None if is_dead else moved.queue_arn.rpartition(":")[2]
            yield _dead_lettered(moved.at_ms, moved, names, None, queue=queue)
    for each in sent.values():
        if each.message_id not in dead and (each.source is None or _is_wanted(each.source, names, only)):
            yield _dead_lettered(each.at_ms, each, names, each)


def _throttled(
    recording: Recording, stack: Stack, beside: Followed, names: MessageWords, only: frozenset[str] | None
) -> Iterator[ReceiveThrottled]:
    queues = _names_of(stack, beside)
    labels = {function.name: function.label for function in stack.functions}
    for each in recording.throttled:
        if each.queue_arn in queues and _is_wanted(each, names, only):
            yield ReceiveThrottled(
                at_ms=each.started_at_ms,
                until_ms=each.ended_at_ms,
                queue=queues[each.queue_arn],
                function=labels.get(each.function, each.function),
                task_id=names.id_of(each.body),
                message_id=each.message_id,
                receive_count=each.receive_count,
            )


def _misread(
    invocation: Invocation,
    messages: list[Message],
    stack: Stack,
    beside: Followed,
    names: MessageWords,
    partial_batches: Mapping[str, bool | None] | None,
) -> Iterator[AnswerMisread]:
    """That the answer to a batch of tasks was read otherwise than it was meant."""
    if not messages or messages[0].queue_arn not in beside.attempts or invocation.ended_at_ms is None:
        return
    heeds = _heeds(invocation, messages[0].queue_arn, stack, beside, partial_batches)
    if heeds is None:
        return
    if (found := misreading(invocation, heeds=heeds)) is not None:
        labels = {function.name: function.label for function in stack.functions}
        meant = [message for message in messages if message.message_id in found.message_ids]
        tasks = {names.id_of(message.body) for message in meant}
        yield AnswerMisread(
            at_ms=invocation.ended_at_ms,
            function=labels.get(invocation.function, invocation.function),
            delivery_id=invocation.request_id,
            what=found.what,
            fails_all=found.fails_all,
            message_ids=tuple(message.message_id for message in meant),
            task_ids=tuple(sorted(task_id for task_id in tasks if task_id is not None)),
        )


def _failed_if(reason: str | None, outcome: Event) -> Event:
    """The outcome of an attempt: one whose message its consumer sent on itself, for this reason, has failed, though it was acknowledged."""
    if reason is None or not isinstance(outcome, AttemptSucceeded):
        return outcome
    return AttemptFailed(at_ms=outcome.at_ms, **_whose(outcome), reason=reason)


def _given_up(
    again: Sequence[Resent | EvidenceMissing], dead: Mapping[str, Sent]
) -> Mapping[tuple[str, str | None], str]:
    """The attempts whose task was sent to a queue again, in one new message, or in vain: several are no retry; and those that were given up
    by their consumer. Each with why it failed."""
    found: dict[tuple[str, str | None], list[Resent]] = {}
    for each in again:
        if isinstance(each, Resent):
            found.setdefault((each.delivery_id, each.message_id), []).append(each)
    reasons: dict[tuple[str, str | None], str] = {}
    for key, sends in found.items():
        taken = [each for each in sends if each.accepted]
        if len(taken) <= 1:
            through = taken[0].through if taken else None
            again_to = _SENT_ELSEWHERE.format(through) if through is not None else _SENT_AGAIN
            reasons[key] = again_to if taken else _REFUSED
    for sent in dead.values():
        kept_in = sent.kept_in
        reasons[sent.by.delivery_id, sent.by.message_id] = _SENT_TO_DEAD if kept_in is None else _KEPT.format(kept_in)
    return reasons


def _outcome(invocation: Invocation, delivered: Delivered, heeds: bool | None, source: str) -> Iterator[Event]:
    if invocation.ended_at_ms is None:
        return
    reason = failure_reason(invocation, delivered.message_id)
    if reason is not None and not invocation.is_error:
        if heeds is None:
            what = (
                f"whether {invocation.function} was invoked for a list of failed messages, when it reported message "
                f"{delivered.message_id} as failed: its event source mappings differ, or there is none"
            )
            yield _missing(what, _OF_OUTCOMES, delivered.at_ms, source)
            return
        reason = reason if heeds else None
    of_attempt = {"at_ms": invocation.ended_at_ms, **_whose(delivered)}
    yield AttemptSucceeded(**of_attempt) if reason is None else AttemptFailed(**of_attempt, reason=reason)


def _whose(delivered: Delivered | AttemptSucceeded) -> dict[str, Any]:
    """What the events of one delivery have in common."""
    return {name: getattr(delivered, name) for name in ("task_id", "message_id", "receive_count", "delivery_id")}


def _backoffs(
    call: Call, beside: Followed, deliveries: _ByReceipt, source: str
) -> Iterator[BackoffRequested | EvidenceMissing]:
    entries = (call.entries("ChangeMessageVisibility", queue.name) for queue in beside.attempts.values())
    for entry in chain.from_iterable(entries):
        receipt = entry.get("ReceiptHandle", "")
        # Whoever uses a receipt handle speaks of its delivery, or else of the last one.
        delivered = deliveries.get((receipt, call.request_id)) or deliveries.get((receipt, None))
        delay = entry.get("VisibilityTimeout")
        if delivered is None or delay is None:
            continue
        if not call.status:
            what = f"whether the queue put off message {delivered.message_id} as it was asked to ({call.error_code})"
            yield _missing(what, ("BackoffRequested",), call.ended_at_ms, source)
            continue
        yield BackoffRequested(
            at_ms=call.started_at_ms,
            answered_ms=call.ended_at_ms,
            **_whose(delivered),
            delay_seconds=float(delay),
            accepted=call.error_code is None and call.status < 400 and entry.get("Id") not in call.refused_entries,
        )


def _endless(invocation: Invocation, stack: Stack, names: MessageWords, source: str) -> EvidenceMissing:
    of_monitor = any(stack.is_dead_letter_queue(message.queue_arn) for message in invocation.messages)
    # What a monitor will log is not there either.
    affects = (*_OF_OUTCOMES, "DeadLetterLogged") if of_monitor else _OF_OUTCOMES
    what = f"how invocation {invocation.request_id} of {invocation.function} ended"
    tasks = tuple(sorted(tasks_of(invocation, names)))
    return EvidenceMissing(at_ms=invocation.started_at_ms, source=source, what=what, affects=affects, task_ids=tasks)


def _names_of(stack: Stack, beside: Followed) -> Mapping[str, QueueName]:
    """What the queues are called, by their ARNs: where a task is tried, or waits for it, is the work's."""
    others: dict[str, QueueName] = dict.fromkeys([*beside.attempts, *beside.delays], "work")
    return others | {queue.arn: name for name, queue in stack.queues.items()}


def _held_up(recording: Recording, stack: Stack, beside: Followed) -> Iterator[HeldUp]:
    queues: dict[str | None, QueueName | None] = {None: None}
    queues.update(_names_of(stack, beside))
    for stall in recording.stalls:
        if stall.queue_arn in queues:
            queue = queues[stall.queue_arn]
            yield HeldUp(at_ms=stall.started_at_ms, until_ms=stall.ended_at_ms, queue=queue)


def _missing(what: str, affects: tuple[str, ...], at_ms: float, source: str) -> EvidenceMissing:
    return EvidenceMissing(at_ms=at_ms, source=source, what=what, affects=affects)
