"""A run's report for people: one HTML file, to be opened in a browser, kept, or sent to somebody.

`page` decides what it says, `tasks`, `timelines`, `spreads` and `rates` the data of its parts, `rendering` and the
templates how it looks. It shows and never judges; it must not know how a history was gathered.
"""

from __future__ import annotations

from pathlib import Path

from taskguard.history import History, Manifest
from taskguard.judging.grading import Grade

REPORT_FILE = "report.html"


def write_report(folder: Path, grade: Grade, history: History, manifest: Manifest) -> None:
    """Write the grade as `report.html` into the run's ``folder``."""
    from taskguard.reports.html.page import page_of  # noqa: PLC0415
    from taskguard.reports.html.rendering import render  # noqa: PLC0415

    text = render(page_of(grade, history, manifest))
    unfinished = folder / f"{REPORT_FILE}.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / REPORT_FILE)


def get_ready() -> None:
    """Load what a report needs, which takes longer than to write one: while there is time for it."""
    from taskguard.reports.html.rendering import load  # noqa: PLC0415

    load()
