"""Of values that are equal one is kept: most of a history's file says the same again.

It must not know what any event means.
"""

from __future__ import annotations

import marshal
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import fields, force_setattr

from taskguard.history.events import EVENT_KINDS, Event, RecordedAttempt
from taskguard.history.values import Finite, Moment

_MOST = 100_000
"""So many values are remembered at a time: what is said again is said soon."""

_WITHOUT_REFERENCES = 2
"""The version of Python's own format in which equal values are written alike, however they are kept."""


def _exactly(value: Any) -> Hashable:
    """What is the same of two JSON values only if nothing tells these apart: `1`, `1.0` and `True` are three, and each zero has its sign."""
    try:
        return marshal.dumps(value, _WITHOUT_REFERENCES)
    except ValueError:
        # What is nested very deeply is shared with none.
        return object()


class Shared:
    """The values that were read, to be put in place of equal ones."""

    def __init__(self) -> None:
        self._kept: dict[object, Any] = {}

    def put_into(self, event: Event | RecordedAttempt) -> None:
        """Let an event that was just read, or a part of one, have what was read before in place of its own."""
        if len(self._kept) > _MOST:
            self._kept.clear()
        keep = self._kept.setdefault
        scalars, documents, parts = _FIELDS[type(event)]
        for name in scalars:
            value = getattr(event, name)
            if value is not None:
                force_setattr(event, name, keep(value or _exactly(value), value))
        for name in documents:
            value = getattr(event, name)
            force_setattr(event, name, keep(_exactly(value), value))
        for name in parts:
            for part in getattr(event, name):
                self.put_into(part)


class _Fields(NamedTuple):
    """The names of a struct's fields that hold texts and numbers, any JSON value, and parts with such fields."""

    scalars: tuple[str, ...]
    documents: tuple[str, ...]
    parts: tuple[str, ...]


_SCALARS = (str, tuple[str, ...], Moment, Finite)


def _fields_of(kind: type[Struct]) -> _Fields:
    types = {field.name: field.type for field in fields(kind)}
    scalars = (*_SCALARS, *(each | None for each in _SCALARS))
    return _Fields(
        scalars=tuple(name for name, of in types.items() if of in scalars),
        documents=tuple(name for name, of in types.items() if of is Any),
        parts=tuple(name for name, of in types.items() if of == tuple[RecordedAttempt, ...]),
    )


_FIELDS: Mapping[type, _Fields] = {kind: _fields_of(kind) for kind in (*EVENT_KINDS.values(), RecordedAttempt)}
