"""From a recording to the tasks that consumers put off by schedules of EventBridge Scheduler, which the engine takes and does not run.

So such a task never comes back, and how its attempt ended is not known. It must not know whether it was to be tried again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.beside import Followed
from taskguard.evidence.recorder.recording import Call, Recording
from taskguard.evidence.recorder.sends import again_in
from taskguard.history import EvidenceMissing

_AFFECTED = ("AttemptSucceeded", "AttemptFailed")
"""Its later deliveries are not missing: there are none."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A message of a delivery, and the call that made a schedule for its task."""

    delivery_id: str
    message_id: str
    task_id: str | None
    call: Call

    @property
    def key(self) -> tuple[str, str]:
        return (self.delivery_id, self.message_id)


def scheduled(recording: Recording, queues: Followed, names: MessageWords) -> list[Scheduled]:
    """The tasks that were put off in an attempt, whatever is to be invoked with them."""
    found: list[Scheduled] = []
    for call in recording.calls:
        if call.service != "scheduler" or call.operation != "CreateSchedule" or call.error_code is not None:
            continue
        invocation = recording.invocations.get(call.request_id or "")
        batch = [each for each in invocation.messages if each.queue_arn in queues.attempts] if invocation else []
        of = again_in(str((call.parameters.get("Target") or {}).get("Input", "")), batch, names)
        if of is None and len(batch) == 1:
            of = batch[0]
        if of is not None:
            found.append(Scheduled(call.request_id or "", of.message_id, names.id_of(of.body), call))
    return found


def not_run(found: list[Scheduled], only: frozenset[str] | None, source: str) -> Iterator[EvidenceMissing]:
    """That what became of these tasks, ``only`` of those asked for, is not known."""
    wanted = [each for each in found if only is None or not only.isdisjoint((each.task_id, each.message_id))]
    if wanted:
        tasks = tuple(sorted({each.task_id for each in wanted if each.task_id is not None}))
        what = (
            f"what becomes of tasks that are put off by EventBridge Scheduler ({len(tasks) or len(wanted)} here): the engine takes schedules, "
            "and does not run them"
        )
        yield EvidenceMissing(
            at_ms=wanted[0].call.started_at_ms, source=source, what=what, affects=_AFFECTED, task_ids=tasks
        )
