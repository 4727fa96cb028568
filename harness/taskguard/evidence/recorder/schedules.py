"""From a recording to the tasks that consumers put off by what the engine takes and does not run: schedules of EventBridge Scheduler, and items
that are to expire in a table whose stream tells a function of it.

So such a task never comes back, and how its attempt ended is not known. It must not know whether it was to be tried again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.beside import Followed
from taskguard.evidence.recorder.recording import Call, Message, Recording
from taskguard.evidence.recorder.sends import again_in
from taskguard.history import EvidenceMissing
from taskguard.service.stack import Stack, Table

_AFFECTED = ("AttemptSucceeded", "AttemptFailed")
"""Its later deliveries are not missing: there are none."""
_FEWEST = 3
"""Of fewer messages nobody can tell whether what was written for some of them is written for all."""
_WRITES = ("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems")
_SCHEDULES = "by EventBridge Scheduler", "the engine takes schedules, and does not run them"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A message of a delivery, and the call that put its task off; ``how`` it did, and why it never comes back, are clauses."""

    delivery_id: str
    message_id: str
    task_id: str | None
    call: Call
    how: tuple[str, str]

    @property
    def key(self) -> tuple[str, str]:
        return (self.delivery_id, self.message_id)


def scheduled(recording: Recording, stack: Stack, queues: Followed, names: MessageWords) -> list[Scheduled]:
    """The tasks that were put off in an attempt, whatever is to be invoked with them."""
    found = [
        _put_off(call, of, names, _SCHEDULES)
        for call, batch in _calls(recording, queues, "scheduler", ("CreateSchedule",))
        if (of := again_in(_input_of(call), batch, names) or _only(batch)) is not None
    ]
    for table in stack.expiring:
        found += _expiring(recording, table, queues, names)
    return found


def not_run(found: list[Scheduled], only: frozenset[str] | None, source: str) -> Iterator[EvidenceMissing]:
    """That what became of these tasks, ``only`` of those asked for, is not known."""
    for how, why in dict.fromkeys(each.how for each in found):
        of_its_kind = [each for each in found if each.how == (how, why)]
        wanted = [each for each in of_its_kind if only is None or not only.isdisjoint((each.task_id, each.message_id))]
        if wanted:
            tasks = tuple(sorted({each.task_id for each in wanted if each.task_id is not None}))
            what = f"what becomes of tasks that are put off {how} ({len(tasks) or len(wanted)} here): {why}"
            yield EvidenceMissing(
                at_ms=wanted[0].call.started_at_ms, source=source, what=what, affects=_AFFECTED, task_ids=tasks
            )


def _expiring(recording: Recording, table: Table, queues: Followed, names: MessageWords) -> list[Scheduled]:
    """Those of which an item was written that is to expire; none where that is so of all."""
    how = f"by items of the table {table.in_template} that are to expire", "the engine lets no item expire"
    found = list[Scheduled]()
    for call, batch in _calls(recording, queues, "dynamodb", _WRITES):
        text = json.dumps(call.parameters)
        if table.name in text and f"{table.expires_by}" in text:
            of = _named_in(text, batch, names) or _only(batch)
            found += [_put_off(call, of, names, how)] if of is not None else []
    handed = {
        (each.request_id, message.message_id)
        for each in recording.invocations.values()
        for message in each.messages
        if message.queue_arn in queues.attempts
    }
    return found if len(handed - {each.key for each in found}) >= _FEWEST else []


def _calls(
    recording: Recording, queues: Followed, service: str, operations: Sequence[str]
) -> Iterator[tuple[Call, list[Message]]]:
    """The calls of this kind that took effect, each with what its attempt's delivery was handed."""
    for call in recording.calls:
        if call.service == service and call.operation in operations and call.error_code is None:
            invocation = recording.invocations.get(call.request_id or "")
            batch = [each for each in invocation.messages if each.queue_arn in queues.attempts] if invocation else []
            if batch:
                yield call, batch


def _put_off(call: Call, of: Message, names: MessageWords, how: tuple[str, str]) -> Scheduled:
    return Scheduled(call.request_id or "", of.message_id, names.id_of(of.body), call, how)


def _input_of(schedule: Call) -> str:
    return str((schedule.parameters.get("Target") or {}).get("Input", ""))


def _named_in(text: str, batch: Sequence[Message], names: MessageWords) -> Message | None:
    found = [each for each in batch if (task_id := names.id_of(each.body)) is not None and f'"{task_id}' in text]
    return _only(found)


def _only(batch: Sequence[Message]) -> Message | None:
    return batch[0] if len(batch) == 1 else None
