"""What a run tells otherwise than the one before it, in few lines on a console: for who has just changed something.

It must not know how the two were made, nor how a grade was reached.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rich.console import Console

from taskguard.errors import HistoryError
from taskguard.history.wording import times
from taskguard.judging.comparing import Graded, compare, verdicts_that_differ
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.check_lines import STYLES
from taskguard.reports.console import in_a_line, print_report
from taskguard.reports.plain import print_line
from taskguard.support.json_values import Json

_MOST_FATES = 3


def print_difference(console: Console, before: Graded | None, now: Graded, folder: Path, seconds: float) -> None:
    """Print the verdict of the run in ``folder``, what does not pass, and what differs from the run ``before``. It took so many
    ``seconds``."""
    grade = now.grade
    for cause in grade.causes:
        print_line(console, f"Most likely cause: {cause.in_words}", "bold red", hanging=2)
        for line in cause.lines:
            print_line(console, line, indent=4, hanging=2)
    for verdict in grade.verdicts:
        if verdict.outcome is Outcome.FAIL:
            _print_failed(console, grade, verdict)
    if unknown := [each.check for each in grade.verdicts if each.outcome is Outcome.UNKNOWN]:
        print_line(console, f"unknown: {', '.join(unknown)}", "yellow", hanging=2)
    if before is not None:
        _print_changes(console, before, now)
    print_line(console, f"{in_a_line(grade)}; after {seconds:.1f} s", STYLES[grade.outcome], hanging=6)
    if grade.outcome is not Outcome.PASS:
        print_report(console, folder)


def _print_failed(console: Console, grade: Grade, verdict: Verdict) -> None:
    print_line(console, f"fail {verdict.check}: {verdict.observed}", "red", hanging=2)
    if verdict.findings and verdict.check not in grade.cause_of:
        print_line(console, verdict.findings[0].message, indent=2, hanging=2)
        if (more := len(verdict.findings) - 1) > 0:
            print_line(console, f"and {times(more, 'more finding')}", indent=2)


def _print_changes(console: Console, before: Graded, now: Graded) -> None:
    verdicts = verdicts_that_differ(before.grade, now.grade)
    alike: dict[tuple[Json, Json], list[str]] = {}
    for each in verdicts:
        alike.setdefault((each.one, each.other), []).append(each.name)
    for (was, is_), checks in alike.items():
        print_line(console, f"changed from {was} to {is_}: {', '.join(checks)}", hanging=2)
    # Each run has tasks of its own, where a service could not be told to forget those of before.
    comparison = None
    with suppress(HistoryError):
        comparison = compare(before, now)
    fates, in_both = (comparison.fates, comparison.tasks_in_both) if comparison is not None else ((), 0)
    for fate in fates[:_MOST_FATES]:
        print_line(console, f"changed: task {fate.name} was {fate.one}; is {fate.other}", hanging=2)
    if (more := len(fates) - _MOST_FATES) > 0:
        print_line(console, f"changed: {times(more, 'more task')} fared otherwise", hanging=2)
    if not verdicts and not fates:
        fared = f", and each of {times(in_both, 'task')} fared alike" if in_both else ""
        print_line(console, f"As the run before: the verdicts are the same{fared}.", hanging=2)
