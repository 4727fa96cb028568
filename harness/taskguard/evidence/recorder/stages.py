"""From a recording to the other stages of a pipeline that has several queues: what became of a task before it came to the work queue,
and on which queues it is worked on besides.

A queue of an *earlier stage* is one whose consumers send tasks on to the work queue, or to another such queue, and to which none is sent from
the work queue: that would be a way back. *Another stage* is that, or any queue but a way back on which others than the work queue's consumers work, and
to which SQS moves no dead letters. It must not know what is right, nor judge what these stages do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Invocation, Message, Recording
from taskguard.evidence.recorder.sends import Entry, again_in, sends_of_consumers
from taskguard.history import OnEarlierStage, OtherStage
from taskguard.service.stack import Queue, Stack


def other_stages(
    recording: Recording, stack: Stack, names: MessageWords, task_ids: Collection[str]
) -> Iterator[OnEarlierStage | OtherStage]:
    """What was seen of the tasks with these ids on the queues of earlier stages; and each other stage that one of them came to."""
    others = {queue.arn: queue for queue in stack.beside if queue.consumers}
    if not others:
        return
    sends = sends_of_consumers(recording, stack)
    to = defaultdict[str, set[str]](set)
    for entry in sends:
        to[entry.queue.arn].add(entry.batch[0].queue_arn)
    leading = _leading(to, stack.work_queue.arn)
    from_work = {arn for arn, origins in to.items() if stack.work_queue.arn in origins}
    earlier = {arn: queue for arn, queue in others.items() if arn in leading - from_work}
    yield from _on_earlier(recording, sends, earlier, names, task_ids)
    dead = {each.queue_arn for each in recording.moved}
    stages = {arn: queue for arn, queue in others.items() if arn not in dead | (leading & from_work)}
    yield from _stages(recording, sends, stack, stages, names, task_ids)


def _leading(to: Mapping[str, Collection[str]], work: str) -> set[str]:
    """The queues from which tasks come to the work queue, also over others; ``to`` has, of each queue, those from which one was sent there."""
    leading, found = set[str](), {work}
    while found:
        leading |= found
        found = {origin for arn in found for origin in to.get(arn, ())} - leading
    return leading - {work}


def _on_earlier(
    recording: Recording,
    sends: Sequence[Entry],
    earlier: Mapping[str, Queue],
    names: MessageWords,
    task_ids: Collection[str],
) -> Iterator[OnEarlierStage]:
    sent_on = {
        (entry.invocation.request_id, of.message_id): entry.send.ended_at_ms
        for entry in sends
        if entry.message_id is not None and (of := again_in(entry.body, entry.batch, names)) is not None
    }
    moved = {each.message_id: each.at_ms for each in recording.moved}
    for invocation, message in _handed(recording, earlier):
        task_id, queue = names.id_of(message.body), earlier[message.queue_arn].name
        if task_id not in task_ids or task_id is None:
            continue
        on_ms = sent_on.get((invocation.request_id, message.message_id))
        if on_ms is not None:
            yield OnEarlierStage(
                at_ms=on_ms, task_id=task_id, message_id=message.message_id, queue=queue, outcome="sent on"
            )
        elif invocation.ended_at_ms is not None and failure_reason(invocation, message.message_id) is None:
            yield OnEarlierStage(
                at_ms=invocation.ended_at_ms,
                task_id=task_id,
                message_id=message.message_id,
                queue=queue,
                outcome="acknowledged",
            )
        if (at_ms := moved.pop(message.message_id, None)) is not None:
            yield OnEarlierStage(
                at_ms=at_ms, task_id=task_id, message_id=message.message_id, queue=queue, outcome="dead-lettered"
            )


def _stages(
    recording: Recording,
    sends: Sequence[Entry],
    stack: Stack,
    queues: Mapping[str, Queue],
    names: MessageWords,
    task_ids: Collection[str],
) -> Iterator[OtherStage]:
    labels = {function.name: function.label for function in stack.functions}
    code = {function.name: function.code or function.name for function in stack.functions}
    at_work = {code.get(name, name) for name in stack.work_queue.consumers}
    first: dict[str, float] = {}
    came = [
        (invocation.started_at_ms, message.queue_arn, message.body)
        for invocation, message in _handed(recording, queues)
    ]
    came += [(each.send.ended_at_ms, each.queue.arn, each.body) for each in sends if each.queue.arn in queues]
    for at_ms, arn, body in sorted(came):
        if names.id_of(body) in task_ids:
            first.setdefault(arn, at_ms)
    for arn, at_ms in first.items():
        queue = queues[arn]
        if at_work.isdisjoint(code.get(name, name) for name in queue.consumers):
            yield OtherStage(
                at_ms=at_ms,
                queue=queue.name,
                logical_id=queue.logical_id,
                consumers=tuple(sorted(labels.get(name, name) for name in queue.consumers)),
            )


def _handed(recording: Recording, queues: Collection[str]) -> Iterator[tuple[Invocation, Message]]:
    for invocation in recording.invocations.values():
        yield from ((invocation, message) for message in invocation.messages if message.queue_arn in queues)
