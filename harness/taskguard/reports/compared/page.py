"""Two runs side by side as one page that needs nothing else: no network, no script.

It must not know how the two were judged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import ChoiceLoader, PackageLoader, Template
from markupsafe import Markup

from taskguard.history.wording import seconds, times
from taskguard.judging.changing import ChangedCheck, ChangedFate, Direction, changed_checks, changed_fates
from taskguard.judging.comparing import Comparison, Difference, Graded, Spread, in_words
from taskguard.judging.verdict import Outcome
from taskguard.reports.comparison import short
from taskguard.reports.html import REPORT_FILE
from taskguard.reports.html.rendering import digest_of, environment_of, style_of
from taskguard.support.folders import naming

MOST_TASKS = 200
MOST_SETTINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs: its folder's name, how it came out, and a link to its report, where there is one."""

    name: str
    outcome: Outcome
    success: int
    failure: int
    report: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page says."""

    headline: str
    direction: Direction | None
    one: Side
    other: Side
    checks: tuple[ChangedCheck, ...]
    fates: tuple[ChangedFate, ...]
    more_fates: int
    only: tuple[tuple[str, tuple[str, ...]], ...]
    spreads: tuple[Spread, ...]
    settings: tuple[Difference, ...]
    more_settings: int


def write_comparison(
    file: Path, comparison: Comparison, one: Graded, other: Graded, folders: tuple[Path, Path]
) -> None:
    """Write the comparison of two runs that are kept in these folders as a page.

    Raises:
        OSError: it cannot be written; names the file.
    """
    sides = tuple(_side(graded, folder, file) for graded, folder in zip((one, other), folders, strict=True))
    text = render(page_of(comparison, one, other, (sides[0], sides[1])))
    with naming(file):
        file.write_text(text, encoding="utf-8", errors="backslashreplace")


def page_of(comparison: Comparison, one: Graded, other: Graded, sides: tuple[Side, Side]) -> Page:
    """Return what the page of a comparison says."""
    checks = changed_checks(one.grade, other.grade)
    fates = changed_fates(one.grade.fates, other.grade.fates)
    return Page(
        headline=_headline(comparison, checks),
        direction=_direction(checks),
        one=sides[0],
        other=sides[1],
        checks=checks,
        fates=fates[:MOST_TASKS],
        more_fates=max(0, len(fates) - MOST_TASKS),
        only=tuple(
            (side.name, ids[:MOST_TASKS])
            for side, ids in zip(sides, (comparison.only_in_one, comparison.only_in_other), strict=True)
            if ids
        ),
        spreads=comparison.spreads,
        settings=comparison.manifest[:MOST_SETTINGS],
        more_settings=max(0, len(comparison.manifest) - MOST_SETTINGS),
    )


def render(page: Page) -> str:
    """The page as HTML."""
    template, style = _load()
    return template.render(
        page=page,
        directions=tuple(Direction),
        in_words=in_words,
        seconds=seconds,
        short=short,
        style=Markup(style),  # noqa: S704  # it is ours, and has nothing of the runs
        style_digest=digest_of(style),
    )


def _side(graded: Graded, folder: Path, file: Path) -> Side:
    report = folder / REPORT_FILE
    link = quote(os.path.relpath(report, file.parent).replace(os.sep, "/")) if report.is_file() else None
    grade = graded.grade
    return Side(
        name=folder.resolve().name,
        outcome=grade.outcome,
        success=grade.success,
        failure=grade.failure,
        report=link,
    )


def _headline(comparison: Comparison, checks: tuple[ChangedCheck, ...]) -> str:
    if comparison.same:
        return "Nothing differs in how they were judged"
    counts = [(sum(each.direction is direction for each in checks), direction) for direction in Direction]
    told = [f"{times(count, 'check')} {direction}" for count, direction in counts if count]
    tasks = len(comparison.fates)
    return ", ".join([*told, *([f"{times(tasks, 'task')} fared otherwise"] if tasks else [])]) or "They had other tasks"


def _direction(checks: tuple[ChangedCheck, ...]) -> Direction | None:
    """The worst of them, if there is any."""
    return next((direction for direction in Direction if any(each.direction is direction for each in checks)), None)


@lru_cache(maxsize=1)
def _load() -> tuple[Template, str]:
    loader = ChoiceLoader([PackageLoader("taskguard.reports.compared"), PackageLoader("taskguard.reports.html")])
    environment = environment_of(loader)
    return environment.get_template("comparison.html.jinja"), style_of(environment, "base.css", "comparison.css")
