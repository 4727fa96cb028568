"""From a recording to the other queues that tasks went through: those whose messages the work queue's own consumer is handed, too.

A queue for retries is one that a consumer sends some tasks to, and whose messages it is handed as well; a next stage has all that the
one before has done. The former is not followed, so what became of a task there is missing. It must not know what is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Recording
from taskguard.history import EvidenceMissing
from taskguard.service.stack import Stack

_AFFECTED = ("Delivered", "AttemptSucceeded", "AttemptFailed")


def queues_for_retries(
    recording: Recording, stack: Stack, names: MessageWords, only: frozenset[str] | None, source: str
) -> Iterator[EvidenceMissing]:
    """Those queues, by the tasks that were seen both there and on the work queue, ``only`` of these."""
    watched = {queue.arn for queue in stack.queues.values()}
    handed, acknowledged = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    beside = defaultdict[tuple[str, str], dict[str, float]](dict)
    for invocation in recording.invocations.values():
        for message in invocation.messages:
            task_id = names.read(message.body)[0]
            if task_id is None or (only is not None and task_id not in only):
                continue
            if message.queue_arn == stack.work_queue.arn:
                handed[invocation.function].add(task_id)
                is_over = invocation.ended_at_ms is not None
                if is_over and failure_reason(invocation, message.message_id) is None:
                    acknowledged[invocation.function].add(task_id)
            elif message.queue_arn not in watched:
                beside[invocation.function, message.queue_arn].setdefault(task_id, invocation.started_at_ms)
    labels = {function.name: function.label for function in stack.functions}
    for (function, arn), found in beside.items():
        tasks = sorted(found.keys() & handed[function])
        if tasks and acknowledged[function] - found.keys():
            what = (
                f"what becomes of tasks on the queue {arn.rpartition(':')[2]}, of which {labels.get(function, function)} is handed messages "
                "as it is of the work queue's: such a queue for retries is not followed"
            )
            yield EvidenceMissing(at_ms=found[tasks[0]], source=source, what=what, affects=_AFFECTED)
