"""JSON as a type, compared strictly, and frozen dataclasses to and from it.

Serves the files that outlive a run. It must not know what the dataclasses mean: it reads a field
by its annotation, refuses what does not fit, and says where.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
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


def same_json(left: Json, right: Json, *, exact: bool = True) -> bool:
    """Tell whether two JSON values are the same, types included: `1`, `1.0` and `True` are three values. If not `exact`, numbers are as
    any JSON reader may keep them, in double precision, so that `1` and `1.0` are one."""
    if not exact:
        return same_json(_in_doubles(left), _in_doubles(right))
    if type(left) is type(right):
        if isinstance(left, dict) and isinstance(right, dict):
            return left.keys() == right.keys() and all(same_json(item, right[key]) for key, item in left.items())
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(map(same_json, left, right))
        if type(left) in (str, int, bool):
            return left == right
        if isinstance(left, float):
            # Two zeros differ in their sign, and what is no number is equal to nothing.
            return repr(left) == repr(right)
    return canonical(left) == canonical(right)


def _in_doubles(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _in_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_doubles(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    try:
        # The two zeros are one, too.
        return float(value) + 0.0
    except OverflowError:
        return math.inf if value > 0 else -math.inf


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


def reader_of(
    cls: type[T], readers: Mapping[str, Reader] | None = None, *, strings: dict[str, str] | None = None
) -> Callable[[object], T]:
    """Return :func:`from_json` for one dataclass, to read many objects with.

    A reader in ``readers`` that returns what it is given must refuse by type alone: it is not asked again about values of
    a type that it took. Of strings that are equal one is kept, for all readers that share ``strings``.
    """
    known = {**_READERS, **(readers or {})}
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    parts = [(name, known[str(field.type)]) for name, field in fields.items()]
    wanted = {name for name, field in fields.items() if not field.metadata.get(_ADDED_LATER)}
    keep = None if strings is None else strings.setdefault
    # Most objects have fields of the same types, and need the same.
    plans: dict[tuple[Any, ...], _Plan] = {}

    def read_fields(value: dict[str, Any], parts: Iterable[tuple[str, Reader]]) -> dict[str, Any]:
        arguments = {}
        for name, read in parts:
            try:
                arguments[name] = read(value[name])
            except Misfit as misfit:
                raise Misfit(f"{cls.__name__}.{name}: {misfit}") from None
        return arguments

    def plan_of(value: dict[str, Any]) -> _Plan:
        if value.keys() != fields.keys():
            _refuse_other_fields(cls, value, wanted, fields.keys())
        present = [(name, read) for name, read in parts if name in value]
        found = read_fields(value, present)
        return _Plan(
            to_read=[(name, read) for name, read in present if found[name] is not value[name]],
            texts=[name for name, item in value.items() if type(item) is str],
        )

    def read_object(value: object) -> T:
        if not isinstance(value, dict):
            raise Misfit(f"expected an object with the fields of {cls.__name__}, found {_shown(value)}")
        shape = (*value, *map(type, value.values()))
        plan = plans.get(shape)
        if plan is None:
            plan = plans[shape] = plan_of(value)
        arguments = {**value, **read_fields(value, plan.to_read)} if plan.to_read else value
        if keep is not None:
            for name in plan.texts:
                arguments[name] = keep(arguments[name], arguments[name])
        try:
            return cls(**arguments)
        except ValueError as error:
            raise Misfit(f"{cls.__name__}: {error}") from None

    return read_object


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What to do with the fields of an object: those that are not read as they are, and those that are strings."""

    to_read: list[tuple[str, Reader]]
    texts: list[str]


def sequence_of(
    cls: type[T], readers: Mapping[str, Reader] | None = None, *, strings: dict[str, str] | None = None
) -> Reader:
    """Return a reader of a JSON list of `cls` objects, as a tuple; `strings` as in :func:`reader_of`."""
    read_item = reader_of(cls, readers, strings=strings)
    return lambda value: tuple(map(read_item, _a(list, value)))


def _refuse_other_fields(cls: type, value: dict[str, Any], wanted: Set[str], names: Set[str]) -> None:
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


def _string(value: object) -> str:
    return _a(str, value)


def _object(value: object) -> dict[str, Any]:
    return _a(dict, value)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(_string(item) for item in _a(list, value))


_ADDED_LATER = "added later"

_SCALARS = frozenset({str, int, float, bool})

_NAMES = {str: "a string", int: "an integer", bool: "true or false", dict: "an object", list: "a list"}

_READERS: Mapping[str, Reader] = {
    "str": _string,
    "str | None": _or_none(_string),
    "int": lambda value: _a(int, value),
    "int | None": _or_none(lambda value: _a(int, value)),
    "float": _number,
    "float | None": _or_none(_number),
    "bool": lambda value: _a(bool, value),
    "bool | None": _or_none(lambda value: _a(bool, value)),
    "Json": lambda value: value,
    "Mapping[str, Json]": _object,
    "tuple[str, ...]": _strings,
}
