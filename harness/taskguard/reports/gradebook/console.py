"""The gradebook on a console: a line for each submission, and where the rest is. It must not know how rows are made."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from taskguard.history.wording import times
from taskguard.judging.verdict import Outcome
from taskguard.reports.gradebook.files import CSV_FILE, JSON_FILE, PAGE_FILE
from taskguard.reports.gradebook.rows import Gradebook, Row
from taskguard.reports.plain import print_line, print_table
from taskguard.run.submissions.kept import End

_STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.UNKNOWN: "magenta"}


def print_gradebook(console: Console, book: Gradebook, out: Path) -> None:
    """Print the rows, how many came out how, and the files."""
    rows = [(row.name, row.result, "–" if row.points is None else row.points.in_words, _what(row)) for row in book.rows]
    styles = [_STYLES.get(row.outcome, "magenta") if row.outcome else "magenta" for row in book.rows]
    print_table(console, ("submission", "result", "points", "failed, and not judged (?)"), rows, styles)
    counts = ", ".join(f"{count} {result}" for result, count in sorted(book.counts.items()))
    print_line(console, f"{times(len(book.rows), 'submission')}: {counts}")
    print_line(console, f"Gradebook: {out / PAGE_FILE} ({CSV_FILE} and {JSON_FILE} beside it)", hanging=None)


def _what(row: Row) -> str:
    if row.outcome is None:
        return row.said[0] if row.end is End.NOT_TRIED and row.said else row.reason
    failed = [each.check for each in row.verdicts.values() if each.outcome is Outcome.FAIL]
    unknown = [f"{each.check}?" for each in row.verdicts.values() if each.outcome is Outcome.UNKNOWN]
    return ", ".join([*failed, *unknown])
