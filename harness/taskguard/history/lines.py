"""The lines of a history's file: what each says, and what no run writes.

A run writes its events in order of time, and each of them once: `told_once` is how it does so, and a file that says otherwise was
edited. It must not know what is expected of a pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec

from taskguard.errors import HistoryError
from taskguard.history.events import (
    EVENT_KINDS,
    AttemptFailed,
    AttemptSucceeded,
    DeadLetterLogged,
    Delivered,
    Event,
    RecordChanged,
    RecordObserved,
    RunEnded,
)
from taskguard.history.of_functions import AttemptLogged
from taskguard.history.sharing import Shared
from taskguard.support.typed import Refused, typed, untyped

_ADVICE = "The file was damaged or written by another version of TaskGuard; run again to make a new one."


def told_once(events: Iterable[Event]) -> list[Event]:
    """The events in order of time, each but once: what is told twice in the same words of the same moment happened once. Only what a
    pipeline itself logged may be there again, for it may log twice."""
    kept: list[Event] = []
    for _, same_time in groupby(sorted(events, key=attrgetter("at_ms")), attrgetter("at_ms")):
        together = list(same_time)
        if len(together) == 1:
            kept += together
            continue
        told = set[str]()
        for event in together:
            line = json.dumps(untyped(event))
            if isinstance(event, DeadLetterLogged) or line not in told:
                kept.append(event)
            told.add(line)
    return kept


def read_lines(lines: Iterable[bytes], source: Path) -> Iterator[Event]:
    """Yield the events of a history's lines; ``source`` is the file they are from.

    Raises:
        UnicodeDecodeError: a line is no UTF-8.
        HistoryError: a line is not an event, or no run writes it there; names the file and the line.
    """
    shared, at_ms, of_this_time = Shared(), 0.0, set[bytes]()
    for number, line in enumerate(lines, 1):
        try:
            event = _event(line)
            if event.at_ms < at_ms:
                raise Refused("it is of an earlier time than the line before")
            if event.at_ms > at_ms:
                at_ms = event.at_ms
                of_this_time.clear()
            if line in of_this_time and not isinstance(event, DeadLetterLogged):
                raise _told_before(event)
        except Refused as refused:
            raise _not_written(refused, source, number) from None
        of_this_time.add(line)
        shared.put_into(event)
        yield event


def refuse_repeated(by_kind: Mapping[type, Sequence[Event]], place: Callable[[Event], int], source: Path) -> None:
    """Refuse a history that was read ``by_kind`` if something happens again in it that happens once; ``place`` is an event's index.

    Raises:
        HistoryError: something does; names the file and the line.
    """
    for kind, fact in _FACTS.items():
        told = set[Hashable]()
        for event in by_kind.get(kind, ()):
            if (what := fact(event)) in told:
                raise _not_written(_told_before(event), source, place(event) + 1)
            told.add(what)


_OF_DELIVERY = attrgetter("message_id", "receive_count", "delivery_id")

_FACTS: Mapping[type[Event], Callable[[Event], Hashable]] = {
    Delivered: _OF_DELIVERY,
    AttemptSucceeded: _OF_DELIVERY,
    AttemptFailed: _OF_DELIVERY,
    AttemptLogged: _OF_DELIVERY,
    RecordObserved: attrgetter("task_id"),
    RecordChanged: attrgetter("task_id", "number"),
    RunEnded: type,
}
"""What happens once, whenever it does, and by what it is told from others of its kind."""


def _told_before(event: Event) -> Refused:
    return Refused(f"{type(event).__name__}: a line before tells the same")


def _not_written(why: Refused, source: Path, number: int) -> HistoryError:
    return HistoryError(f"Reading {source}, line {number}: {why}. {_ADVICE}")


_READER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def _event(line: bytes) -> Event:
    try:
        return _READER.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _otherwise_read(line.decode())


def _otherwise_read(line: str) -> Event:
    """The event of a line, by Python's own reader: it takes any number and any text that JSON can hold, and what does not fit is told."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON ({error})") from None
    name = found.pop("event", None) if isinstance(found, dict) else None
    if not isinstance(name, str):
        raise Refused('not an object that names its "event"')
    kind = EVENT_KINDS.get(name)
    if kind is None:
        raise Refused(f'unknown "event" {name!r}; known are {", ".join(EVENT_KINDS)}')
    try:
        return typed(kind, found)
    except Refused as refused:
        raise Refused(f"{name}: {refused}") from None
