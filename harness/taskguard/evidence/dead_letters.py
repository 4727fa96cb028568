"""What the consumers of the dead-letter queue logged of the tasks that failed for good.

What a log line claims is passed on as a claim; checks compare it with the deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import LogWords, field_of
from taskguard.evidence.log_lines import LogGroups, LogLine
from taskguard.history import DeadLetterLogged, Event, EvidenceMissing
from taskguard.service.stack import Stack
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_LATE_LOGS_SECONDS = 15.0


def dead_letter_logs(
    endpoint: Endpoint, stack: Stack, names: LogWords, request_ids: Sequence[str], since_ms: float = 0.0
) -> list[Event]:
    """What the dead-letter queue's consumers logged from ``since_ms`` on, once the logs of all of ``request_ids`` are there. A
    dead-letter queue that is not there has no consumers."""
    functions = stack.dead_letter_queue.consumers if stack.dead_letter_queue is not None else ()
    overlap_seconds = _LATE_LOGS_SECONDS * endpoint.clock.scale
    groups = LogGroups(endpoint, map(stack.log_group_of, functions), since_ms, overlap_seconds)
    lines: list[LogLine] = []
    awaited, failure = set(request_ids), ""

    def all_there() -> bool:
        nonlocal failure
        try:
            for line in groups.read_new():
                lines.append(line)
                if line.message.startswith("REPORT "):
                    awaited.difference_update(line.message.split())
            failure = ""
        except (ClientError, BotoCoreError) as error:
            failure = f" ({error})"
        return not awaited and not failure

    missing: list[Event] = []
    try:
        wait_for(all_there, seconds=_LATE_LOGS_SECONDS, every=0.1, at_most_every=0.5)
    except WaitedInVain:
        missing.append(
            EvidenceMissing(
                at_ms=endpoint.clock.now_ms(),
                source="CloudWatch Logs",
                what=f"the logs of all {len(request_ids)} invocations that handled dead letters, "
                f"after {_LATE_LOGS_SECONDS:.0f} s{failure}",
                affects=("DeadLetterLogged",),
            )
        )
    return [*_dead_letters(lines, names), *missing]


def _dead_letters(lines: Iterable[LogLine], names: LogWords) -> Iterator[DeadLetterLogged]:
    for line in lines:
        try:
            fields = json.loads(line.message)
        except (ValueError, RecursionError):
            continue
        if not isinstance(fields, dict) or fields.get(names.event) != names.value:
            continue
        task_id, message_id = field_of(fields, names.task_id), field_of(fields, names.message_id)
        yield DeadLetterLogged(
            at_ms=float(line.at_ms),
            task_id=task_id if isinstance(task_id, str) else None,
            message_id=message_id if isinstance(message_id, str) else None,
            fields=fields,
        )
