"""What Lambda's runtimes put around what a function logs, and what the function itself said.

Node.js has `time<TAB>request<TAB>LEVEL<TAB>message` for what `console` is told, with `\\r` where the message had a new line; Python's
`logging` has `[LEVEL]<TAB>time<TAB>request<TAB>message`. With the log format JSON both write an object with `timestamp`, `level`,
`requestId` and `message` (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html). What is printed in another
way stands by itself. It must not know what a service's words mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
_OF_NODE = re.compile(rf"{_TIME}\t(?P<request>\S+)\t(?P<level>[A-Z]+)\t(?P<text>.*)", re.DOTALL)
_OF_PYTHON = re.compile(rf"\[(?P<level>[A-Z]+)\]\t{_TIME}\t(?P<request>\S*)\t(?P<text>.*)", re.DOTALL)
_OF_JSON = frozenset({"timestamp", "level", "requestId", "message"})
_NO_REQUEST = "undefined"
"""What Node.js has for a request while there is none."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a function said: the ``text``, or with the log format JSON perhaps a ``document``; on what ``level``, and in which invocation, as far
    as its runtime tells."""

    text: str
    level: str | None = None
    request_id: str | None = None
    document: Mapping[str, Any] | None = None


def said_in(message: str) -> Said:
    """What was said in a log event, without what the runtime put around it."""
    found = _OF_NODE.fullmatch(message) or _OF_PYTHON.fullmatch(message)
    if found is not None:
        request = found["request"]
        return Said(
            found["text"].replace("\r", "\n"), found["level"], None if request in ("", _NO_REQUEST) else request
        )
    if (document := _object(message)) is None or not document.keys() >= _OF_JSON:
        return Said(message)
    told = document["message"]
    return Said(
        told if isinstance(told, str) else json.dumps(told),
        str(document["level"]),
        str(document["requestId"]),
        told if isinstance(told, dict) else None,
    )


def documents_in(message: str) -> Iterator[Mapping[str, Any]]:
    """The JSON objects that a log event may be meant as: all of it, and what was said in it."""
    if (whole := _object(message)) is not None:
        yield whole
    said = said_in(message)
    if said.document is not None:
        yield said.document
    elif said.text != message and (inner := _object(said.text)) is not None:
        yield inner


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
