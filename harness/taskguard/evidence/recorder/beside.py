"""From a recording to the stack's other queues: what each is for, by what its consumers made of tasks that came there from the work queue.

A *queue for retries* is one whose messages a consumer of the work queue is handed, too, or a function with the very same code, and not of
all tasks that it acknowledged; a next stage has all that the one before has done. Of a *queue that delays* all messages are handed on to the work queue, or given up.
One that *keeps* what was given up has nobody who reads it, and is sent no task at its first attempt. What becomes of a task on any
other queue to which some tasks are put off is missing, once it comes back from there. It must not know what is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Invocation, Message, Recording
from taskguard.evidence.recorder.sends import Entry, again_in
from taskguard.history import EvidenceMissing
from taskguard.service.stack import Queue, Stack

_AFFECTED = ("Delivered", "AttemptSucceeded", "AttemptFailed")
"""What may be missing of a task that is not followed."""
_FEWEST = 3
"""Fewer tasks that were acknowledged at once have nothing in common."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The queues that a task is followed over, by their ARNs: where a delivery is an ``attempt``, which only ``delay``, and which ``keep`` what was
    given up. Of what was ``put_off`` to any other one, by delivery and message, nobody can tell how the attempt ended; nor what became of
    tasks on ``strange`` queues, by their ARNs, of which the work queue's consumers are handed messages and which are not of this stack."""

    attempts: Mapping[str, Queue]
    delays: Mapping[str, Queue]
    keep: Mapping[str, Queue]
    put_off: Mapping[tuple[str, str], Queue]
    strange: Sequence[str]

    def name(self, arn: str, stack: Stack) -> str | None:
        """The queue's name, none of the work queue."""
        return None if arn == stack.work_queue.arn else self.attempts[arn].name


def followed(recording: Recording, stack: Stack, sends: Sequence[Entry], names: MessageWords) -> Followed:
    """What the stack's other queues are for."""
    seen = _Seen(recording, stack, sends, names)
    delays = {queue.arn: queue for queue in stack.beside if seen.hands_on(queue)}
    others = [queue for queue in stack.beside if queue.arn not in delays]
    retries = {queue.arn: queue for queue in others if seen.tries_again(queue)}
    keep = {queue.arn: queue for queue in others if seen.is_read_by_nobody(queue) and seen.is_last_of(queue)}
    rest = [queue for queue in others if queue.arn not in retries and queue.arn not in keep]
    put_off = {key: queue for queue in rest if seen.comes_back_from(queue) for key in seen.put_off_to(queue)}
    strange = [arn for arn in seen.strange() if seen.tries_again(Queue(logical_id="", url="", arn=arn))]
    return Followed({stack.work_queue.arn: stack.work_queue, **retries}, delays, keep, put_off, strange)


def not_followed(found: Followed, recording: Recording, source: str) -> Iterator[EvidenceMissing]:
    """That of tasks which were put off to another queue nobody knows what became of them there."""
    for arn in found.strange:
        handed = [
            each.started_at_ms
            for each in recording.invocations.values()
            if any(message.queue_arn == arn for message in each.messages)
        ]
        what = (
            f"what becomes of tasks on the queue {arn.rpartition(':')[2]}, of which consumers of the work queue are handed messages, too: "
            "it is not of this stack, and is not followed"
        )
        yield EvidenceMissing(at_ms=min(handed), source=source, what=what, affects=_AFFECTED)
    for arn in sorted({queue.arn for queue in found.put_off.values()}):
        deliveries = [delivery_id for (delivery_id, _), queue in found.put_off.items() if queue.arn == arn]
        at_ms = min(recording.invocations[each].started_at_ms for each in deliveries)
        what = (
            f"what becomes of tasks on the queue {arn.rpartition(':')[2]}, to which some are sent and come back: others than the work "
            "queue's consumers are handed its messages, and whether they try them again cannot be seen"
        )
        yield EvidenceMissing(at_ms=at_ms, source=source, what=what, affects=_AFFECTED)


class _Seen:
    """What was seen of tasks on the work queue, and beside it."""

    def __init__(self, recording: Recording, stack: Stack, sends: Sequence[Entry], names: MessageWords) -> None:
        self._recording, self._stack, self._names = recording, stack, names
        self._workers = set(stack.work_queue.consumers)
        self._handed: dict[str, list[tuple[Invocation, Message]]] = defaultdict(list)
        self._sent: dict[str, list[tuple[Entry, Message]]] = defaultdict(list)
        """Those to each queue, with the messages that they were sent for."""
        for invocation in recording.invocations.values():
            for message in invocation.messages:
                self._handed[message.queue_arn].append((invocation, message))
                if message.queue_arn == stack.work_queue.arn:
                    self._workers.add(invocation.function)
        code = {each.code for each in stack.functions if each.name in self._workers and each.code}
        self._workers |= {each.name for each in stack.functions if each.code in code}
        for entry in sends:
            if entry.message_id is not None and (of := again_in(entry.body, entry.batch, names)) is not None:
                self._sent[entry.queue.arn].append((entry, of))
        self._sent_to = defaultdict[tuple[str, str], set[str]](set)
        for arn, found in self._sent.items():
            for entry, of in found:
                self._sent_to[entry.invocation.request_id, of.message_id].add(arn)

    def strange(self) -> list[str]:
        """The queues of which messages were seen, and that are not of this stack."""
        known = {queue.arn for queue in (*self._stack.queues.values(), *self._stack.beside)}
        return sorted(self._handed.keys() - known)

    def hands_on(self, queue: Queue) -> bool:
        """Whether all that was acknowledged of its messages had been sent on to the work queue, or to the dead letters."""
        work, stack = self._stack.work_queue.arn, self._stack
        ended = [self._sent_to[each.request_id, message.message_id] for each, message in self._acknowledged(queue)]
        on = all(work in to or any(map(stack.is_dead_letter_queue, to)) for to in ended)
        return on and any(work in to for to in ended)

    def tries_again(self, queue: Queue) -> bool:
        """Whether a consumer of the work queue is handed its messages, of some tasks that were on the work queue, and not of all."""
        of = {function for function in self._workers if any(i.function == function for i, _ in self._handed[queue.arn])}
        if not of:
            # Nobody has been handed any yet: it is said by who is to be.
            return bool(self._workers.intersection(queue.consumers)) and bool(self.put_off_to(queue))
        there = {self._task(message) for each, message in self._handed[queue.arn] if each.function in of}
        here = {self._task(message) for _, message in self._handed[self._stack.work_queue.arn]}
        done = {self._task(message) for _, message in self._acknowledged(self._stack.work_queue)}
        return bool(there & here - {None}) and bool(done - there - {None})

    def is_read_by_nobody(self, queue: Queue) -> bool:
        """Whether nothing in the stack takes messages out of it."""
        polled = any(call.entries("ReceiveMessage", queue.name) for call in self._recording.calls)
        return not queue.consumers and not self._handed[queue.arn] and not polled

    def is_last_of(self, queue: Queue) -> bool:
        """Whether tasks come there that had been tried before, and none at its first attempt; while others are acknowledged at that."""
        again = {entry.message_id for arn in self._sent for entry, _ in self._sent[arn]}
        sent = [of for _, of in self._sent[queue.arn]]
        if not sent or any(self._is_first(of, again) for of in sent):
            return False
        at_once = {
            self._task(message)
            for invocation, message in self._acknowledged(self._stack.work_queue)
            if self._is_first(message, again) and not self._sent_to[invocation.request_id, message.message_id]
        }
        return len(at_once) >= _FEWEST

    def comes_back_from(self, queue: Queue) -> bool:
        """Whether tasks that some, and not all, were put off to it died of it, or were sent to a queue of the work's from there."""
        ends = {self._stack.work_queue.arn, queue.arn}
        if (dead := self._stack.dead_letter_queue) is not None:
            ends.add(dead.arn)
        ids = {message.message_id for _, message in self._handed[queue.arn]}
        died = any(moved.message_id in ids for moved in self._recording.moved)
        on = (self._sent_to[each.request_id, message.message_id] for each, message in self._handed[queue.arn])
        there = {self._task(message) for _, message in self._handed[queue.arn]}
        done = {self._task(message) for _, message in self._acknowledged(self._stack.work_queue)}
        return bool(done - there) and (died or any(to & ends for to in on))

    def put_off_to(self, queue: Queue) -> list[tuple[str, str]]:
        """The deliveries of the work queue's in which a task was sent there."""
        work = self._stack.work_queue.arn
        return [
            (entry.invocation.request_id, of.message_id) for entry, of in self._sent[queue.arn] if of.queue_arn == work
        ]

    def _acknowledged(self, queue: Queue) -> list[tuple[Invocation, Message]]:
        return [
            (invocation, message)
            for invocation, message in self._handed[queue.arn]
            if invocation.ended_at_ms is not None and failure_reason(invocation, message.message_id) is None
        ]

    def _is_first(self, message: Message, again: set[str | None]) -> bool:
        return message.receive_count == 1 and message.message_id not in again

    def _task(self, message: Message) -> str | None:
        return self._names.id_of(message.body)
