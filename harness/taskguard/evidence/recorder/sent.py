"""From a recording to the messages that consumers sent to the dead-letter queue themselves, each with the message that it came from.

A sent message is a new one, with a message id and receives of its own: what joins it to the delivered one is the invocation that
sent it. It must not know whether a consumer may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.recording import Message, Recording
from taskguard.history import Sender
from taskguard.service.stack import Stack


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a consumer sent to the dead-letter queue at ``at_ms``, and the one of its batch that it sent it for; none where
    that cannot be told."""

    message_id: str
    body: str
    at_ms: float
    by: Sender
    source: Message | None


def sent_dead_letters(recording: Recording, stack: Stack, names: MessageWords) -> Mapping[str, Sent]:
    """Those messages, by their ids."""
    return {sent.message_id: sent for sent in _sent(recording, stack, names)}


def _sent(recording: Recording, stack: Stack, names: MessageWords) -> Iterator[Sent]:
    labels, dead = {function.name: function.label for function in stack.functions}, stack.dead_letter_queue
    for call in recording.calls:
        to_queue = call.service == "sqs" and call.operation.startswith("SendMessage") and dead is not None
        invocation = recording.invocations.get(call.request_id or "")
        if not to_queue or dead is None or invocation is None:
            continue
        batch = [message for message in invocation.messages if message.queue_arn == stack.work_queue.arn]
        if not batch or str(call.parameters.get("QueueUrl", "")).rsplit("/", 1)[-1] != dead.name:
            continue
        for entry in call.parameters.get("Entries") or [call.parameters]:
            message_id, body = call.sent.get(entry.get("Id", "")), str(entry.get("MessageBody", ""))
            if message_id is not None:
                source = _source_of(body, batch, names)
                sender = Sender(
                    function=labels.get(call.function, call.function),
                    delivery_id=invocation.request_id,
                    message_id=source.message_id if source else None,
                    receive_count=source.receive_count if source else None,
                )
                yield Sent(message_id, body, call.ended_at_ms, sender, source)


def _source_of(body: str, batch: list[Message], names: MessageWords) -> Message | None:
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
