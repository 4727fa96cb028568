"""A log line in plain text, and the facts in it: by a template such as `gave up ${task_id} after ${attempts} tries: ${error}`.

What stands between the facts is as it stands there; a fact is what stands in its place. It must not know what is true of a task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from taskguard.support.json_values import Json
from taskguard.support.typed import nearest

_DECODER = json.JSONDecoder()
_PLACE = re.compile(r"\$\{(\w*)\}")
_SHAPES: Final[Mapping[str, str]] = {
    "task_id": r"\S+?",
    "message_id": r"\S+?",
    "payload": r".*?",
    "attempts": r"\d+",
    "error": r".*?",
    "created_at": r"\S+?",
    "failed_at": r"\S+?",
}

FIELD: Final = "text"
"""The field by which a record that was read from a text is known from others; its value is the template."""


def facts_of(template: str) -> tuple[str, ...]:
    """The facts that a template has a place for, each once.

    Raises:
        ValueError: it has a place for something else, twice for one fact, two places beside one another, or none for the task's id.
    """
    names = _PLACE.findall(template)
    for name in names:
        if name not in _SHAPES:
            raise ValueError(f"text: there is no ${{{name}}}; {nearest(name, _SHAPES)}")
        if names.count(name) > 1:
            raise ValueError(f"text: ${{{name}}} stands there more than once")
    if "task_id" not in names:
        raise ValueError("text has no ${task_id}: say where the line names the task")
    if "}${" in template:
        raise ValueError("text: between two facts there must be something that tells them apart")
    return tuple(names)


def facts_in(text: str, template: str) -> Mapping[str, Json] | None:
    """What a text has in the places of a template, with `attempts` as a number and `payload` as JSON where it is any; none where it is no
    such text."""
    found = _pattern(template).search(text)
    if found is None:
        return None
    # A text is a payload, too; but what is JSON is not cut short where the next words stand in it, nor begun where they stand before it.
    facts: dict[str, Json] = {FIELD: template, **next(_with_json(text, template), found.groupdict())}
    if "attempts" in facts:
        facts["attempts"] = int(str(facts["attempts"]))
    return facts


def _with_json(text: str, template: str) -> Iterator[Mapping[str, Json]]:
    """The facts as they are where the payload is JSON, those first with which the text ends."""
    before, place, behind = template.partition("${payload}")
    words = _PLACE.split(before)[-1]
    if not place or not words:
        return
    found = []
    for begun in re.finditer(re.escape(words), text):
        head = _pattern(before, ends=True).search(text[: begun.end()])
        with suppress(ValueError, RecursionError):
            payload, end = _DECODER.raw_decode(text, begun.end())
            tail = _pattern(behind, begins=False).match(text, end)
            if head is not None and tail is not None:
                goes_on = bool(text[tail.end() :].strip())
                found.append((goes_on, {**head.groupdict(), "payload": payload, **tail.groupdict()}))
    yield from (facts for _, facts in sorted(found, key=lambda each: each[0]))


@cache
def _pattern(template: str, *, begins: bool = True, ends: bool = False) -> re.Pattern[str]:
    parts = _PLACE.split(template)
    # Text and names take turns.
    shapes = [f"(?P<{part}>{_SHAPES[part]})" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    begin = r"(?<!\S)" if begins and not parts[0] else ""
    return re.compile(begin + "".join(shapes) + (r"\Z" if ends else _end_of(parts)), re.DOTALL)


def _end_of(parts: list[str]) -> str:
    *_, name, last = "payload", *parts
    if last:
        return ""
    return r"(?=\s*$)" if name in ("payload", "error") else r"(?!\S)"
