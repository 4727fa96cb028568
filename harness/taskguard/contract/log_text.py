"""A log line in plain text, and the facts in it: by a template such as `gave up ${task_id} after ${attempts} tries: ${error}`.

What stands between the facts is as it stands there; a fact is what stands in its place. It must not know what is true of a task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from taskguard.support.json_values import Json
from taskguard.support.typed import nearest

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
    facts: dict[str, Json] = {FIELD: template, **found.groupdict()}
    if "attempts" in facts:
        facts["attempts"] = int(found["attempts"])
    if "payload" in facts:
        # A text is a payload, too.
        with suppress(ValueError, RecursionError):
            facts["payload"] = json.loads(found["payload"])
    return facts


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = _PLACE.split(template)
    # Text and names take turns.
    shapes = [f"(?P<{part}>{_SHAPES[part]})" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    begin = r"(?<!\S)" if not parts[0] else ""
    end = r"(?=\s*$)" if not parts[-1] and parts[-2] in ("payload", "error") else r"(?!\S)" if not parts[-1] else ""
    return re.compile(begin + "".join(shapes) + end, re.DOTALL)
