"""One task's timeline as plain text: what happened to it, when, from its submission to its end.

For people who look into one task: on the console after a grade, and in the message of a failing test. It must not know
what is right or wrong.
"""

from __future__ import annotations

from harness.history import History
from harness.history.wording import describe


def timeline(history: History, task_id: str) -> str:
    """Return the timeline of a task, a line for each event, in seconds since the first of them.

    Unknown ids get one line that says so. No colour, no final newline.
    """
    events = history.of_task(task_id)
    if not events:
        return f"task {task_id}: nothing was seen of it"
    stamps = [f"+{(event.at_ms - events[0].at_ms) / 1000:.3f} s" for event in events]
    width = max(map(len, stamps))
    lines = (f"  {stamp:>{width}}  {describe(event)}" for stamp, event in zip(stamps, events, strict=True))
    return "\n".join((f"task {task_id}", *lines))
