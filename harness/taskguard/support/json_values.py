"""JSON as a type, and compared strictly. It must not know what any value means."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
    """A JSON value as Python's `json` module reads it (a tuple counts as a list)."""
else:
    # msgspec reads annotations, and knows no type that is made of itself. It takes such a value as it is.
    Json = Any


_WORDS = re.compile(r"[A-Za-z][A-Za-z_ -]{0,39}")


def canonical(value: Json) -> str:
    """Return the one text that stands for `value`: keys sorted, no spaces, `1` and `1.0` and `true` all different."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def shape_of(value: Json, levels: int = 6) -> str:
    """What this value is like, without what may be one thing's own: numbers, and texts that are more than words. Below so many ``levels``
    nothing is looked at."""
    if isinstance(value, (dict, list, tuple)) and not levels:
        return "..."
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{shape_of(value[name], levels - 1)}" for name in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(sorted({shape_of(each, levels - 1) for each in value})) + "]"
    if isinstance(value, str):
        return value if _WORDS.fullmatch(value) else "text"
    return json.dumps(value) if value is None or isinstance(value, bool) else "number"


def spellings_of(text: str) -> frozenset[str]:
    """How a text may stand on one line of a log: as it is, or within JSON, with or without escapes. Of several lines the last."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    escaped = (json.dumps(text, ensure_ascii=each)[1:-1] for each in (True, False))
    return frozenset({last, *escaped} - {""})


def same_json(left: Json, right: Json, *, exact: bool = True) -> bool:
    """Tell whether two JSON values are the same, types included: `1`, `1.0` and `True` are three values. If not `exact`, numbers are as
    any JSON reader may keep them, in double precision, so that `1` and `1.0` are one."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs += ((item, other[name]) for name, item in one.items())
        elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif not _same_scalar(one, other, exact=exact):
            return False
    return True


def _same_scalar(one: Json, other: Json, *, exact: bool) -> bool:
    if not exact and _is_number(one) and _is_number(other):
        one, other = _double(one), _double(other)
    if type(one) is not type(other):
        return False
    # Two zeros differ in their sign, and what is no number is the same as itself.
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _double(value: Any) -> float:
    try:
        # The two zeros are one, too.
        return float(value) + 0.0
    except OverflowError:
        return math.inf if value > 0 else -math.inf
