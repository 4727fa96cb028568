"""JSON as a type, compared strictly, and frozen dataclasses to and from it.

Serves the files that outlive a run (history, manifest). It must not know what the dataclasses mean: it reads a field
by its annotation, refuses what does not fit, and says where.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value as Python's `json` module reads it (a tuple counts as a list)."""

T = TypeVar("T")
Reader: TypeAlias = Callable[[object], Any]


class Misfit(ValueError):
    """A JSON value that does not fit the dataclass it is read into; the reader of the file adds the place."""


def canonical(value: Json) -> str:
    """Return the one text that stands for `value`: keys sorted, no spaces, `1` and `1.0` and `true` all different."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def same_json(left: Json, right: Json) -> bool:
    """Tell whether two JSON values are the same, types included: `1`, `1.0` and `True` are three values."""
    return canonical(left) == canonical(right)


def to_json(value: Any) -> Any:
    """Return a dataclass (and what it holds) as plain dicts, lists and scalars, fields in their declared order."""
    # Most of what is in a history, and quickly told.
    if value is None or type(value) in _SCALARS:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: write(getattr(value, name)) for name, write in _writers(type(value))}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def added_later(default: Any) -> Any:
    """A field that files which were written before it existed lack: they are read as if they held ``default``."""
    return dataclasses.field(default=default, metadata={_ADDED_LATER: True})


def from_json(cls: type[T], value: object, readers: Mapping[str, Reader] | None = None) -> T:
    """Build the dataclass `cls` from a JSON object that has exactly its fields, but for those :func:`added_later`.

    `readers` adds readers by annotation, for nested dataclasses.

    Raises:
        Misfit: a field is missing, unknown, or of the wrong type; the message names the field.
    """
    return reader_of(cls, readers)(value)


def reader_of(cls: type[T], readers: Mapping[str, Reader] | None = None) -> Callable[[object], T]:
    """Return :func:`from_json` for one dataclass, which need not look at its fields again for each of many objects."""
    known = {**_READERS, **(readers or {})}
    fields = [(field.name, known[str(field.type)], field.metadata) for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    parts = [(name, read, _EXACT.get(read)) for name, read, _ in fields]
    names = {name for name, _, _ in fields}
    wanted = {name for name, _, metadata in fields if not metadata.get(_ADDED_LATER)}

    def read_object(value: object) -> T:
        if not isinstance(value, dict):
            raise Misfit(f"expected an object with the fields of {cls.__name__}, found {_shown(value)}")
        found = parts
        if value.keys() != names:
            _refuse_other_fields(cls, value, wanted, names)
            found = [part for part in parts if part[0] in value]
        arguments = {}
        try:
            for name, read, exact in found:
                item = value[name]
                arguments[name] = item if type(item) is exact else read(item)
        except Misfit as misfit:
            raise Misfit(f"{cls.__name__}.{name}: {misfit}") from None
        try:
            return cls(**arguments)
        except ValueError as error:
            raise Misfit(f"{cls.__name__}: {error}") from None

    return read_object


def sequence_of(cls: type[T], readers: Mapping[str, Reader] | None = None) -> Reader:
    """Return a reader of a JSON list of `cls` objects, as a tuple."""
    read_item = reader_of(cls, readers)
    return lambda value: tuple(map(read_item, _a(list, value)))


def _refuse_other_fields(cls: type, value: dict[str, Any], wanted: set[str], names: set[str]) -> None:
    if absent := sorted(wanted - value.keys()):
        raise Misfit(f"{cls.__name__} lacks {', '.join(absent)}")
    if extra := sorted(value.keys() - names):
        raise Misfit(f"{cls.__name__} has no field {', '.join(extra)}")


@cache
def _writers(cls: type) -> tuple[tuple[str, Reader], ...]:
    return tuple(
        (field.name, _float_to_json if str(field.type) in ("float", "float | None") else to_json)
        for field in dataclasses.fields(cls)
    )


def _float_to_json(value: Any) -> Any:
    # An integral time given as int would come back as float: write what will be read.
    return float(value) if isinstance(value, int) else to_json(value)


def _a(kind: type[T], value: object) -> T:
    # bool is an int to Python, never to JSON.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Misfit(f"expected {_NAMES[kind]}, found {_shown(value)}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"expected a number, found {_shown(value)}")
    return float(value)


def _or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _shown(value: object) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."


def string(value: object) -> str:
    """Return `value` when it is a string; a `Misfit` when it is not."""
    return _a(str, value)


def _integer(value: object) -> int:
    return _a(int, value)


def _boolean(value: object) -> bool:
    return _a(bool, value)


def _object(value: object) -> dict[str, Any]:
    return _a(dict, value)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(string(item) for item in _a(list, value))


def _numbers(value: object) -> tuple[float, ...]:
    return tuple(_number(item) for item in _a(list, value))


def _string_map(value: object) -> dict[str, str]:
    return {key: string(item) for key, item in _object(value).items()}


_ADDED_LATER = "added later"

_SCALARS = frozenset({str, int, float, bool})

_NAMES = {str: "a string", int: "an integer", bool: "true or false", dict: "an object", list: "a list"}

_READERS: Mapping[str, Reader] = {
    "str": string,
    "str | None": _or_none(string),
    "int": _integer,
    "int | None": _or_none(_integer),
    "float": _number,
    "float | None": _or_none(_number),
    "bool": _boolean,
    "bool | None": _or_none(_boolean),
    "Json": lambda value: value,
    "Mapping[str, Json]": _object,
    "Mapping[str, str]": _string_map,
    "tuple[str, ...]": _strings,
    "tuple[float, ...]": _numbers,
}

_EXACT: Mapping[Reader, type] = {string: str, _integer: int, _number: float, _boolean: bool, _object: dict}
"""A value of this very type is read as it is, without a call of its reader."""
