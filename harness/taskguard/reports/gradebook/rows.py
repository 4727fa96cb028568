"""A gradebook as data: a row for each submission, made from its folder alone; each run in it is judged anew, all by one TaskGuard.

It must not know how a gradebook looks.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import msgspec

from taskguard.contract.contract import Contract
from taskguard.contract.points import CHECK_NAMES, CHECK_OF_SETTINGS
from taskguard.errors import ConfigurationError, TaskGuardError
from taskguard.history import HISTORY_FILE, MANIFEST_FILE, SavedRun, edited_files
from taskguard.judging.checks import CHECKS
from taskguard.judging.earning import Points, itemised, points_of
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.html import REPORT_FILE
from taskguard.reports.what_matters import Said, what_matters
from taskguard.run.not_made import NotMade
from taskguard.run.submissions import kept
from taskguard.run.submissions.kept import CONSOLE_FILE, OF_ERRORS, REASONS, RUN_FOLDER, End, Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A submission. What was graded has ``verdicts`` by check, an ``outcome`` and ``points``; of all else ``said`` tells why not. ``report``
    and ``console`` are links, relative to the gradebook. A person is to look at it ``why_look``."""

    name: str
    end: End
    outcome: Outcome | None = None
    points: Points | None = None
    verdicts: Mapping[str, Verdict]
    findings: tuple[Said, ...] = ()
    said: tuple[str, ...] = ()
    why_look: tuple[str, ...] = ()
    report: str | None = None
    console: str | None = None
    contract: Contract | None = None

    @property
    def result(self) -> str:
        """The grade's outcome, or how it ended instead."""
        return str(self.outcome or self.end)

    @property
    def reason(self) -> str:
        """Why there is no grade, as a sentence."""
        return REASONS[self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A check that is applicable to one of the submissions at least, or a setting that has points of its own: what it is worth, what it
    claims, and how often it came out how. Its evidence is told of the check ``told_at``."""

    check: str
    worth: float
    claim: str
    counts: Mapping[Outcome, int]

    @property
    def told_at(self) -> str:
        return self.check if self.check in CHECK_NAMES else CHECK_OF_SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradebook:
    """The rows in the order of their names, below these columns; ``demands`` are the contract in words."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    demands: tuple[str, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many rows came out how."""
        return Counter(row.result for row in self.rows)


def gradebook_of(folders: Iterable[Path], out: Path, contract: Contract | None = None) -> Gradebook:
    """The gradebook, to be kept in ``out``, of submissions' folders or runs' folders, with the points of this contract, or else of the one
    that the runs were judged by.

    Raises:
        ConfigurationError: there is no such folder among them, or in a folder that was named.
    """
    rows = _by_name(_row(each, out) for each in folders)
    if contract is None:
        contract = next((row.contract for row in rows if row.contract is not None), Contract())
    rows = [_with_points(row, contract) for row in rows]
    return Gradebook(rows=tuple(rows), columns=tuple(_columns(rows, contract)), demands=tuple(contract.in_words()))


def folders_below(given: Iterable[Path]) -> list[Path]:
    """The submissions' and runs' folders that these are or, at any depth, hold.

    Raises:
        ConfigurationError: one of them is and holds none.
    """
    found: dict[Path, Path] = {}
    for folder in given:
        below = list(_below(folder))
        if not below:
            raise ConfigurationError(
                f"Collecting {folder}: there is no run in it, neither a {kept.SUBMISSION_FILE} nor a {MANIFEST_FILE}. Name folders of runs."
            )
        found |= {each.resolve(): each for each in below}
    return list(found.values())


def _below(folder: Path) -> Iterable[Path]:
    for place, names, files in os.walk(folder):
        if kept.SUBMISSION_FILE in files or MANIFEST_FILE in files:
            # What a run's folder holds is no other run.
            names.clear()
            yield Path(place)
        names.sort()


def _row(folder: Path, out: Path) -> Row:
    try:
        submission = Kept.read(folder) if kept.is_there(folder) else _of_run(folder)
    except TaskGuardError as error:
        return Row(name=folder.name, end=End.NOT_RUN, verdicts={}, said=(str(error),))
    run = folder / RUN_FOLDER if kept.is_there(folder) else folder
    row = Row(
        name=submission.name,
        end=submission.end,
        verdicts={},
        said=submission.said,
        report=_link(run / REPORT_FILE, out),
        console=_link(folder / CONSOLE_FILE, out),
    )
    if submission.end is not End.GRADED:
        return replace(row, why_look=(REASONS[submission.end],))
    try:
        return _judged(row, run)
    except Exception as error:  # whatever a file holds, the other rows are made
        told = str(error) if isinstance(error, TaskGuardError) else f"Judging it: {error!r}"
        said = (told.replace(str(folder), "."),)
        return replace(row, end=End.NOT_RUN, said=said, why_look=(REASONS[End.NOT_RUN],))


def _of_run(folder: Path) -> Kept:
    """What would be kept of a run that was made by itself."""
    told = NotMade.read(folder)
    if told is None:
        return Kept(name=folder.name, end=End.GRADED)
    return Kept(name=folder.name, end=OF_ERRORS.get(told.error, End.NOT_RUN), said=tuple(told.message.splitlines()))


def _judged(row: Row, run: Path) -> Row:
    saved = SavedRun.read(run)
    manifest = saved.manifest
    grade = grade_run(saved.history, manifest)
    look = []
    if edited_files(run / HISTORY_FILE):
        look.append("The run's files are not as the run wrote them.")
    if grade.outcome is Outcome.UNKNOWN:
        look.append("Not all could be judged.")
    elif any(each.outcome is Outcome.UNKNOWN for each in grade.verdicts):
        look.append("Beside what failed, not all could be judged.")
    return replace(
        row,
        end=End.ENDED_EARLY if manifest.ended_early else End.GRADED,
        outcome=grade.outcome,
        verdicts={each.check: each for each in grade.verdicts},
        findings=what_matters(grade, manifest.contract),
        why_look=tuple(look),
        contract=manifest.contract,
    )


def _with_points(row: Row, contract: Contract) -> Row:
    if row.contract is None or row.end is not End.GRADED:
        return row
    other = _without_points(row.contract) != _without_points(contract)
    look = (*row.why_look, *(["It was judged by another contract than the gradebook's."] if other else []))
    verdicts = {each.check: each for each in itemised(row.verdicts.values(), contract)}
    return replace(row, verdicts=verdicts, points=points_of(verdicts.values(), contract), why_look=look)


def _without_points(contract: Contract) -> Contract:
    return msgspec.structs.replace(contract, points={})


def _by_name(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.name.casefold(), row.name, row.report or ""))


def _columns(rows: Sequence[Row], contract: Contract) -> Iterable[Column]:
    names = dict.fromkeys([*map(str, CHECKS), *(check for row in rows for check in row.verdicts)])
    for check in names:
        verdicts = [row.verdicts[check] for row in rows if check in row.verdicts]
        counts = Counter(each.outcome for each in verdicts)
        if verdicts and counts[Outcome.NOT_APPLICABLE] < len(verdicts):
            yield Column(check=check, worth=contract.worth(check), claim=verdicts[0].claim, counts=counts)


def _link(file: Path, out: Path) -> str | None:
    """The file as a link that works from ``out``; none where it is not there."""
    return quote(os.path.relpath(file, out).replace(os.sep, "/")) if file.is_file() else None
