"""From a recording to the invocations that failed, each with the lines of its log that tell why, and those that left processes running.

An invocation failed when the function gave no answer of its own: it could not be loaded, raised an error, ran out of time, or its
process ended. Messages that an answer names as failed are no such failure. It must not know whose fault that was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.deliveries import tasks_of
from taskguard.evidence.recorder.recording import Failure, Invocation, Recording
from taskguard.history import InvocationFailed, InvocationsCounted, ProcessesLeft
from taskguard.service.stack import Stack

_MOST_LINES = 6
_LONGEST_LINE = 240
_OF_AN_ERROR = ("[ERROR]", "\tERROR\t", '"level":"ERROR"', '"level": "ERROR"')
"""How AWS's runtime clients mark what they log of an error: Python's, Node.js's, and those that log JSON."""

_BEFORE_NOTHING = "Traceback (most recent call last):"
"""They write this also where no trace follows."""


def failed_invocations(
    recording: Recording, stack: Stack, names: MessageWords, only: frozenset[str] | None = None
) -> Iterator[InvocationFailed | InvocationsCounted]:
    """The failed invocations of the stack's functions, or of those that were handed ``only`` these tasks, and how many
    invocations such a function had."""
    labels = {function.name: function.label for function in stack.functions}
    ended: Counter[str] = Counter()
    last_ms: dict[str, float] = {}
    for invocation in recording.invocations.values():
        label, at_ms = labels.get(invocation.function), invocation.ended_at_ms
        if label is None or at_ms is None:
            continue
        tasks = tasks_of(invocation, names) if only is not None or invocation.is_error else frozenset[str]()
        if only is not None and only.isdisjoint(tasks):
            continue
        ended[label] += 1
        if invocation.is_error and invocation.failure is not None:
            last_ms[label] = at_ms
            yield _failed(invocation, label, at_ms, invocation.failure, tasks)
    for label, at_ms in last_ms.items():
        yield InvocationsCounted(at_ms=at_ms, function=label, invocations=ended[label])


def left_running(recording: Recording, stack: Stack) -> Iterator[ProcessesLeft]:
    """What invocations of the stack's functions left running."""
    labels = {function.name: function.label for function in stack.functions}
    for left in recording.left:
        if (label := labels.get(left.function)) is not None:
            yield ProcessesLeft(
                at_ms=left.at_ms,
                function=label,
                delivery_id=left.request_id,
                count=left.count,
                commands=left.commands,
            )


def _failed(
    invocation: Invocation, label: str, at_ms: float, failure: Failure, tasks: frozenset[str]
) -> InvocationFailed:
    error_type, message = _told(invocation.response or "")
    return InvocationFailed(
        at_ms=at_ms,
        started_ms=invocation.started_at_ms,
        function=label,
        delivery_id=invocation.request_id,
        error_type=error_type,
        message=_cut(message.removeprefix(f"RequestId: {invocation.request_id} Error: ")),
        loaded=failure.loaded,
        lines=_telling(failure.log, error_type),
        log_bytes=failure.log_bytes,
        task_ids=tuple(sorted(tasks)),
        load=failure.load,
    )


def _told(response: str) -> tuple[str, str]:
    """An error document's type and message (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""
    try:
        document = json.loads(response)
        return str(document.get("errorType") or "Error"), str(document.get("errorMessage") or "")
    except (ValueError, AttributeError, RecursionError):
        return "Error", response


def _telling(log: str, error_type: str) -> tuple[str, ...]:
    """The line that names the error, and the last ones after it; or the last ones of all where no line does."""
    # AWS's runtime clients write a trace as one event: with carriage returns, and in Python blanks that do not break.
    parts = re.split(r"[\r\n]", log.replace("\xa0", " "))
    lines = [line.rstrip() for line in parts if line.strip() not in ("", _BEFORE_NOTHING)]
    named = [n for n, line in enumerate(lines) if error_type in line and any(mark in line for mark in _OF_AN_ERROR)]
    if named and len(lines) - named[-1] > _MOST_LINES:
        lines = [lines[named[-1]], *lines[1 - _MOST_LINES :]]
    elif named:
        lines = lines[named[-1] :]
    return tuple(map(_cut, lines[-_MOST_LINES:]))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
