"""One task's timeline as plain text: what happened to it, when, from its submission to its end.

For people who look into one task: on the console after a grade, and in the message of a failing test. It must not know
what is right or wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from rich.console import Console

from taskguard.history import History
from taskguard.history.wording import describe, times
from taskguard.reports.plain import print_line, printable

MOST_EVENTS = 40
"""A longer timeline is cut in the middle."""

_MARK = ">"


_TIME = re.compile(r"[> ] +\+[\d.]+ s  ")


def print_timeline(
    console: Console,
    history: History,
    task_id: str,
    marked: Collection[int] = (),
    *,
    indent: int = 0,
    most: int = MOST_EVENTS,
) -> None:
    """Print it, `indent` columns in, the ``marked`` events in bold."""
    for line in timeline(history, task_id, marked, most).splitlines():
        time = _TIME.match(line)
        print_line(console, line, "bold" if line.startswith(_MARK) else "", indent, time.end() if time else 4)


def timeline(history: History, task_id: str, marked: Collection[int] = (), most: int = MOST_EVENTS) -> str:
    """Return the timeline of a task, a line for each event, in seconds since the first of them.

    Those whose indexes in the history are `marked` begin with `>`; of one that is longer than `most` they and both ends are shown.
    Unknown ids get one line that says so. No colour, no final newline; what the pipeline said is escaped where it is not printable.
    """
    events = history.of_task(task_id)
    if not events:
        return f"task {printable(task_id)}: nothing was seen of it"
    stamps = [f"+{(event.at_ms - events[0].at_ms) / 1000:.3f} s" for event in events]
    width = max(map(len, stamps))
    marks = [bool(marked) and history.position(event) in marked for event in events]
    lines = [f"task {printable(task_id)}"]
    left_out = 0
    for stamp, event, is_marked, is_shown in zip(stamps, events, marks, _shown(marks, most), strict=True):
        if not is_shown:
            left_out += 1
            continue
        if left_out:
            lines.append(f"  {'…':>{width}}  {times(left_out, 'more event')}")
            left_out = 0
        lines.append(f"{_MARK if is_marked else ' '} {stamp:>{width}}  {printable(describe(event))}")
    return "\n".join(lines)


def _shown(marks: list[bool], most: int) -> list[bool]:
    """Which lines of a timeline are shown: of a long one both ends, and what is marked with what stands beside it."""
    ends = most // 8
    marked = [number for number, mark in enumerate(marks) if mark][: most // 4]
    beside = {near for number in marked for near in (number - 1, number, number + 1)}
    chosen = {*range(ends), *range(len(marks) - ends, len(marks)), *beside}
    return [len(marks) <= most or number in chosen for number in range(len(marks))]
