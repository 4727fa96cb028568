"""From a recording to the messages that a FIFO work queue took for ones that it had been sent before, and dropped.

Such a message is accepted like any other, and answered with the id of the one before
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html). Where both are
of one task that is as it should be, and nothing is told. It must not know what becomes of a task.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.calls import tasks_named
from taskguard.evidence.recorder.recording import Recording
from taskguard.history import Deduplicated
from taskguard.service.stack import Stack


def deduplicated(
    recording: Recording, stack: Stack, names: MessageWords, task_ids: frozenset[str]
) -> Iterator[Deduplicated]:
    """The messages of ``task_ids`` that were dropped for another task's."""
    first: dict[str, str] = {}
    for call in sorted([*recording.calls, *recording.service_calls], key=lambda each: each.started_at_ms):
        for parameters in call.entries("SendMessage", stack.work_queue.name):
            message_id = call.sent.get(parameters.get("Id", ""))
            named = tasks_named(parameters, call, recording, names, task_ids) if message_id else ()
            if message_id is None or len(named) != 1:
                continue
            (task_id,) = named
            if (before := first.setdefault(message_id, task_id)) != task_id:
                yield Deduplicated(
                    at_ms=call.started_at_ms,
                    task_id=task_id,
                    first_task_id=before,
                    deduplication_id=parameters.get("MessageDeduplicationId"),
                )
