"""JSON as a type, compared strictly, and frozen dataclasses to and from it.

Serves the files that outlive a run (history, manifest). It must not know what the dataclasses mean: it reads a field
by its annotation, refuses what does not fit, and says where.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
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
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _field_to_json(field, getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], value: object, readers: Mapping[str, Reader] | None = None) -> T:
    """Build the dataclass `cls` from a JSON object that has exactly its fields.

    `readers` adds readers by annotation, for nested dataclasses.

    Raises:
        Misfit: a field is missing, unknown, or of the wrong type; the message names the field.
    """
    if not isinstance(value, dict):
        raise Misfit(f"expected an object with the fields of {cls.__name__}, found {_shown(value)}")
    known = {**_READERS, **(readers or {})}
    fields = {field.name: str(field.type) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if absent := sorted(fields.keys() - value.keys()):
        raise Misfit(f"{cls.__name__} lacks {', '.join(absent)}")
    if extra := sorted(value.keys() - fields.keys()):
        raise Misfit(f"{cls.__name__} has no field {', '.join(extra)}")
    arguments = {}
    for name, annotation in fields.items():
        try:
            arguments[name] = known[annotation](value[name])
        except Misfit as misfit:
            raise Misfit(f"{cls.__name__}.{name}: {misfit}") from None
    try:
        return cls(**arguments)
    except ValueError as error:
        raise Misfit(f"{cls.__name__}: {error}") from None


def sequence_of(cls: type[T], readers: Mapping[str, Reader] | None = None) -> Reader:
    """Return a reader of a JSON list of `cls` objects, as a tuple."""

    def read(value: object) -> tuple[T, ...]:
        return tuple(from_json(cls, item, readers) for item in _a(list, value))

    return read


def _field_to_json(field: dataclasses.Field[Any], value: Any) -> Any:
    # An integral time given as int would come back as float: write what will be read.
    if str(field.type) in ("float", "float | None") and isinstance(value, int):
        return float(value)
    return to_json(value)


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


def _string(value: object) -> str:
    return _a(str, value)


def _object(value: object) -> dict[str, Any]:
    return _a(dict, value)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(_string(item) for item in _a(list, value))


def _numbers(value: object) -> tuple[float, ...]:
    return tuple(_number(item) for item in _a(list, value))


def _string_map(value: object) -> dict[str, str]:
    return {key: _string(item) for key, item in _object(value).items()}


_NAMES = {str: "a string", int: "an integer", bool: "true or false", dict: "an object", list: "a list"}

_READERS: Mapping[str, Reader] = {
    "str": _string,
    "str | None": _or_none(_string),
    "int": lambda value: _a(int, value),
    "float": _number,
    "float | None": _or_none(_number),
    "bool": lambda value: _a(bool, value),
    "Json": lambda value: value,
    "Mapping[str, Json]": _object,
    "Mapping[str, str]": _string_map,
    "tuple[str, ...]": _strings,
    "tuple[float, ...]": _numbers,
}
