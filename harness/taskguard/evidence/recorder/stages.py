"""From a recording to the other stages of a pipeline that has several queues: what became of a task before it came to the work queue,
and where tasks go on from there.

A queue of an *earlier stage* is one whose consumers send tasks on to the work queue, or to another such queue, and to which none is sent from
the work queue: that would be a way back. The *next stage* is a queue to which a task is sent that was acknowledged at its first receive, and which
is worked on by others. It must not know what is right, nor judge what these stages do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Invocation, Message, Recording
from taskguard.evidence.recorder.sends import Entry, again_in, sends_of_consumers
from taskguard.history import NextStage, OnEarlierStage
from taskguard.service.stack import Queue, Stack


def other_stages(
    recording: Recording, stack: Stack, names: MessageWords, task_ids: Collection[str]
) -> Iterator[OnEarlierStage | NextStage]:
    """What was seen of the tasks with these ids on the queues of earlier stages, and of each next stage that one was sent on to."""
    others = {queue.arn: queue for queue in stack.beside if queue.consumers}
    if not others:
        return
    sends = sends_of_consumers(recording, stack)
    earlier = _before(sends, stack, others)
    yield from _on_earlier(recording, sends, earlier, names, task_ids)
    yield from _next(sends, stack, [queue for arn, queue in others.items() if arn not in earlier], names)


def _before(sends: Sequence[Entry], stack: Stack, others: Mapping[str, Queue]) -> dict[str, Queue]:
    """The queues from which tasks come to the work queue, and to which none is sent from there."""
    to = defaultdict[str, set[str]](set)
    for entry in sends:
        to[entry.queue.arn].add(entry.batch[0].queue_arn)
    leading: set[str] = set()
    found = {stack.work_queue.arn}
    while found:
        leading |= found
        found = {origin for arn in found for origin in to[arn]} - leading
    return {arn: each for arn, each in others.items() if arn in leading and stack.work_queue.arn not in to[arn]}


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


def _next(sends: Sequence[Entry], stack: Stack, others: Sequence[Queue], names: MessageWords) -> Iterator[NextStage]:
    labels = {function.name: function.label for function in stack.functions}
    code = {function.name: function.code or function.name for function in stack.functions}
    at_work = {code.get(name, name) for name in stack.work_queue.consumers}
    for queue in others:
        if not at_work.isdisjoint(code.get(name, name) for name in queue.consumers):
            continue
        for entry in sends:
            of = again_in(entry.body, entry.batch, names) if entry.queue.arn == queue.arn else None
            if of is not None and of.queue_arn == stack.work_queue.arn and _is_done_at_once(entry.invocation, of):
                yield NextStage(
                    at_ms=entry.send.ended_at_ms,
                    queue=queue.name,
                    logical_id=queue.logical_id,
                    consumers=tuple(sorted(labels.get(name, name) for name in queue.consumers)),
                )
                break


def _is_done_at_once(invocation: Invocation, message: Message) -> bool:
    ended = invocation.ended_at_ms is not None and failure_reason(invocation, message.message_id) is None
    return ended and message.receive_count == 1


def _handed(recording: Recording, queues: Collection[str]) -> Iterator[tuple[Invocation, Message]]:
    for invocation in recording.invocations.values():
        yield from ((invocation, message) for message in invocation.messages if message.queue_arn in queues)
