"""JSON that is either kept exactly or refused.

Python's own reader takes more than JSON (NaN), drops things silently (all but the last of equal keys, digits that a double
cannot hold), and can be driven into recursion errors. This module reads JSON strictly and writes it in one compact ASCII
form. It must not know what the JSON means.

What "exactly" means: strings, names and their order, the kind of a number (1 is not 1.0) and its value are kept. The
spelling of a number or a string is not: 1e2 becomes 100.0, and the letter é becomes its escape.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

DEEPEST_NESTING = 100
LONGEST_INTEGER_DIGITS = 1_000

# Brackets outside of strings. A string that never ends runs to the end of the text, which keeps the scan linear.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class JsonError(Exception):
    """The text is no JSON, or JSON that could not be kept exactly. `code` is for machines, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(text: str) -> Any:
    """Reads JSON text. Raises JsonError with code invalid_json, too_deep, duplicate_key or number_not_exact."""
    _check_nesting(text)
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_exact_integer,
            parse_float=_exact_float,
            object_pairs_hook=_object_without_duplicates,
        )
    except json.JSONDecodeError as error:
        raise JsonError("invalid_json", f"not JSON: {error.msg} at character {error.pos}") from None


def compact(value: Any) -> str:
    """Writes a value that `parse` gave as compact ASCII text, names in the order in which they came."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def same(left: str, right: str) -> bool:
    """Whether two compact texts hold the same value; the order of names does not matter, the kind of numbers does."""
    return left == right or _sorted(left) == _sorted(right)


def _sorted(text: str) -> str:
    return json.dumps(parse(text), separators=(",", ":"), sort_keys=True)


def _check_nesting(text: str) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        token = match.group()[0]
        if token in "[{":
            depth += 1
            if depth > DEEPEST_NESTING:
                raise JsonError("too_deep", f"nested deeper than {DEEPEST_NESTING} levels")
        elif token in "]}":
            depth -= 1


def _refuse_constant(text: str) -> NoReturn:
    raise JsonError("number_not_exact", f"{text} is no JSON number")


def _exact_integer(text: str) -> int:
    if len(text.lstrip("-")) > LONGEST_INTEGER_DIGITS:
        raise JsonError("number_not_exact", f"an integer of more than {LONGEST_INTEGER_DIGITS} digits")
    if text == "-0":
        raise JsonError("number_not_exact", "-0 has no exact integer; write 0 or -0.0")
    return int(text)


def _exact_float(text: str) -> float:
    value = float(text)
    try:
        exact = math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    except ArithmeticError:
        exact = False
    if not exact:
        raise JsonError("number_not_exact", f"a double cannot keep the number {_shortened(text)}; send it as a string")
    return value


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise JsonError("duplicate_key", f"the name {_shortened(name)!r} occurs twice in one object")
            seen.add(name)
    return result


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
