"""From a recording to the messages that consumers of the work queue sent on themselves, each with the message that it came from.

A sent message is a new one, with a message id and receives of its own: what joins it to the delivered one is the invocation that
sent it, and the task. It must not know whether a consumer may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Recording
from taskguard.history import EvidenceMissing, Resent, Sender
from taskguard.service.stack import Queue, Stack


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a consumer sent to the dead-letter queue at ``at_ms``, and the one of its batch that it sent it for; none where
    that cannot be told."""

    message_id: str
    body: str
    at_ms: float
    by: Sender
    source: Message | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One message of a send, with the work queue's messages that its invocation was handed. It has no id where the queue refused it."""

    call: Call
    invocation: Invocation
    batch: Sequence[Message]
    parameters: Mapping[str, Any]
    message_id: str | None

    @property
    def body(self) -> str:
        return str(self.parameters.get("MessageBody", ""))


def sent_dead_letters(recording: Recording, stack: Stack, names: MessageWords) -> Mapping[str, Sent]:
    """Those that were sent to the dead-letter queue, by their ids."""
    if stack.dead_letter_queue is None:
        return {}
    labels = {function.name: function.label for function in stack.functions}
    found: dict[str, Sent] = {}
    for entry in _entries(recording, stack, stack.dead_letter_queue):
        if entry.message_id is not None:
            source = _source_of(entry.body, entry.batch, names)
            sender = Sender(
                function=labels.get(entry.call.function, entry.call.function),
                delivery_id=entry.invocation.request_id,
                message_id=source.message_id if source else None,
                receive_count=source.receive_count if source else None,
            )
            found[entry.message_id] = Sent(entry.message_id, entry.body, entry.call.ended_at_ms, sender, source)
    return found


def resent(
    recording: Recording, stack: Stack, names: MessageWords, only: frozenset[str] | None, source: str
) -> Iterator[Resent | EvidenceMissing]:
    """Those that were sent to the work queue for a task that was in the batch, ``only`` of these tasks and messages.

    Whose a message is its id tells, as a body has it; without one, that it is a message of the batch word for word. Any other is a new
    task's. ``source`` is who made the recording.
    """
    bodies = {message.message_id: message.body for each in recording.invocations.values() for message in each.messages}
    first: dict[str, Call] = {}
    for call in sorted([*recording.calls, *recording.service_calls], key=lambda each: each.started_at_ms):
        for message_id in call.sent.values():
            first.setdefault(message_id, call)
    for entry in _entries(recording, stack, stack.work_queue):
        new_id = entry.message_id
        # Of a long body the recorder keeps both ends; whoever received it was handed all of it.
        of = _sent_again(bodies.get(new_id or "", entry.body), entry.batch, names)
        if of is None:
            continue
        task_id = names.read(of.body)[0]
        if only is not None and only.isdisjoint((task_id, of.message_id)):
            continue
        if not entry.call.status:
            what = f"whether the queue took message {of.message_id} when it was sent again ({entry.call.error_code})"
            yield EvidenceMissing(at_ms=entry.call.ended_at_ms, source=source, what=what, affects=(Resent.__name__,))
            continue
        delay = entry.parameters.get("DelaySeconds")
        yield Resent(
            at_ms=entry.call.started_at_ms,
            answered_ms=entry.call.ended_at_ms,
            task_id=task_id,
            message_id=of.message_id,
            receive_count=of.receive_count,
            delivery_id=entry.invocation.request_id,
            queue="work",
            # A FIFO queue answers with the id of the message that it has already.
            new_message_id=new_id if new_id is not None and first[new_id] is entry.call else None,
            delay_seconds=float(delay) if delay is not None else None,
            accepted=new_id is not None,
        )


def _entries(recording: Recording, stack: Stack, queue: Queue) -> Iterator[_Entry]:
    """What the consumers of the work queue sent to this one."""
    for call in recording.calls:
        entries, invocation = call.entries("SendMessage", queue.name), recording.invocations.get(call.request_id or "")
        if not entries or invocation is None:
            continue
        batch = [message for message in invocation.messages if message.queue_arn == stack.work_queue.arn]
        for parameters in entries if batch else ():
            yield _Entry(call, invocation, batch, parameters, call.sent.get(parameters.get("Id", "")))


def _sent_again(body: str, batch: Sequence[Message], names: MessageWords) -> Message | None:
    """The message of the batch whose task a body is of; none where that cannot be told, since it is of none or of several."""
    task_id = names.read(body)[0]
    found = [message for message in batch if message.body == body]
    if not found and task_id is not None:
        found = [message for message in batch if names.read(message.body)[0] == task_id]
    return found[0] if len(found) == 1 else None


def _source_of(body: str, batch: Sequence[Message], names: MessageWords) -> Message | None:
    """The message of the batch that a body is of: it is the same, is of the same task, or names the message or its task."""
    task_id = names.read(body)[0]
    for message in batch:
        of_source = names.read(message.body)[0]
        if message.body == body or (task_id is not None and task_id == of_source):
            return message
        if task_id is None and any(
            f'"{each}' in body.replace("\\", "") for each in (message.message_id, of_source) if each
        ):
            return message
    return batch[0] if len(batch) == 1 and task_id is None else None
