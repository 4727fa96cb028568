"""A grade on a console of 80 columns: what went wrong first, then a line for each check, the verdict in a word, and last the two numbers.

It must not know how a grade was reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from taskguard.history import History
from taskguard.history.wording import times
from taskguard.judging.causes import Cause
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import NOT_EXERCISED, Outcome
from taskguard.reports.check_lines import STYLES, CheckLines
from taskguard.reports.chosen import chosen_in_words
from taskguard.reports.html import REPORT_FILE
from taskguard.reports.left_running import left_running
from taskguard.reports.nemesis import HEADINGS, NARROW_HEADINGS, Nemesis
from taskguard.reports.plain import print_line, print_table
from taskguard.reports.timeline import print_timeline
from taskguard.support.this_command import runnable

_WIDE_COLUMNS = 140
"""A terminal that is narrower than this gets fewer figures of each fault."""

_WARNING = "Warning:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told beside a grade: ``notes``, as of the clocks; the command that makes the run again, in the folder ``repeat_in`` if not in this one; what was
    broken on purpose; and the run's ``folder``, where the report is."""

    notes: Sequence[str] = ()
    repeat: str | None = None
    repeat_in: Path | None = None
    nemesis: Nemesis | None = None
    folder: Path | None = None


def print_grade(
    console: Console, grade: Grade, history: History, told: Told | None = None, *, verbose: bool = False
) -> None:
    """Print the grade: the notes, known causes, the checks that did not pass with the task that shows it best, a line for each of the
    others, what was broken on purpose, what to type next, the verdict in a line, and last `SUCCESS: n` and `FAILURE: n`.

    Where checks fail because of a cause that is known, that stands for them. With `verbose` they are told all the same, as is what each
    check expects, and the timelines of a few tasks.
    """
    told = told or Told()
    _print_notes(console, grade, told.notes)
    for cause in grade.causes:
        _print_cause(console, cause, verbose=verbose)
    for sentence in left_running(history):
        print_line(console, sentence, "yellow", hanging=2)
        console.line()
    for task_id in sample(grade) if verbose else ():
        print_timeline(console, history, task_id)
        console.line()
    _print_checks(console, grade, history, verbose=verbose)
    if told.nemesis is not None:
        _print_nemesis(console, told.nemesis)
    _print_commands(console, told)
    if beside := chosen_in_words(grade):
        print_line(console, f"{beside}.")
    print_end(console, grade)


def print_end(console: Console, grade: Grade) -> None:
    """Print the verdict in a line, and the two numbers."""
    print_line(console, in_a_line(grade), STYLES[grade.outcome], hanging=6)
    console.line()
    print_line(console, f"SUCCESS: {grade.success}")
    print_line(console, f"FAILURE: {grade.failure}")


def print_report(console: Console, folder: Path | None) -> None:
    """Say where the report is, if there is one."""
    if folder is not None and (report := folder / REPORT_FILE).exists():
        print_line(console, f"Report: {report}", hanging=None)


def in_a_line(grade: Grade) -> str:
    """Return the verdict, and which checks decided it."""
    named = [each.check for each in grade.verdicts if each.outcome is grade.outcome]
    of = times(len(grade.verdicts), "check")
    if grade.outcome is not Outcome.PASS:
        which = f"{', '.join(named)} ({len(named)} of {of})" if named else "no check is applicable"
        return f"{grade.outcome.upper()}: {which}"
    hollow = sum(each.is_hollow for each in grade.verdicts)
    besides = ((len(grade.verdicts) - len(named), Outcome.NOT_APPLICABLE), (hollow, NOT_EXERCISED))
    return ", ".join([f"PASS: {times(len(named), 'check')}", *(f"{n} {what}" for n, what in besides if n)])


def sample(grade: Grade) -> tuple[str, ...]:
    """Return the tasks worth a look: one that succeeded at once, one that was retried, one that died."""
    firsts: dict[tuple[str, bool], str] = {}
    for fate in grade.fates:
        is_retried = fate.end == "completed" and len(fate.attempts) > 1
        firsts.setdefault((fate.end, is_retried), fate.task_id)
    wanted = (("completed", False), ("completed", True), ("dead-lettered", False))
    return tuple(firsts[each] for each in wanted if each in firsts)


def _print_notes(console: Console, grade: Grade, notes: Sequence[str]) -> None:
    """Notes are in the background, and so are warnings of a run that passed all the same."""
    shown = [note for note in notes if note]
    for note in shown:
        is_warning = note.startswith(_WARNING) and grade.outcome is not Outcome.PASS
        print_line(console, note, "yellow" if is_warning else "dim", hanging=2)
    if shown:
        console.line()


def _print_checks(console: Console, grade: Grade, history: History, *, verbose: bool) -> None:
    lines = CheckLines(console, grade.verdicts, verbose=verbose)
    explained = {} if verbose else grade.cause_of
    wrong = {
        outcome: [each for each in grade.verdicts if each.outcome is outcome]
        for outcome in (Outcome.FAIL, Outcome.UNKNOWN)
    }
    for verdict in wrong[Outcome.FAIL]:
        if verdict.check not in explained:
            lines.opened(verdict, history)
    lines.in_doubt([each for each in wrong[Outcome.UNKNOWN] if each.check not in explained], history)
    closed = [each for outcome in wrong for each in wrong[outcome] if each.check in explained]
    for verdict in (
        *closed,
        *(each for each in grade.verdicts if each.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE)),
    ):
        lines.line(verdict)
    console.line()


def _print_cause(console: Console, cause: Cause, *, verbose: bool) -> None:
    print_line(console, f"Most likely cause: {cause.in_words}", "bold red", hanging=2)
    for line in cause.lines:
        # Node.js puts tabs into its log's lines.
        print_line(console, line.expandtabs(4), indent=4, hanging=2)
    more = "" if verbose else "; -v and the report tell what each found"
    print_line(console, f"{cause.effect_in_words}{more}.", indent=2, hanging=2)
    console.line()


def _print_nemesis(console: Console, nemesis: Nemesis) -> None:
    print_line(console, f"{nemesis.in_words()}.")
    if console.is_terminal and console.width < _WIDE_COLUMNS:
        print_table(console, NARROW_HEADINGS, [row.narrow_cells() for row in nemesis.rows])
    else:
        console.line()
        print_table(console, HEADINGS, [row.cells() for row in nemesis.rows])


def _print_commands(console: Console, told: Told) -> None:
    """What can be typed next, each in one piece, so that it can be copied."""
    if told.repeat is not None:
        print_line(console, f"Run it again with: {runnable(told.repeat, folder=told.repeat_in)}", hanging=None)
    if told.folder is not None:
        print_line(console, f"Judge it again with: {runnable('taskguard check', told.folder)}", hanging=None)
    print_report(console, told.folder)
    if told.repeat is not None or told.folder is not None:
        console.line()
