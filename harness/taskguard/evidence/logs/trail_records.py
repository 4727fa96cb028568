"""The records of the trail as values, read strictly: what is not of its type gets no further than here.

It knows how the trail names its fields, and nothing of lines, platforms and engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from taskguard.contract.dialect import TrailWords
from taskguard.support.json_values import Json
from taskguard.support.typed import Strict, typed

Finite: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e15, lt=1e15)]
"""Milliseconds, not beyond any date: a time that is no number would spoil the order of a whole history."""


class Handed(Strict, frozen=True, kw_only=True):
    """A message as it was handed over; its body and its receipt handle only as digests."""

    message_id: str
    receive_count: int
    queue_arn: str
    receipt: str
    task_id: str | None
    body_digest: str

    def __post_init__(self) -> None:
        if self.receive_count < 1:
            raise ValueError(f"a receive count is 1 or more, not {self.receive_count}")


class Received(Strict, frozen=True, kw_only=True):
    """What an invocation was handed."""

    at: Finite
    messages: tuple[Handed, ...]


class Answered(Strict, frozen=True, kw_only=True):
    """What an invocation answered."""

    at: Finite
    answer: Json


class Raised(Strict, frozen=True, kw_only=True):
    """What an invocation ended with instead of an answer."""

    at: Finite
    error: str | None


class AskedEntry(Strict, frozen=True, kw_only=True):
    """One message whose visibility was to be changed."""

    entry_id: str | None
    receipt: str
    visibility_timeout: Finite | None


class Asked(Strict, frozen=True, kw_only=True):
    """A call that was made of a queue. ``status`` is the answer's, 0 when none came."""

    started_at: Finite
    ended_at: Finite
    queue_url: str | None
    entries: tuple[AskedEntry, ...]
    status: int
    error: str | None
    refused: tuple[str, ...]


Record: TypeAlias = Received | Answered | Raised | Asked


def read(record: Mapping[str, Any], names: TrailWords) -> Record | None:
    """What the record says; none when it is not of the trail.

    Raises:
        Refused: when it is of the trail and cannot be what the trail wrote.
    """
    kinds: dict[str, type[Record]] = {
        names.received: Received,
        names.answered: Answered,
        names.raised: Raised,
        names.call: Asked,
    }
    event = record.get(names.event)
    kind = kinds.get(event) if isinstance(event, str) else None
    return None if kind is None else typed(kind, _renamed(kind, record, names))


def _renamed(kind: type[Strict], record: Any, names: TrailWords) -> Any:
    """The record's fields by our names; what else it has is not looked at."""
    if isinstance(record, list):
        return [_renamed(kind, item, names) for item in record]
    if not isinstance(record, dict):
        return record
    found = {name: record.get(getattr(names, name)) for name in kind.__struct_fields__}
    return found | {name: _renamed(part, found[name], names) for name, part in _PARTS.items() if name in found}


_PARTS: Mapping[str, type[Strict]] = {"messages": Handed, "entries": AskedEntry}
