"""One task's timeline as plain text: what happened to it, when, from its submission to its end.

For people who look into one task: on the console after a grade, and in the message of a failing test. It must not know
what is right or wrong.
"""

from __future__ import annotations

from collections.abc import Collection

from taskguard.history import Event, History
from taskguard.history.wording import describe, times
from taskguard.reports.plain import printable

MOST_EVENTS = 40
"""A longer timeline is cut in the middle."""

_MARK = ">"


def timeline(history: History, task_id: str, marked: Collection[int] = ()) -> str:
    """Return the timeline of a task, a line for each event, in seconds since the first of them.

    Those whose indexes in the history are `marked` begin with `>`; of a long one they and both ends are shown. Unknown ids get
    one line that says so. No colour, no final newline; what the pipeline said is escaped where it is not printable.
    """
    events = history.of_task(task_id)
    if not events:
        return f"task {printable(task_id)}: nothing was seen of it"
    stamps = [f"+{(event.at_ms - events[0].at_ms) / 1000:.3f} s" for event in events]
    width = max(map(len, stamps))
    marks = [bool(marked) and history.position(event) in marked for event in events]
    lines = [f"task {printable(task_id)}"]
    left_out = 0
    for stamp, event, is_marked, is_shown in zip(stamps, events, marks, _shown(events, marks), strict=True):
        if not is_shown:
            left_out += 1
            continue
        if left_out:
            lines.append(f"  {'…':>{width}}  {times(left_out, 'more event')}")
            left_out = 0
        lines.append(f"{_MARK if is_marked else ' '} {stamp:>{width}}  {printable(describe(event))}")
    return "\n".join(lines)


def _shown(events: tuple[Event, ...], marks: list[bool]) -> list[bool]:
    ends = MOST_EVENTS // 4
    wanted = [number for number, mark in enumerate(marks) if mark][: MOST_EVENTS // 2]
    chosen = {*range(ends), *range(len(events) - ends, len(events)), *wanted}
    return [len(events) <= MOST_EVENTS or number in chosen for number in range(len(events))]
