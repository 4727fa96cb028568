"""The lines of a history's file: what each says, and what no run writes.

A run writes its events in order of time, and each of them once: `told_once` is how it does so, and a file that says otherwise was
edited. It must not know what is expected of a pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

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


class _SoFar:
    """What the lines before tell."""

    def __init__(self) -> None:
        self._at_ms = 0.0
        self._lines = set[str]()
        self._facts = set[Hashable]()

    def take(self, event: Event, line: str) -> None:
        """Take the next line; ``Refused`` if it is of an earlier time, or tells again what was told."""
        if event.at_ms < self._at_ms:
            raise Refused("it is of an earlier time than the line before")
        if event.at_ms > self._at_ms:
            self._at_ms = event.at_ms
            self._lines.clear()
        fact = _fact(event)
        if fact in self._facts or (line in self._lines and not isinstance(event, DeadLetterLogged)):
            raise Refused(f"{type(event).__name__}: a line before tells the same")
        self._lines.add(line)
        if fact is not None:
            self._facts.add(fact)


def _fact(event: Event) -> Hashable:
    """What happens once, whenever it does; none where the event is not of that kind."""
    match event:
        case Delivered() | AttemptSucceeded() | AttemptFailed() | AttemptLogged():
            return (type(event), event.message_id, event.receive_count, event.delivery_id)
        case RecordObserved():
            return (RecordObserved, event.task_id)
        case RecordChanged():
            return (RecordChanged, event.task_id, event.number)
        case RunEnded():
            return RunEnded
        case _:
            return None


def read_lines(lines: Iterable[str], source: Path) -> Iterator[Event]:
    """Yield the events of a history's lines; ``source`` is the file they are from.

    Raises:
        HistoryError: a line is not an event, or no run writes it there; names the file and the line.
    """
    # Python's own reader keeps each number exactly as it is written, whatever its size.
    decoder = json.JSONDecoder(object_hook=_sharing())
    so_far = _SoFar()
    for number, line in enumerate(lines, 1):
        try:
            event = _event(line, decoder)
            so_far.take(event, line)
            yield event
        except Refused as refused:
            raise HistoryError(f"Reading {source}, line {number}: {refused}. {_ADVICE}") from None


def _sharing() -> Callable[[dict[str, object]], dict[str, object]]:
    """Of strings that are equal one is kept: most of a file says the same again."""
    strings: dict[str, str] = {}
    keep = strings.setdefault
    return lambda found: {
        keep(name, name): keep(value, value) if type(value) is str else value for name, value in found.items()
    }


def _event(line: str, decoder: json.JSONDecoder) -> Event:
    try:
        found = decoder.decode(line)
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
