"""The table of permissions for a reader: Markdown, and one line for each fault.

It must not judge: what a row is has been said.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.privileges.table import Row, State

_MOST_TESTS = 2


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, a row a permission."""
    lines = ["| function | action | resource | state | seen in |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.function} | {row.action} | {row.resource} | {row.state} | {_seen_in(row)} |".replace("*", r"\*")
        for row in rows
    ]
    return "\n".join(lines) + "\n"


_FAULTS = {
    State.NOT_ALLOWED: "is not allowed by its role, and was called in {seen_in}. AWS would refuse it: allow it.",
    State.TOO_WIDE: "allows more than can be named. Name the action and the resource.",
    State.UNUSED: "is allowed by its role, and no test used it. Take it away, or test what needs it.",
}


def faults(rows: Sequence[Row]) -> list[str]:
    """What is wrong, a sentence each with what to do; nothing when nothing is."""
    return [
        f"{row.function}: {row.action} on {row.resource} {_FAULTS[row.state].format(seen_in=_seen_in(row))}"
        for row in rows
        if row.state in _FAULTS
    ]


def _seen_in(row: Row) -> str:
    if row.page is not None and not row.seen_in:
        return f"not to be seen; asked for by {row.page}"
    shown = list(row.seen_in[:_MOST_TESTS])
    more = len(row.seen_in) - len(shown)
    return "; ".join([*shown, *([f"{more} more"] if more else [])]) or "–"
