"""Verdicts on a console: a line each, with a mark, the check's name and what was seen; those that did not pass can be opened.

It must not know how a grade was reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from taskguard.history import History
from taskguard.history.wording import times
from taskguard.judging.verdict import NOT_EXERCISED, Finding, Outcome, Verdict
from taskguard.reports.examples import best_example
from taskguard.reports.log_excerpt import log_of
from taskguard.reports.plain import print_line, shows_marks
from taskguard.reports.timeline import MOST_EVENTS, print_timeline

MOST_FINDINGS = 3
"""How many findings of a check are shown; `grade.json` has all."""
MOST_FINDINGS_VERBOSE = 20
MOST_EVENTS_OF_AN_EXAMPLE = 16

STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.UNKNOWN: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
}
_MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNKNOWN: "?", Outcome.NOT_APPLICABLE: "–"}  # a dash
_HOLLOW, _HOLLOW_STYLE = "○", "dim green"


class CheckLines:
    """Prints verdicts of one grade, so that their columns stand below each other."""

    def __init__(self, console: Console, verdicts: Iterable[Verdict], *, verbose: bool) -> None:
        self._console, self._verbose = console, verbose
        self._marks = shows_marks(console)
        self._logs_shown: list[tuple[str, tuple[str, ...]]] = []
        verdicts = tuple(verdicts)
        self._first = max((len(self._mark(each)) for each in verdicts), default=0) + (1 if self._marks else 2)
        self._indent = self._first + max((len(each.check) for each in verdicts), default=0) + 2

    def line(self, verdict: Verdict) -> None:
        """Print the verdict in a line, and what it asks for where all is to be told."""
        style = _HOLLOW_STYLE if verdict.is_hollow else STYLES[verdict.outcome]
        name_style = "" if verdict.outcome is Outcome.PASS else style
        lead = Text.assemble((self._mark(verdict).ljust(self._first), style), (verdict.check, name_style))
        is_quiet = verdict.is_hollow or verdict.outcome is Outcome.NOT_APPLICABLE
        print_line(self._console, self._seen(verdict), "dim" if is_quiet else "", indent=self._indent, lead=lead)
        if self._verbose and verdict.outcome is Outcome.PASS:
            self._say(f"expected: {verdict.expected}", style="dim")
        if verdict.outcome is Outcome.PASS:
            for finding in verdict.findings:
                self._say(finding.message)

    def opened(self, verdict: Verdict, history: History) -> None:
        """Print the verdict with what it asks for, what was found, and the task that shows it best."""
        self.line(verdict)
        print_line(self._console, verdict.claim, indent=4)
        print_line(self._console, f"expected: {verdict.expected}", indent=4, hanging=10)
        example = best_example(verdict, history)
        self._findings(verdict, example)
        if verdict.outcome is Outcome.FAIL and example is not None and example.task_id is not None:
            self._example(example, example.task_id, history)
        self._console.line()

    def in_doubt(self, verdicts: Sequence[Verdict], history: History) -> None:
        """Print verdicts that are unknown: each in a line, and below those that share a reason this, once, below each other its own."""
        if self._verbose:
            for verdict in verdicts:
                self.opened(verdict, history)
            return
        alike, reasons = _of_one_reason(verdicts)
        for verdict in alike:
            self.line(verdict)
        for reason in reasons[:MOST_FINDINGS]:
            print_line(self._console, reason, indent=4, hanging=2)
        if alike:
            self._console.line()
        for verdict in verdicts:
            if verdict not in alike:
                self.line(verdict)
                self._findings(verdict, best_example(verdict, history))
                self._console.line()

    def _findings(self, verdict: Verdict, example: Finding | None) -> None:
        most = MOST_FINDINGS_VERBOSE if self._verbose else MOST_FINDINGS
        shown = [example] if example is not None else []
        shown += [each for each in verdict.findings if each is not example][: most - 1]
        for finding in shown:
            print_line(self._console, finding.message, indent=4, hanging=2)
        if (more := len(verdict.findings) - len(shown)) > 0:
            print_line(self._console, f"and {times(more, 'more finding')}, in grade.json", "dim", indent=4)
        failed = shown if verdict.outcome is Outcome.FAIL else []
        for place in dict.fromkeys(each.place for each in failed if each.place is not None):
            print_line(self._console, f"look at {place}", indent=4, hanging=2)

    def _example(self, finding: Finding, task_id: str, history: History) -> None:
        self._console.line()
        most = MOST_EVENTS if self._verbose else MOST_EVENTS_OF_AN_EXAMPLE
        print_timeline(self._console, history, task_id, finding.events, indent=4, most=most)
        logged = log_of(history, task_id, finding.events)
        if logged is not None and logged not in self._logs_shown:
            self._logs_shown.append(logged)
            of, lines = logged
            print_line(self._console, f"log of {of}:", indent=4)
            for line in lines:
                print_line(self._console, line, "dim", indent=6, hanging=2)

    def _say(self, text: str, style: str = "") -> None:
        print_line(self._console, text, style, indent=self._indent if self._marks else 4, hanging=2)

    def _mark(self, verdict: Verdict) -> str:
        if not self._marks:
            return verdict.in_words
        return _HOLLOW if verdict.is_hollow else _MARKS[verdict.outcome]

    def _seen(self, verdict: Verdict) -> str:
        """What was seen; beside a mark that is not known to everybody, in words what it means."""
        if self._marks and verdict.is_hollow:
            return f"{NOT_EXERCISED}: {verdict.observed.removeprefix('vacuous: ')}"
        return verdict.observed


def _of_one_reason(verdicts: Sequence[Verdict]) -> tuple[Sequence[Verdict], Sequence[str]]:
    """The verdicts among these that have the commonest of their findings, if several have it, and the findings that all those have."""
    said = {verdict.check: {each.message for each in verdict.findings} for verdict in verdicts}
    counted = Counter(message for messages in said.values() for message in messages)
    commonest = max(counted, key=lambda message: (counted[message], message), default="")
    if counted[commonest] < 2:
        return (), ()
    alike = [verdict for verdict in verdicts if commonest in said[verdict.check]]
    shared = set.intersection(*(said[verdict.check] for verdict in alike))
    return alike, [each.message for each in alike[0].findings if each.message in shared]
