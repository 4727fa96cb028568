"""What the failed attempts at a task that died later logged, as far as it may tell of an error.

Few lines, and short ones: a function may log whatever it likes. It must not know how logs are read, nor what is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from taskguard.contract.dialect import LogWords, field_of
from taskguard.evidence.log_lines import LogLine
from taskguard.history import AttemptFailed, AttemptLogged, DeadLettered, DeadLetterLogged, Delivered, Event
from taskguard.support.json_values import spellings_of

_MOST_LINES = 12
_LONGEST_LINE = 2_000
_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: |INIT_START ")
_MAY_TELL = re.compile(r"fail|err|exception|reason|cause|time[sd]?[ -]?out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AttemptOfTheDead:
    """A failed attempt, and the tasks and messages that were handed over with it."""

    failed: AttemptFailed
    neighbours: frozenset[str]


def attempts_of_the_dead(told: Iterable[Event]) -> Sequence[AttemptOfTheDead]:
    """The failed attempts at tasks of which it is told that they died."""
    failed: list[AttemptFailed] = []
    dead: set[str] = set()
    together: dict[str, set[str]] = {}
    for event in told:
        match event:
            case AttemptFailed():
                failed.append(event)
            case DeadLettered(task_id=str(task_id)):
                dead.add(task_id)
            case Delivered():
                ids = {event.message_id} if event.task_id is None else {event.message_id, event.task_id}
                together.setdefault(event.delivery_id, set()).update(ids)
            case _:
                pass
    return [
        AttemptOfTheDead(each, frozenset(together.get(each.delivery_id, set()) - {each.task_id, each.message_id}))
        for each in failed
        if each.task_id in dead
    ]


def attempt_logs(
    attempts: Iterable[AttemptOfTheDead],
    lines: Mapping[str, Sequence[LogLine]],
    records: Iterable[DeadLetterLogged],
    names: LogWords,
    labels: Mapping[str, str],
) -> Iterator[AttemptLogged]:
    """What each of the attempts logged, of those whose invocation has ``lines``. ``records`` are what was logged of dead tasks, and
    ``labels`` what the function is called that logs to a group."""
    logged: dict[str | None, set[str]] = {}
    for record in records:
        if isinstance(error := field_of(record.fields, names.error), str) and error:
            logged.setdefault(record.task_id, set()).update(spellings_of(error))
    for attempt in attempts:
        failed = attempt.failed
        of_it = lines.get(failed.delivery_id)
        if not of_it:
            continue
        sought = logged.get(failed.task_id, set())
        yield AttemptLogged(
            at_ms=failed.at_ms,
            task_id=failed.task_id,
            message_id=failed.message_id,
            receive_count=failed.receive_count,
            delivery_id=failed.delivery_id,
            function=labels.get(of_it[0].group, of_it[0].group),
            lines=tuple(_telling([line.message for line in of_it], attempt.neighbours, sought)),
        )


def _telling(lines: Iterable[str], neighbours: frozenset[str], sought: set[str]) -> list[str]:
    of_others = [re.compile(rf"(?<![\w-]){re.escape(each)}(?![\w-])") for each in neighbours]
    own = [
        line for line in lines if not _PLATFORM.match(line) and not any(pattern.search(line) for pattern in of_others)
    ]
    # What was logged of the dead task is looked for in all of them: that it is not there says something.
    holding = [line for line in own if any(each in line for each in sought)][-_MOST_LINES:]
    others = [line for line in own if _MAY_TELL.search(line) and line not in holding][-_MOST_LINES:]
    return [_cut(line, sought) for line in (*others, *holding)]


def _cut(line: str, sought: set[str]) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    at = max((line.find(each) for each in sought), default=-1)
    start = max(0, min(at, len(line) - _LONGEST_LINE))
    return line[start : start + max(_LONGEST_LINE, *map(len, sought), 0)]
