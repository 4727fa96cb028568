"""From a recording to the messages that consumers sent to the stack's queues, each with the batch that it was sent from.

A message is sent to a queue itself or published to a topic that leads there: then SNS sends it, and what joins the two is the topic
and SNS's own id in the envelope or, without one, the text. It must not know what a message was sent for.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Recording
from taskguard.service.stack import Queue, Stack


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a send to ``queue``, with the messages that its invocation was handed. It has no id where the queue refused it. What a
    function did is ``call``; what it came to the queue by is ``send``, that same call or one of SNS's."""

    call: Call
    send: Call
    invocation: Invocation
    queue: Queue
    parameters: Mapping[str, Any]
    message_id: str | None

    @property
    def batch(self) -> Sequence[Message]:
        """What the invocation was handed: messages of one queue."""
        return self.invocation.messages

    @property
    def body(self) -> str:
        return str(self.parameters.get("MessageBody", ""))

    @property
    def asked_seconds(self) -> float | None:
        """The delay that was asked for."""
        delay = self.parameters.get("DelaySeconds")
        return float(delay) if delay is not None else None

    @property
    def delay_seconds(self) -> float:
        """How long after it was sent the message could first be received."""
        return self.queue.delay_seconds if self.asked_seconds is None else self.asked_seconds


def sends_of_consumers(recording: Recording, stack: Stack) -> list[Entry]:
    """All messages that were sent to the stack's queues in invocations that were handed messages, in order of time."""
    queues = {queue.name: queue for queue in (*stack.queues.values(), *stack.beside)}
    found: list[Entry] = []
    for call in recording.calls:
        queue = queues.get(str(call.parameters.get("QueueUrl", "")).rsplit("/", 1)[-1])
        invocation = recording.invocations.get(call.request_id or "")
        if queue is not None and invocation is not None and invocation.messages:
            for parameters in call.entries("SendMessage", queue.name):
                found.append(Entry(call, call, invocation, queue, parameters, call.sent.get(parameters.get("Id", ""))))
    found += _by_topics(recording, queues)
    return sorted(found, key=lambda each: each.call.started_at_ms)


def again_in(body: str, batch: Sequence[Message], names: MessageWords) -> Message | None:
    """The message of the batch whose task a body is of: its id tells or, without one, that it is a message of the batch word for word.
    None where that cannot be told, since it is of none or of several."""
    task_id = names.id_of(body)
    found = [message for message in batch if message.body == body]
    if not found and task_id is not None:
        found = [message for message in batch if names.id_of(message.body) == task_id]
    return found[0] if len(found) == 1 else None


def _by_topics(recording: Recording, queues: Mapping[str, Queue]) -> Iterator[Entry]:
    """What SNS sent to these queues since a consumer had published it."""
    by_id: dict[str, Call] = {}
    by_text = defaultdict[tuple[str, str], list[Call]](list)
    for call in recording.calls:
        if call.service == "sns" and call.operation.startswith("Publish"):
            for each in call.parameters.get("PublishBatchRequestEntries") or [call.parameters]:
                by_text[_topic_of(call), str(each.get("Message", ""))].append(call)
            by_id |= dict.fromkeys(call.sent.values(), call)
    for send in recording.service_calls:
        queue = queues.get(str(send.parameters.get("QueueUrl", "")).rsplit("/", 1)[-1])
        if send.function != "sns" or queue is None:
            continue
        body = str(send.parameters.get("MessageBody", ""))
        envelope = _envelope(body)
        # With raw delivery there is no envelope: it is the text itself, sent when it had been published last.
        raw = [each for each in by_text.get((send.source, body), ()) if each.started_at_ms <= send.started_at_ms]
        published = by_id.get(str(envelope.get("MessageId"))) or max(
            raw, key=lambda each: each.started_at_ms, default=None
        )
        invocation = recording.invocations.get(published.request_id or "") if published is not None else None
        if published is not None and invocation is not None and invocation.messages:
            yield Entry(published, send, invocation, queue, {"MessageBody": body}, send.sent.get(""))


def _topic_of(call: Call) -> str:
    return str(call.parameters.get("TopicArn", ""))


def _envelope(body: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
