"""A grade on a console: some tasks' timelines, the verdicts, and the two numbers, which come last.

Colour and a fitted table on a terminal; elsewhere plain lines, none of them wrapped or cut, so that they can be
searched. It must not know how a grade was reached.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.grading import Grade
from harness.history import History
from harness.history.wording import times
from harness.reports.timeline import timeline
from harness.verdict import Outcome, Verdict

MOST_FINDINGS = 5
"""How many findings of a check are shown; `grade.json` has all."""

_HEADINGS = ("check", "verdict", "expected", "observed")

_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.UNKNOWN: "yellow"}


def print_grade(console: Console, grade: Grade, history: History, clock_scale: float = 1.0) -> None:
    """Print the sample of timelines, the table of verdicts, the findings, and last `SUCCESS: n` and `FAILURE: n`; and
    before all that, whether the pipeline's clock was the machine's."""
    if clock_scale != 1:
        _line(
            console,
            f"The pipeline's clock ran up to {clock_scale:g} times as fast as the machine's while the pipeline only waited; "
            "all times are its times.",
        )
        console.line()
    for task_id in sample(grade):
        _line(console, timeline(history, task_id))
        console.line()
    if console.is_terminal:
        console.print(_table(grade.verdicts))
    else:
        _line(console, _plain_table(grade.verdicts))
    console.line()
    for verdict in grade.verdicts:
        if verdict.outcome is not Outcome.PASS:
            _print_findings(console, verdict)
    _line(console, f"SUCCESS: {grade.success}")
    _line(console, f"FAILURE: {grade.failure}")


def sample(grade: Grade) -> tuple[str, ...]:
    """Return the tasks worth a look: one that succeeded at once, one retried, one dead, one for each failed check."""
    at_once = [fate for fate in grade.fates if fate.end == "completed" and len(fate.attempts) == 1]
    retried = [fate for fate in grade.fates if fate.end == "completed" and len(fate.attempts) > 1]
    dead = [fate for fate in grade.fates if fate.end == "dead-lettered"]
    chosen = [fate.task_id for fates in (at_once, retried, dead) for fate in fates[:1]]
    for verdict in grade.verdicts:
        if verdict.outcome is Outcome.FAIL:
            chosen += [each.task_id for each in verdict.findings if each.task_id is not None][:1]
    return tuple(dict.fromkeys(chosen))


def _table(verdicts: tuple[Verdict, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    for verdict in verdicts:
        outcome = Text(verdict.outcome.value, style=_STYLES[verdict.outcome])
        # Text, not str: what a pipeline says must not be read as markup.
        table.add_row(verdict.check, outcome, Text(verdict.expected), Text(verdict.observed))
    return table


def _plain_table(verdicts: tuple[Verdict, ...]) -> str:
    rows = [_HEADINGS, *((each.check, each.outcome.value, each.expected, each.observed) for each in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    padded = ((cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _print_findings(console: Console, verdict: Verdict) -> None:
    _line(console, f"{verdict.check}: {verdict.outcome.value}. {verdict.claim}", _STYLES[verdict.outcome])
    for finding in verdict.findings[:MOST_FINDINGS]:
        _line(console, f"  {finding.message}")
    more = len(verdict.findings) - MOST_FINDINGS
    if more > 0:
        _line(console, f"  and {times(more, 'more finding')}, in grade.json")
    console.line()


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)
