"""Of what a function logged, the few lines that a person looks for: errors and warnings, without what surrounds them.

For the console, where a line of a log in JSON would fill half a screen; the history has all that was kept. It must not know what is right
or wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from taskguard.history import AttemptLogged, History, InvocationFailed
from taskguard.judging.verdict import Finding, Outcome, Verdict

_MOST_LINES = 4
_LONGEST_LINE = 240
_OF_METRICS = '"_aws"'
_QUIET = frozenset({"DEBUG", "INFO", "TRACE"})
_OF_LAMBDA_S_OWN = "LAMBDA_WARNING"
_BEFORE_A_TRACE = "Traceback (most recent call last):"


def _of_json(*names: str) -> re.Pattern[str]:
    # By a pattern, since a line that was cut is no JSON any more.
    return re.compile(rf'"(?:{"|".join(names)})"\s*:\s*"((?:[^"\\]|\\.)*)', re.IGNORECASE)


_LEVEL = _of_json("level", "severity", "log_level")
_MESSAGE = _of_json("message", "msg", "event")
_ERROR = _of_json(
    "error", "err", "errorMessage", "error_message", "exception", "lastError", "last_error", "reason", "cause"
)


Log: TypeAlias = tuple[str, tuple[str, ...]]
"""Whose log of which receive it is, and its lines."""


def log_of(history: History, task_id: str, marked: Sequence[int]) -> Log | None:
    """What was logged of an attempt at the task: whose log of which receive that is, and its lines; of the attempt that a ``marked`` event
    is of, else of the last one that has any. None where there is none."""
    told = [(event, lines) for event in _logs(history, task_id) if (lines := excerpt(event.lines))]
    if not told:
        return None
    deliveries = {getattr(history[number], "delivery_id", None) for number in marked}
    event, lines = ([each for each in told if each[0].delivery_id in deliveries] or told)[-1]
    of = f", receive {event.receive_count}" if isinstance(event, AttemptLogged) else ""
    return f"{event.function}{of}", lines


def logs_of(verdicts: Iterable[Verdict], history: History) -> dict[Finding, Log]:
    """The log of each finding of what failed that has one: of those of a check that have the same, the first."""
    found: dict[Finding, Log] = {}
    for verdict in verdicts:
        shown: list[Log] = []
        for finding in verdict.findings if verdict.outcome is Outcome.FAIL else ():
            log = None if finding.task_id is None else log_of(history, finding.task_id, finding.events)
            if log is not None and log not in shown:
                shown.append(log)
                found[finding] = log
    return found


def excerpt(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines that tell of something wrong, shortened; at most four, the first ones."""
    told = dict.fromkeys(text for line in lines for text in _telling(line))
    return tuple(text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…" for text in told)[:_MOST_LINES]


def _logs(history: History, task_id: str) -> Iterator[AttemptLogged | InvocationFailed]:
    yield from history.of_task(task_id, AttemptLogged)
    yield from (event for event in history.of_kind(InvocationFailed) if task_id in event.task_ids)


def _telling(line: str) -> Iterator[str]:
    if _OF_METRICS in line or _OF_LAMBDA_S_OWN in line:
        return
    message = _MESSAGE.search(line)
    if line.lstrip().startswith("{") and message is not None:
        level = _LEVEL.search(line)
        if level is None or level[1].upper() not in _QUIET:
            parts = [level[1] if level is not None else "", _read(message[1])]
            error = _ERROR.search(line)
            yield " ".join(filter(None, parts)) + (f": {_read(error[1])}" if error is not None else "")
        return
    # AWS's runtime clients write a trace as one event, with carriage returns and blanks that do not break.
    parts = [part.rstrip() for part in re.split(r"[\r\n]", line.replace("\xa0", " ")) if part.strip()]
    if _BEFORE_A_TRACE in parts:
        # The error, and where it was raised.
        begins = parts.index(_BEFORE_A_TRACE)
        parts = [*parts[:begins], *parts[begins + 1 :][-2:]]
    yield from parts


def _read(text: str) -> str:
    """What stands in a JSON string, in one line."""
    return re.sub(r"\\[nrt]", " ", text).replace('\\"', '"').replace("\\\\", "\\")
