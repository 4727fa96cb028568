"""JSON as a type, and compared strictly. It must not know what any value means."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
    """A JSON value as Python's `json` module reads it (a tuple counts as a list)."""
else:
    # msgspec reads annotations, and knows no type that is made of itself. It takes such a value as it is.
    Json = Any


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
