"""Text of the judged pipeline, made fit for a page: nothing in it is invisible, turns its surroundings round or has no end.

What is not printable (control characters, marks of direction, lone surrogates, private and unassigned characters) is
written as an escape. It must not know where the text came from; escaping for HTML is the templates' part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape

from taskguard.history.wording import times
from taskguard.reports.plain import printable
from taskguard.support.json_values import Json

MOST_BYTES = 240
"""What a text of the pipeline is cut to, in bytes of HTML, unless said otherwise."""

MOST_FIGURES = 30
"""How many figures of a verdict, or entries of a part of the manifest, are listed."""

_VALUE = 300

_WIDEST = 6
"""No visible character takes more bytes of HTML: a quotation mark, as `&quot;`."""


def shown(text: str, most: int = MOST_BYTES) -> str:
    """Return the text as visible, cut to `most` bytes of HTML and a note of how many more characters there are."""
    # What is cut off anyway is not worth escaping: a payload may have a quarter of a million characters.
    start = printable(text[:most])
    if len(start) >= len(text) and size(start) <= most:
        return start
    kept = len(start)
    while size(start[:kept]) > most:
        kept -= max(1, (size(start[:kept]) - most) // _WIDEST)
    more = len(start) - kept + max(len(text) - most, 0)
    return f"{start[:kept]}… ({times(more, 'more character')})"


def size(text: str) -> int:
    """Return how many bytes a text takes in HTML."""
    return len(escape(text).encode())


def shown_json(value: Json, most: int = MOST_BYTES) -> str:
    """Return a JSON value as text on one line, cut as `shown` does."""
    return shown(json.dumps(value, ensure_ascii=False), most)


def entries(values: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Return values with their names as visible texts, as many as are listed."""
    found = [(shown(name.replace("_", " "), 60), _value(value)) for name, value in values.items()]
    more = len(found) - MOST_FIGURES
    return (*found[:MOST_FIGURES], *([("…", f"and {more} more")] if more > 0 else []))


def _value(value: Json) -> str:
    if isinstance(value, Mapping) and not any(map(_nested, value.values())):
        return shown(", ".join(f"{name}: {_word(each)}" for name, each in value.items()), _VALUE) or "–"
    if isinstance(value, (list, tuple)) and not any(map(_nested, value)):
        return shown(", ".join(map(_word, value)), _VALUE) or "–"
    return shown(_word(value), _VALUE)


def _nested(value: Json) -> bool:
    items = value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, Mapping) or any(isinstance(each, (Mapping, list, tuple)) for each in items)


def _word(value: Json) -> str:
    if isinstance(value, float) and value.is_integer():
        value = round(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
