"""A grade on a console: some tasks' timelines, the verdicts, what is wrong, and the two numbers, which come last.

It must not know how a grade was reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from taskguard.history import History
from taskguard.history.wording import times
from taskguard.judging.causes import Cause
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.chosen import chosen_in_words
from taskguard.reports.html import REPORT_FILE
from taskguard.reports.left_running import left_running
from taskguard.reports.nemesis import HEADINGS, Nemesis
from taskguard.reports.plain import print_line, print_table
from taskguard.reports.timeline import timeline
from taskguard.support.this_command import runnable

MOST_FINDINGS = 5
"""How many findings of a check are shown; `grade.json` has all."""

_STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.UNKNOWN: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
}

_HOLLOW = "dim green"

_OF_NO_FINDING = (Outcome.PASS, Outcome.NOT_APPLICABLE)
"""A check that came out so has nothing wrong; what it advises is told all the same."""


def print_grade(
    console: Console,
    grade: Grade,
    history: History,
    notes: Sequence[str] = (),
    repeat: str | None = None,
    nemesis: Nemesis | None = None,
    folder: Path | None = None,
    *,
    verbose: bool = False,
) -> None:
    """Print a sample of timelines, the table of verdicts, what each check found wrong, with the timeline of a task that shows
    it, and last `SUCCESS: n` and `FAILURE: n`.

    Where checks fail because of a cause that is known, that comes first and stands for them; with `verbose` what they found
    follows all the same.

    Before all that the `notes`, as of the clocks; after the verdicts, what was broken on purpose, if anything was; before the two
    numbers, the command that repeats the run and, of one that did not pass, the verdict in a line, with the report in its `folder`.
    """
    for note in filter(None, notes):
        print_line(console, note)
        console.line()
    for cause in grade.causes:
        _print_cause(console, cause, verbose=verbose)
    for sentence in left_running(history):
        print_line(console, sentence, "yellow", hanging=2)
        console.line()
    for task_id in sample(grade) if verbose or not grade.causes else ():
        _print_timeline(console, timeline(history, task_id))
        console.line()
    print_table(
        console,
        ("check", "verdict", "expected", "observed"),
        [(each.check, each.in_words, each.expected, each.observed) for each in grade.verdicts],
        [_HOLLOW if each.is_hollow else _STYLES[each.outcome] for each in grade.verdicts],
    )
    if nemesis is not None:
        print_line(console, f"{nemesis.in_words()}.")
        console.line()
        print_table(console, HEADINGS, [row.cells() for row in nemesis.rows])
    explained = {} if verbose else grade.cause_of
    for verdict in grade.verdicts:
        if (verdict.outcome not in _OF_NO_FINDING or verdict.findings) and verdict.check not in explained:
            _print_what_is_wrong(console, verdict, history)
    _print_end(console, grade, repeat, folder)


def _print_end(console: Console, grade: Grade, repeat: str | None, folder: Path | None) -> None:
    """How to repeat the run, the verdict of one that did not pass, and the two numbers."""
    if repeat is not None:
        print_line(console, f"Run it again with: {runnable(repeat)}", hanging=None)
        console.line()
    if grade.outcome is not Outcome.PASS:
        _print_outcome(console, grade, folder)
        console.line()
    if beside := chosen_in_words(grade):
        print_line(console, f"{beside}.")
        console.line()
    print_line(console, f"SUCCESS: {grade.success}")
    print_line(console, f"FAILURE: {grade.failure}")


def sample(grade: Grade) -> tuple[str, ...]:
    """Return the tasks worth a look: one that succeeded at once, one that was retried, one that died."""
    firsts: dict[tuple[str, bool], str] = {}
    for fate in grade.fates:
        is_retried = fate.end == "completed" and len(fate.attempts) > 1
        firsts.setdefault((fate.end, is_retried), fate.task_id)
    wanted = (("completed", False), ("completed", True), ("dead-lettered", False))
    return tuple(firsts[each] for each in wanted if each in firsts)


def _print_cause(console: Console, cause: Cause, *, verbose: bool) -> None:
    print_line(console, f"Most likely cause: {cause.in_words}", "bold red", hanging=2)
    for line in cause.lines:
        print_line(console, line, indent=4, hanging=2)
    more = "" if verbose else "; -v and the report tell what each found"
    print_line(console, f"{cause.effect_in_words}{more}.", indent=2, hanging=2)
    console.line()


def _print_what_is_wrong(console: Console, verdict: Verdict, history: History) -> None:
    print_line(console, f"{verdict.check}: {verdict.outcome.value}. {verdict.claim}", _STYLES[verdict.outcome])
    print_line(console, f"expected: {verdict.expected}", indent=2, hanging=10)
    print_line(console, f"observed: {verdict.observed}", indent=2, hanging=10)
    for finding in verdict.findings[:MOST_FINDINGS]:
        print_line(console, finding.message, indent=2, hanging=2)
    more = len(verdict.findings) - MOST_FINDINGS
    if more > 0:
        print_line(console, f"and {times(more, 'more finding')}, in grade.json", indent=2)
    console.line()
    shown = next((each for each in verdict.findings if each.task_id is not None), None)
    if verdict.outcome is Outcome.FAIL and shown is not None:
        _print_timeline(console, timeline(history, shown.task_id or "", frozenset(shown.events)))
        console.line()


def _print_outcome(console: Console, grade: Grade, folder: Path | None) -> None:
    named = [each.check for each in grade.verdicts if each.outcome is grade.outcome]
    style = _STYLES[grade.outcome]
    of = times(len(grade.verdicts), "check")
    which = f"{', '.join(named)} ({len(named)} of {of})" if named else "no check is applicable"
    print_line(console, f"{grade.outcome.upper()}: {which}", style, hanging=6)
    report = None if folder is None else folder / REPORT_FILE
    if report is not None and report.exists():
        print_line(console, f"Report: {report}", hanging=None)


def _print_timeline(console: Console, text: str) -> None:
    for line in text.splitlines():
        print_line(console, line, "bold" if line.startswith(">") else "", hanging=4)
