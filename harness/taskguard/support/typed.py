"""Values with typed fields, read strictly: what does not fit is refused with its place, and an unknown key with the nearest known.

Serves the files that people write (contracts, `taskguard.toml`) and the manifest. It must not know what any value means.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

T = TypeVar("T")


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A value that never changes, so that it is part of no circle, and takes no field that it does not know."""


class Refused(ValueError):
    """Something that was read does not fit; the reader of the file adds which file it is."""


def typed(kind: type[T], value: object) -> T:
    """Build a value of ``kind`` from what JSON or TOML holds.

    Raises:
        Refused: it does not fit, or is nested too deeply; the message has the place, and the nearest known key where a key is unknown.
    """
    try:
        return msgspec.convert(value, kind)
    except RecursionError:
        raise Refused("a value is nested too deeply") from None
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        _refuse_unknown_keys(kind, value, ())
        if isinstance(error, UnicodeEncodeError):
            # JSON may hold half of a surrogate pair. Where msgspec compares words it stops at one, and does not say where.
            raise Refused("half of a surrogate pair where one of a few words is expected") from None
        what, _, path = str(error).partition(" - at ")
        place = tuple(re.findall(r"[^.$`\[\]]+|\[[^\]]*\]", path))
        if what.startswith(_OF_A_WRONG_TYPE):
            bound = re.search(r" [<>]=? \S+", what)
            what = _does_not_fit(kind, value, place, bound[0] if bound else "") or what
        raise Refused(f"{_shown(place)}{what.replace('`', '')}") from None


def typed_toml(kind: type[T], text: str) -> T:
    """Build a value of ``kind`` from TOML.

    Raises:
        Refused: it is no TOML, or does not fit.
    """
    return typed(kind, parsed_toml(text))


def parsed_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML document.

    Raises:
        Refused: it is none.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"it is no TOML: {error}") from None


def untyped(value: object) -> Any:
    """The value as plain dictionaries, lists and scalars, for JSON; fields in their declared order."""
    return msgspec.to_builtins(value, str_keys=True)


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file of text cannot be read, in words."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text ({error.reason})"
    return error.strerror or str(error)


def nearest(word: str, known: Iterable[str]) -> str:
    """What there is instead of an unknown ``word``, in words: the nearest if one is near, else all."""
    names = list(known)
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f'did you mean "{found[0]}"?' if found else f"there are {', '.join(names) or 'none'}"


def sentence(text: object) -> str:
    """The text with a stop, where it has no end of its own."""
    told = str(text)
    return told if told.endswith((".", "?", "!")) else f"{told}."


def _refuse_unknown_keys(kind: Any, value: object, place: tuple[str, ...]) -> None:
    struct = _struct_in(kind)
    if struct is None or not isinstance(value, Mapping):
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    for key, item in value.items():
        if key not in fields:
            raise Refused(f'{_shown(place)}unknown key "{key}"; {nearest(str(key), fields)}')
        _refuse_unknown_keys(fields[key], item, (*place, str(key)))


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field is, or may be: ``Failures | None``."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


def _does_not_fit(kind: Any, value: Any, place: Iterable[str], bound: str) -> str | None:
    """What is expected at a place, within which ``bound``, and what was found there; none where that cannot be told."""
    for part in place:
        struct = _struct_in(kind)
        if struct is not None and isinstance(value, Mapping):
            kind = next((field.type for field in msgspec.structs.fields(struct) if field.encode_name == part), None)
            value = value.get(part)
        elif part.startswith("[") and isinstance(value, (list, Mapping)):
            several = next((e for e in (kind, *get_args(kind)) if get_origin(e) in _SEVERAL), None)
            items = get_args(several)
            kind = next(iter(items[1:] if isinstance(value, Mapping) else items), None)
            number = part.strip("[]")
            value = value[int(number)] if number.isdecimal() else next(_unfit(kind, value), None)
        else:
            return None
    expected = list(_expected(kind))
    return f"expected {' or '.join(expected)}{bound}, found {_as_written(value)}" if expected else None


def _unfit(kind: Any, values: Any) -> Iterator[Any]:
    for value in values.values() if isinstance(values, Mapping) else values:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            yield value


def _expected(kind: Any) -> Iterator[str]:
    """What a field may hold, in words."""
    if kind in _NAMES:
        yield _NAMES[kind]
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from (f'"{each.value}"' for each in kind)
    elif get_origin(kind) is Literal:
        yield from (f'"{each}"' for each in get_args(kind))
    elif get_origin(kind) is tuple:
        yield "a list" if Ellipsis in get_args(kind) else f"a list of {len(get_args(kind))}"
    elif _struct_in(kind) is kind or get_origin(kind) is Mapping:
        yield "a table"
    else:
        for each in get_args(kind):
            yield from _expected(each)


def _as_written(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def _shown(place: tuple[str, ...]) -> str:
    """A place as it stands in a file: ``[attempts] most: ``."""
    keys: list[str] = []
    for part in place:
        if not part.startswith("["):
            keys.append(part)
        elif part != _SOME_KEY:
            keys[-1:] = ["".join([*keys[-1:], part])]
    if not keys:
        return ""
    head, *rest = keys
    return f"[{head}] {'.'.join(rest)}: " if rest else f"{head}: "


_OF_A_WRONG_TYPE = ("Expected ", "Invalid enum value ")

_SEVERAL = (tuple, Mapping)

_SOME_KEY = "[...]"

_MOST_CHARACTERS = 60

_NAMES: Mapping[Any, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
}
