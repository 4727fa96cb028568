"""Which error a failed attempt ended with, by what the platform told of its invocation and by what it logged itself.

Not by what a record or a dead letter's log says of it. Where several messages were handed over together, only what names the
attempt's own task or message counts, and the invocation's error, which may be that of another one, does not. An attempt may well
say nothing of its error: then nothing is known. This module must not know what is to be logged of a dead task.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from taskguard.history import Attempt, AttemptLogged, Delivered, Event, History, InvocationFailed
from taskguard.support.json_values import Json, spellings_of

_SHORTEST = 4
_NAMES_AN_ERROR = re.compile(r"^err|error|exception|reason|cause", re.IGNORECASE)
_TELLS_AN_ERROR = re.compile(r"(?i)\b\w*(?:fail(?:ed|ure)?|error|exception|reason)\b[^:]{0,40}: (.+)$")
_CUT = "…"
_VARIES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class OwnErrors:
    """What is known of one failed attempt: the ``errors`` that it ended with, and all ``texts`` that may tell of it."""

    number: int
    errors: tuple[str, ...]
    texts: tuple[str, ...]
    events: tuple[Event, ...]

    def may_hold(self, error: str) -> bool:
        """Whether this text stands in anything that is known of it, or is made of an error of its own."""
        spellings = spellings_of(error)
        return any(each in text for text in self.texts for each in spellings) or any(
            len(own) >= _SHORTEST and own in error for own in self.errors
        )

    def ended_with(self, error: str) -> bool:
        """Whether this text is an error that it ended with, with or without its type."""
        return any(
            own == error or own.endswith(f": {error}") or (len(own) >= _SHORTEST and error.endswith(f": {own}"))
            for own in self.errors
        )

    def kinds(self, *ids: str | None) -> frozenset[str]:
        """Its errors without what differs each time: ids and numbers."""
        found = set[str]()
        for error in self.errors:
            for each in filter(None, ids):
                error = error.replace(each, "#")  # noqa: PLW2901  # step by step
            found.add(_VARIES.sub("#", error))
        return frozenset(found)


class OwnErrorsIn:
    """What is known of the errors of a history's attempts."""

    def __init__(self, history: History) -> None:
        self._together = Counter(delivered.delivery_id for delivered in history.of_kind(Delivered))
        self._failures: dict[str, list[InvocationFailed]] = {}
        for failure in history.of_kind(InvocationFailed):
            self._failures.setdefault(failure.delivery_id, []).append(failure)
        self._logs = {(log.message_id, log.delivery_id): log for log in history.of_kind(AttemptLogged)}

    def of(self, attempt: Attempt) -> OwnErrors:
        """What is known of this attempt's error."""
        alone = self._together[attempt.delivery_id] == 1
        failures = self._failures.get(attempt.delivery_id, [])
        log = self._logs.get((attempt.message_id, attempt.delivery_id))
        errors = [each.message.removesuffix(_CUT) for each in failures if alone and each.message]
        texts = [text for each in failures for text in (each.message, *each.lines)]
        for line in log.lines if log is not None else ():
            texts.append(line)
            if alone or any(each in line for each in (attempt.task_id, attempt.message_id) if each):
                errors += _errors_in(line)
        logs = (log,) if log is not None else ()
        return OwnErrors(attempt.number, tuple(dict.fromkeys(errors)), tuple(texts), (*failures, *logs))


def _errors_in(line: str) -> Iterator[str]:
    """The errors that a line of a log tells: in fields that are called so, or after a word for it."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, Mapping):
        yield from _named_errors(document)
        return
    # AWS's runtime client for Python writes an error and its trace as one line, with returns in it.
    for part in re.split(r"[\r\n]", line):
        if (told := _TELLS_AN_ERROR.search(part)) is not None:
            yield told[1].strip()


def _named_errors(document: Mapping[str, Json]) -> Iterator[str]:
    for name, value in document.items():
        if not _NAMES_AN_ERROR.search(name):
            continue
        if isinstance(value, str) and value:
            yield value
        elif isinstance(value, Mapping):
            yield from (each for each in value.values() if isinstance(each, str) and each)
