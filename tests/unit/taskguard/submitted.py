"""Submissions made by hand, a finished run to hand in for them, and a grading that runs a fake in place of ``taskguard grade``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taskguard.contract.files import built_in
from taskguard.history import Delivered, Event, History
from taskguard.judging.grading import grade_run
from taskguard.reports.files import write_reports
from taskguard.run.submissions.kept import End, Kept
from taskguard.run.submissions.listed import submissions_in
from taskguard.run.submissions.making import Done, Grading, Terms

from tests.unit.judging.building import missing, without
from tests.unit.judging.reporting import broken
from tests.unit.taskguard import fake_grader
from tests.unit.taskguard.saved_runs import EVENTS, run_of

TERMS = Terms(
    contract_name="taskguard",
    contract=built_in("taskguard"),
    tasks=4,
    seed="a",
    clock_scale=60,
    deadline_seconds=60,
)
RIGHT = EVENTS


def run_at(folder: Path, events: list[Event], **other: Any) -> Path:
    """A run's folder with its reports."""
    saved = run_of(History(events), **other)
    saved.write(folder)
    write_reports(folder, grade_run(saved.history, saved.manifest), saved)
    return folder


def right_run(folder: Path) -> Path:
    return run_at(folder, RIGHT)


def wrong_run(folder: Path) -> Path:
    return run_at(folder, broken())


def open_run(folder: Path, kind: type[Event]) -> Path:
    """A run in which an event of this kind was not seen."""
    return run_at(folder, [*without(RIGHT, kind), missing(kind.__name__)])


def submission(folder: Path, behaves: str, *, service: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "behaves").write_text(behaves)
    if service:
        (folder / "cloudformation.yml").write_text("Resources: {}\n")
    return folder


def grading(out: Path, terms: Terms = TERMS, jobs: int = 3) -> Grading:
    return Grading(out=out, terms=terms, command=[sys.executable, "-S", fake_grader.__file__], jobs=jobs)


def graded(
    source: Path, out: Path, *, change: Callable[[Terms], Terms] = lambda terms: terms
) -> tuple[Grading, dict[str, Done]]:
    """Grade what is in ``source``, and how each ended, by name."""
    made, told = grading(out, change(TERMS)), dict[str, Done]()
    made.grade(submissions_in(source), lambda done: told.__setitem__(done.submission.name, done))
    return made, told


def kept_submissions(folder: Path) -> Path:
    """Submissions as a gradebook keeps them."""
    for name, make in (("right", right_run), ("wrong", wrong_run)):
        make(folder / name / "run")
        Kept(name=name, end=End.GRADED).write(folder / name)
        (folder / name / "console.txt").write_text("what was said\n")
    open_run(folder / "open" / "run", Delivered)
    Kept(name="open", end=End.GRADED).write(folder / "open")
    (folder / "unbuilt").mkdir()
    Kept(name="unbuilt", end=End.NOT_BUILT, said=("packaging failed", "  no such plugin")).write(folder / "unbuilt")
    return folder
