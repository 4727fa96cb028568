"""In which words a service logs a dead task: what tells that record from all others, and where it has the task, its payload and the rest.

Learnt from the JSON records that were logged while dead letters were handled or tasks were worked on. A field is known by what it
holds: the id, the payload, the number of receives, the text of an error that the last attempt had logged. It must not know how logs
are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from taskguard.contract.learning.deaths import Death
from taskguard.contract.learning.learnt import Learnt, decided, holds, times
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

_RECORD = "dead-letter record"

_OF_LOGGERS = frozenset(
    {"level", "severity", "logger", "service", "timestamp", "time", "location", "hostname", "pid", "name"}
    | {"xray_trace_id", "trace_id", "sampling_rate", "cold_start", "requestid", "awsrequestid"}
    | {"function_name", "function_arn", "function_memory_size", "function_request_id"}
)
"""What libraries add to each record: those of Powertools, of Lambda's own JSON format, of pino, winston and structlog."""

_PROSE = frozenset({"message", "msg", "text"})
"""Where loggers keep a sentence for people: no record is told by it where another field does."""

_OF_EVENTS = frozenset({"event", "eventtype", "event_type", "eventname", "event_name", "type", "kind"})
"""What people call the field that tells records apart. Of several that pick the same records it is as good as any."""

_OF_ERRORS = re.compile(r"err|reason|cause|why|exception|stack|problem|fail", re.IGNORECASE)
"""What people call the text of an error, which may be the same for all tasks."""

_SHORTEST_ERROR = 4


def words_of_log(deaths: Sequence[Death], others: Sequence[Mapping[str, Json]]) -> tuple[Learnt, ...]:
    """What is to be learnt of the log of these deaths, beside the ``others`` that were logged and name no dead task; nothing where none of
    the deaths was logged as JSON."""
    logged = [each for each in deaths if each.records]
    if not logged:
        return ()
    found = _events(logged, others)
    learnt = _decided_event(found, logged)
    if not all(each.is_certain for each in learnt):
        return tuple(learnt)
    (field, value) = (str(each.value) for each in learnt)
    records = [(death, record) for death in logged for record in death.records if record.get(field) == value]
    return (*learnt, *_fields(records, taken={field}))


def _events(logged: Sequence[Death], others: Sequence[Mapping[str, Json]]) -> list[tuple[str, str]]:
    """The fields and values that records of dead tasks have, and no others."""
    elsewhere = {pair for record in others for pair in _pairs(record)}
    of_each = [
        {pair for record in death.records for pair in _pairs(record) if pair[1] != death.task_id} for death in logged
    ]
    common = set.intersection(*of_each) - elsewhere if of_each else set()
    fit = sorted(pair for pair in common if _may_be_event(*pair))
    named = [pair for pair in fit if pair[0].lower() in _OF_EVENTS]
    return named if len(named) == 1 else [pair for pair in fit if pair[0].lower() not in _PROSE] or fit


def _may_be_event(field: str, value: str) -> bool:
    of_another = field.lower() in _OF_LOGGERS or _OF_ERRORS.search(field)
    return not of_another and milliseconds(value) is None


def _pairs(record: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in record.items() if isinstance(value, str) and value)


def _decided_event(found: Sequence[tuple[str, str]], logged: Sequence[Death]) -> list[Learnt]:
    if len(found) == 1 and len(logged) > 1:
        field, value = found[0]
        evidence = f"it is so in a record of each of {times(len(logged), 'dead task')}, and in no other"
        return [
            Learnt(table="log", key="event", value=field, evidence=evidence),
            Learnt(table="log", key="value", value=value, evidence=evidence),
        ]
    fit = tuple(f"{field} = {value}" for field, value in found)
    evidence = f"{'several fields tell' if fit else 'no field tells'} a dead task's record from others"
    if len(logged) == 1:
        evidence = "one task alone died and was logged, and others are needed to tell what is the same in all"
    return [Learnt(table="log", key="event", candidates=fit, evidence=evidence)]


def _fields(records: Sequence[tuple[Death, Mapping[str, Json]]], taken: set[str]) -> Iterator[Learnt]:
    own = [(death, {k: v for k, v in record.items() if k.lower() not in _OF_LOGGERS}) for death, record in records]
    for key, what, fits in _FIELDS:
        found = [
            frozenset(name for name, value in record.items() if name not in taken and fits(death, value))
            for death, record in own
        ]
        if key in ("payload", "error"):
            # What one record has right tells which field it is; where others have something else, that is for a check to tell.
            found = [names for names in found if names] or found
        elif key == "attempts":
            # Who counts attempts in the function knows only of its own.
            whole = [names for names, (death, _) in zip(found, own, strict=True) if death.own == death.receives]
            found = whole or found
        if key == "error" and not any(found):
            yield _error([record for _, record in own], taken)
            continue
        learnt = decided("log", key, found, what=what, where=_RECORD)
        if isinstance(learnt.value, str):
            taken.add(learnt.value)
        yield learnt


def _error(records: Sequence[Mapping[str, Json]], taken: set[str]) -> Learnt:
    """The text of an error where no attempt logged it: the only text that is left, if it is called as errors are. A task that the run itself
    made to die may have none."""
    texts = {name for each in records for name, value in each.items() if value is None or isinstance(value, str)}
    left = sorted(texts - taken)
    called = [name for name in left if _OF_ERRORS.search(name)]
    if left == called and len(called) == 1:
        evidence = "it is the only text left, and called as errors are"
        return Learnt(table="log", key="error", value=called[0], evidence=evidence)
    evidence = "no field has what an attempt logged of an error"
    return Learnt(table="log", key="error", candidates=tuple(called or left), evidence=evidence)


def _is_number_of_attempts(death: Death, value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in (death.receives, death.own)


def _is_within(which: str) -> Callable[[Death, Json], bool]:
    def fits(death: Death, value: Json) -> bool:
        first, last = death.created if which == "created" else death.failed
        at_ms = milliseconds(value) if isinstance(value, str) else None
        return at_ms is not None and first <= at_ms <= last

    return fits


def _is_error(death: Death, value: Json) -> bool:
    return isinstance(value, str) and len(value) >= _SHORTEST_ERROR and any(value in line for line in death.errors)


_FIELDS: tuple[tuple[str, str, Callable[[Death, Json], bool]], ...] = (
    ("task_id", "the task's id", lambda death, value: value == death.task_id),
    ("message_id", "the message's id", lambda death, value: value == death.message_id),
    ("payload", "the payload", lambda death, value: death.sent is not None and holds(value, death.sent)),
    ("attempts", "the number of attempts", _is_number_of_attempts),
    ("created_at", "when the task was handed in", _is_within("created")),
    ("failed_at", "when the last attempt failed", _is_within("failed")),
    ("error", "what the last attempts logged of an error", _is_error),
)
"""In this order, since no field is two of them."""
