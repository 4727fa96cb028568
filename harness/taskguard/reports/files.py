"""The reports that a run's folder holds beside the run itself, written once it was judged."""

from __future__ import annotations

from pathlib import Path

from taskguard.history import SavedRun
from taskguard.judging.grading import Grade
from taskguard.reports.as_json import GRADE_FILE, write_grade
from taskguard.reports.as_junit import write_junit
from taskguard.reports.html import write_report
from taskguard.reports.nemesis import write_nemesis
from taskguard.support.folders import naming


def write_reports(folder: Path, grade: Grade, saved: SavedRun, *, with_grade: bool = True) -> None:
    """Write the grade as JSON (unless it is there already), for JUnit, and as a page, with the table of faults if there were any."""
    history, manifest = saved.history, saved.manifest
    # Which of them has no room hardly matters.
    with naming(folder):
        if with_grade:
            write_grade(folder / GRADE_FILE, grade, history, manifest.terms, manifest.clock_scale, folder)
        write_junit(folder, grade, history, manifest.target, manifest.repeat)
        write_report(folder, grade, history, manifest)
        write_nemesis(folder, history, manifest)
