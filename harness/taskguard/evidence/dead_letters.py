"""What the functions of a stack logged of the tasks that failed for good, and of the attempts that came before.

All of them are read, since not only the dead-letter queue's consumers may log that a task is dead. What a log line claims is passed on
as a claim; checks compare it with the deliveries.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import LogWords, field_of
from taskguard.contract.log_text import facts_in
from taskguard.evidence.attempt_logs import attempt_logs, attempts_of_the_dead
from taskguard.evidence.log_lines import LogGroups, LogLine
from taskguard.evidence.runtime_lines import documents_in, said_in
from taskguard.history import DeadLetterLogged, Event, EvidenceMissing
from taskguard.service.stack import Stack
from taskguard.support.json_values import Json
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_LATE_LOGS_SECONDS = 15.0
_LATE_ATTEMPTS_SECONDS = 5.0
"""Without the logs of an attempt nothing but its error cannot be compared."""

_START = re.compile(r"START RequestId: (\S+)")


@dataclass(frozen=True, slots=True)
class LineOf:
    """A line, and the invocation that it is of, so far as the lines around it tell."""

    line: LogLine
    delivery_id: str | None


class _Reading:
    """The lines of some log groups, read until the invocations in ``awaited`` have ended."""

    def __init__(self, endpoint: Endpoint, groups: Iterable[str], since_ms: float, awaited: Iterable[str]) -> None:
        overlap_seconds = _LATE_LOGS_SECONDS * endpoint.clock.scale
        self._groups = LogGroups(endpoint, groups, since_ms, overlap_seconds)
        self._awaited, self._ended = set(awaited), set[str]()
        self.lines: list[LogLine] = []
        self.failure = ""

    def until_all_there(self, seconds: float) -> bool:
        """Whether all that is awaited was there in time, and nothing could not be read."""
        try:
            wait_for(self._all_there, seconds=seconds, every=0.1, at_most_every=0.5)
        except WaitedInVain:
            return False
        return True

    def _all_there(self) -> bool:
        try:
            for line in self._groups.read_new():
                self.lines.append(line)
                if line.message.startswith("REPORT "):
                    self._ended.update(line.message.split())
            self.failure = ""
        except (ClientError, BotoCoreError) as error:
            self.failure = f" ({error})"
        return self._awaited <= self._ended and not self.failure

    def has_all_of(self, delivery_id: str) -> bool:
        """Whether that invocation's lines were read to their end."""
        return delivery_id in self._ended


def dead_letter_logs(
    endpoint: Endpoint,
    stack: Stack,
    words: LogWords | Callable[[Sequence[LineOf]], LogWords | None],
    request_ids: Sequence[str],
    since_ms: float = 0.0,
    *,
    told: Sequence[Event] = (),
    ended_ms: Mapping[str, float] | None = None,
) -> list[Event]:
    """What the stack's functions logged of dead tasks from ``since_ms`` on, once the logs of all of ``request_ids``, the invocations
    of the dead-letter queue's consumers, are there; and what the attempts logged that ``told`` tells of. A dead-letter queue that is
    not there has no consumers, and without any nothing is read. The ``words`` may be learnt of what was read; where there are none, it is only
    told what could not be read. ``ended_ms`` is when invocations ended, where that was seen: some
    engines give a line a later time."""
    consumers = stack.dead_letter_queue.consumers if stack.dead_letter_queue is not None else ()
    if not consumers:
        return []
    groups = dict.fromkeys(map(stack.log_group_of, consumers))
    others = dict.fromkeys(each.log_group for each in stack.functions if each.log_group not in groups)
    missing: list[EvidenceMissing] = []

    def miss(what: str, affects: str, reading: _Reading) -> None:
        now_ms, found = endpoint.clock.now_ms(), f"{what}{reading.failure}"
        missing.append(EvidenceMissing(at_ms=now_ms, source="CloudWatch Logs", what=found, affects=(affects,)))

    of_monitors = _Reading(endpoint, groups, since_ms, request_ids)
    if not of_monitors.until_all_there(_LATE_LOGS_SECONDS):
        handled = f"the logs of all {len(request_ids)} invocations that handled dead letters"
        miss(f"{handled}, after {_LATE_LOGS_SECONDS:.0f} s", DeadLetterLogged.__name__, of_monitors)
    attempts = attempts_of_the_dead(told)
    ids = {each.failed.delivery_id for each in attempts}
    of_others = _Reading(endpoint, others, since_ms, {each for each in ids if not of_monitors.has_all_of(each)})
    if not of_others.until_all_there(_LATE_ATTEMPTS_SECONDS):
        if of_others.failure:
            miss("what other functions logged of dead tasks", DeadLetterLogged.__name__, of_others)
        miss("the logs of all attempts at tasks that died", "AttemptLogged", of_others)
    said = [*_said(of_monitors.lines), *_said(of_others.lines)]
    labels = _labels(stack)
    names = words(said) if callable(words) else words
    if names is None:
        return [each for each in missing if DeadLetterLogged.__name__ in each.affects]
    records = [*_dead_letters(said, names, labels, ended_ms or {})]
    whole = {each for each in ids if of_monitors.has_all_of(each) or of_others.has_all_of(each)}
    lines = defaultdict[str, list[LogLine]](list)
    for each in said:
        if each.delivery_id in whole:
            lines[each.delivery_id].append(each.line)
    return [*records, *attempt_logs(attempts, lines, records, names, labels), *missing]


def _labels(stack: Stack) -> Mapping[str, str]:
    """What the function is called that logs to a group; several may share one."""
    found: dict[str, list[str]] = {}
    for function in stack.functions:
        found.setdefault(function.log_group, []).append(function.label)
    return {group: " or ".join(labels) for group, labels in found.items()}


def _said(lines: Iterable[LogLine]) -> Iterator[LineOf]:
    streams: dict[tuple[str, str], list[LogLine]] = {}
    for line in lines:
        streams.setdefault((line.group, line.stream), []).append(line)
    for stream in streams.values():
        current: str | None = None
        # A line may have come after later ones; those of one moment are in their order.
        for line in sorted(stream, key=lambda each: each.at_ms):
            if (started := _START.match(line.message)) is not None:
                current = started[1]
            yield LineOf(line, said_in(line.message).request_id or current)
            if line.message.startswith("REPORT "):
                current = None


def _fields_in(message: str, names: LogWords) -> Mapping[str, Json] | None:
    """What the record of a dead task has that was logged here; none where it is none."""
    if names.text is not None:
        return facts_in(said_in(message).text, names.text)
    value = names.value or ""
    if value not in message and json.dumps(value)[1:-1] not in message:
        return None
    return next((each for each in documents_in(message) if each.get(names.event or "") == value), None)


def _dead_letters(
    said: Iterable[LineOf], names: LogWords, labels: Mapping[str, str], ended_ms: Mapping[str, float]
) -> Iterator[DeadLetterLogged]:
    for each in said:
        fields = _fields_in(each.line.message, names)
        if fields is None:
            continue
        task_id, message_id = field_of(fields, names.task_id), field_of(fields, names.message_id)
        at_ms = float(each.line.at_ms)
        yield DeadLetterLogged(
            at_ms=min(at_ms, ended_ms.get(each.delivery_id or "", at_ms)),
            task_id=task_id if isinstance(task_id, str) else None,
            message_id=message_id if isinstance(message_id, str) else None,
            fields=fields,
            function=labels.get(each.line.group),
            delivery_id=each.delivery_id,
        )
