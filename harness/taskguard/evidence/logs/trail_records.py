"""The records of the trail as values, read strictly: what is not of its type gets no further than here.

It knows how the trail names its fields, and nothing of lines, platforms and engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

from taskguard.contract.dialect import TrailWords
from taskguard.support.strict_json import Json, Misfit, Reader, from_json

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What an invocation was handed."""

    at: float
    messages: tuple[Handed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an invocation answered."""

    at: float
    answer: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What an invocation ended with instead of an answer."""

    at: float
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEntry:
    """One message whose visibility was to be changed."""

    entry_id: str | None
    receipt: str
    visibility_timeout: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that was made of a queue. ``status`` is the answer's, 0 when none came."""

    started_at: float
    ended_at: float
    queue_url: str | None
    entries: tuple[AskedEntry, ...]
    status: int
    error: str | None
    refused: tuple[str, ...]


Record: TypeAlias = Received | Answered | Raised | Asked


def read(record: Mapping[str, Any], names: TrailWords) -> Record | None:
    """What the record says; none when it is not of the trail.

    Raises:
        Misfit: when it is of the trail and cannot be what the trail wrote.
    """
    kinds: dict[str, type[Record]] = {
        names.received: Received,
        names.answered: Answered,
        names.raised: Raised,
        names.call: Asked,
    }
    event = record.get(names.event)
    kind = kinds.get(event) if isinstance(event, str) else None
    return _read(kind, record, names) if kind is not None else None


def _read(kind: type[T], record: object, names: TrailWords) -> T:
    if not isinstance(record, dict):
        raise Misfit(f"expected an object with the fields of {kind.__name__}, found {record!r:.60}")
    picked = {field.name: record.get(getattr(names, field.name)) for field in fields(kind)}  # type: ignore[arg-type]
    readers: dict[str, Reader] = {
        "float": _finite,
        "float | None": lambda value: None if value is None else _finite(value),
        "tuple[Handed, ...]": lambda value: _each(Handed, value, names),
        "tuple[AskedEntry, ...]": lambda value: _each(AskedEntry, value, names),
    }
    return from_json(kind, picked, readers)


def _each(kind: type[T], value: object, names: TrailWords) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise Misfit(f"expected a list, found {value!r:.60}")
    return tuple(_read(kind, item, names) for item in value)


def _finite(value: object) -> float:
    # A time that is no number would spoil the order of a whole history.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(value)
    raise Misfit(f"expected a number, found {value!r:.60}")


_LARGEST = 1e15
"""Milliseconds beyond any date."""
