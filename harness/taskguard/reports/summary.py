"""A grade, or a gradebook, for the summary of a CI service's job: HTML, which GitHub shows within Markdown.

What a service or a submitter says is escaped, and nothing in it is an empty line, after which it would be read as Markdown. It must not know
how a grade was reached.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader

from taskguard.contract.contract import Contract
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome
from taskguard.reports.gradebook.rows import Gradebook
from taskguard.reports.html.rendering import environment_of
from taskguard.reports.html.visible import shown
from taskguard.reports.what_matters import what_matters
from taskguard.support.folders import naming

_MARKS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.UNKNOWN: "❔", Outcome.NOT_APPLICABLE: "➖"}
_MOST_LINES = 30


def summary_of_run(grade: Grade, contract: Contract, service: str) -> str:
    """The verdicts on the service of this name, with what matters of them first."""
    return _rendered(
        "summary.jinja",
        heading=f"{_MARKS[grade.outcome]} {service}: {grade.outcome}",
        grade=grade,
        said=what_matters(grade, contract),
        marks=_MARKS,
    )


def summary_of_failure(message: str, service: str) -> str:
    """Why there is no grade of the service of this name."""
    lines = [shown(line, 600) for line in message.splitlines() if line.strip()][:_MOST_LINES]
    return _rendered("summary.jinja", heading=f"❔ {service}: no grade", grade=None, lines=lines)


def summary_of_book(book: Gradebook) -> str:
    """A line for each submission."""
    return _rendered("book-summary.jinja", book=book)


def append(file: Path, text: str) -> None:
    """Add it to the file, in which other steps of a job may have written."""
    with naming(file), file.open("a", encoding="utf-8", errors="backslashreplace") as summary:
        summary.write(text)


def _rendered(template: str, **values: object) -> str:
    lines = _environment().get_template(template).render(**values).splitlines()
    return "\n".join([*(line for line in lines if line.strip()), "", ""])


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment_of(
        ChoiceLoader([PackageLoader("taskguard.reports.html"), PackageLoader("taskguard.reports.gradebook")])
    )
