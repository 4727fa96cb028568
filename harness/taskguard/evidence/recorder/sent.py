"""From a recording to the messages that consumers of tasks sent on themselves, each with the message that it came from.

A sent message is a new one, with a message id and receives of its own: what joins it to the delivered one is the invocation that
sent it, and the task. It must not know whether a consumer may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.beside import Followed
from taskguard.evidence.recorder.recording import Call, Message, Recording
from taskguard.evidence.recorder.sends import Entry, again_in
from taskguard.history import EvidenceMissing, Redriven, Resent, Sender
from taskguard.service.stack import Stack


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a consumer sent to the dead-letter queue at ``at_ms``, and the one of its batch that it sent it for; none where
    that cannot be told. ``kept_in`` is the queue's name, where it is not that one, but another that keeps what was given up."""

    message_id: str
    body: str
    at_ms: float
    by: Sender
    source: Message | None
    kept_in: str | None


def sent_dead_letters(
    entries: Sequence[Entry], stack: Stack, queues: Followed, names: MessageWords
) -> Mapping[str, Sent]:
    """Those that were sent to the dead-letter queue, or to one that keeps what was given up, by their ids."""
    labels = {function.name: function.label for function in stack.functions}
    origins = _origins(entries, queues, names)
    found: dict[str, Sent] = {}
    for entry in entries:
        is_dead = stack.is_dead_letter_queue(entry.queue.arn)
        arn = entry.batch[0].queue_arn
        is_followed = arn in queues.attempts or arn in queues.delays
        if entry.message_id is None or not is_followed or not (is_dead or entry.queue.arn in queues.keep):
            continue
        source = _source_of(entry.body, entry.batch, names)
        delivery_id = entry.invocation.request_id
        if source is not None and source.message_id in origins:
            delivery_id, source = origins[source.message_id]
        sender = Sender(
            function=labels.get(entry.call.function, entry.call.function),
            delivery_id=delivery_id,
            message_id=source.message_id if source else None,
            receive_count=source.receive_count if source else None,
        )
        found[entry.message_id] = Sent(
            entry.message_id,
            entry.body,
            entry.send.ended_at_ms,
            sender,
            source,
            None if is_dead else entry.queue.name,
        )
    return found


def resent(
    recording: Recording,
    entries: Sequence[Entry],
    stack: Stack,
    queues: Followed,
    names: MessageWords,
    only: frozenset[str] | None,
    source: str,
) -> Iterator[Resent | EvidenceMissing]:
    """Those that were sent for a task that was in the batch to a queue where it is tried again, or to one from which it comes back, ``only`` of
    these tasks and messages.

    Whose a message is its id tells, as a body has it; without one, that it is a message of the batch word for word. Any other is a new
    task's. ``source`` is who made the recording.
    """
    bodies = {message.message_id: message.body for each in recording.invocations.values() for message in each.messages}
    first = _first_sends(recording)
    on = _handed_on(entries, queues, names)
    for entry in entries:
        is_attempt = entry.queue.arn in queues.attempts
        if entry.batch[0].queue_arn not in queues.attempts or not (is_attempt or entry.queue.arn in queues.delays):
            continue
        new_id = entry.message_id
        # Of a long body the recorder keeps both ends; whoever received it was handed all of it.
        of = again_in(bodies.get(new_id or "", entry.body), entry.batch, names)
        if of is None:
            continue
        task_id = names.id_of(of.body)
        if only is not None and only.isdisjoint((task_id, of.message_id)):
            continue
        if not entry.call.status:
            what = f"whether the queue took message {of.message_id} when it was sent again ({entry.call.error_code})"
            yield EvidenceMissing(at_ms=entry.call.ended_at_ms, source=source, what=what, affects=(Resent.__name__,))
            continue
        # A FIFO queue answers with the id of the message that it has already.
        is_new = new_id is not None and (new_id not in first or first[new_id] is entry.send)
        for last_id, delay_seconds, sends in _ends_of(new_id if is_new else None, entry, on, stack):
            yield Resent(
                at_ms=entry.call.started_at_ms,
                answered_ms=entry.send.ended_at_ms,
                task_id=task_id,
                message_id=of.message_id,
                receive_count=of.receive_count,
                delivery_id=entry.invocation.request_id,
                queue="work",
                new_message_id=last_id,
                delay_seconds=delay_seconds,
                accepted=new_id is not None,
                through=None if entry.queue.arn == stack.work_queue.arn else entry.queue.name,
                sends=sends,
            )


def put_back(
    entries: Sequence[Entry],
    stack: Stack,
    queues: Followed,
    names: MessageWords,
    only: frozenset[str] | None,
) -> Iterator[Redriven]:
    """The tasks that a consumer of dead letters sent to a queue where they are tried again, or that leads there; ``only`` as of :func:`resent`."""
    labels = {function.name: function.label for function in stack.functions}
    for entry in entries:
        is_back = entry.queue.arn in queues.attempts or entry.queue.arn in queues.delays
        if not (is_back and stack.is_dead_letter_queue(entry.batch[0].queue_arn)) or entry.message_id is None:
            continue
        of = again_in(entry.body, entry.batch, names)
        task_id = names.id_of(of.body) if of is not None else None
        if task_id is not None and (only is None or task_id in only):
            by = labels.get(entry.invocation.function, entry.invocation.function)
            yield Redriven(at_ms=entry.call.started_at_ms, task_id=task_id, by=by)


def _first_sends(recording: Recording) -> Mapping[str, Call]:
    """Who first had the id of a message as an answer."""
    first: dict[str, Call] = {}
    for call in sorted([*recording.calls, *recording.service_calls], key=lambda each: each.started_at_ms):
        for message_id in call.sent.values():
            first.setdefault(message_id, call)
    return first


_HandedOn: TypeAlias = Mapping[str, Sequence[Entry]]


def _handed_on(entries: Sequence[Entry], queues: Followed, names: MessageWords) -> _HandedOn:
    """What was sent on to other queues for each message of a queue that delays, by its id."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        is_on = entry.queue.arn in queues.attempts or entry.queue.arn in queues.delays
        if is_on and entry.batch[0].queue_arn in queues.delays and entry.message_id is not None:
            of = again_in(entry.body, entry.batch, names)
            if of is not None:
                found.setdefault(of.message_id, []).append(entry)
    return found


def _ends_of(
    new_id: str | None, entry: Entry, on: _HandedOn, stack: Stack
) -> Iterator[tuple[str | None, float | None, int]]:
    """The messages that a sent one has become, over all queues that delay it, each with its delays together, and by how many sends; no
    delay of the work queue's where the message has none of its own."""
    if entry.queue.arn == stack.work_queue.arn:
        yield new_id, entry.asked_seconds, 1
        return
    if new_id is None or new_id not in on:
        yield new_id, entry.delay_seconds, 1
        return
    for each in on[new_id]:
        for last_id, more, sends in _ends_of(
            each.message_id, each, {key: on[key] for key in on if key != new_id}, stack
        ):
            yield last_id, entry.delay_seconds + (each.delay_seconds if more is None else more), sends + 1


def _origins(entries: Sequence[Entry], queues: Followed, names: MessageWords) -> Mapping[str, tuple[str, Message]]:
    """The delivery and the message that each message of a queue that delays was sent for at first, by its id."""
    found: dict[str, tuple[str, Message]] = {}
    for entry in entries:
        if entry.queue.arn in queues.delays and entry.message_id is not None:
            of = again_in(entry.body, entry.batch, names)
            if of is not None:
                found[entry.message_id] = found.get(of.message_id, (entry.invocation.request_id, of))
    return found


def _source_of(body: str, batch: Sequence[Message], names: MessageWords) -> Message | None:
    """The message of the batch that a body is of: it is the same, is of the same task, or names the message or its task."""
    task_id = names.id_of(body)
    for message in batch:
        of_source = names.id_of(message.body)
        if message.body == body or (task_id is not None and task_id == of_source):
            return message
        if task_id is None and any(
            f'"{each}' in body.replace("\\", "") for each in (message.message_id, of_source) if each
        ):
            return message
    return batch[0] if len(batch) == 1 and task_id is None else None
