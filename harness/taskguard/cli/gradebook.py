"""``taskguard gradebook``: grade many submissions by one contract, or collect what was graded elsewhere, into one gradebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskguard.cli.judge import a_console
from taskguard.cli.stack import MOST_TASKS, ClockScale, SandboxOption, unset
from taskguard.cli.summary import SummaryOption
from taskguard.contract.contract import Contract
from taskguard.contract.files import AS_DEPLOYED, contract_named
from taskguard.reports.gradebook.console import print_gradebook
from taskguard.reports.gradebook.files import write_gradebook
from taskguard.reports.gradebook.rows import folders_below, gradebook_of
from taskguard.reports.plain import print_line
from taskguard.reports.summary import append, summary_of_book
from taskguard.run.submissions.kept import is_there
from taskguard.run.submissions.listed import Submission, submissions_in
from taskguard.run.submissions.making import Done, Grading, Terms
from taskguard.run.submissions.matrix import Matrix, matrix_of
from taskguard.service.sandboxing import is_sandboxed
from taskguard.support.garbage_collection import without_garbage_collection
from taskguard.support.processors import usable_processors
from taskguard.targets.names import TargetName

DEADLINE_SECONDS = 900.0
SEED = "gradebook"


def gradebook(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            help="A folder that has a folder for each submission, or a CSV file with a line for each. With --collect: folders of runs.",
            show_default=False,
        ),
    ],
    contract: Annotated[
        str | None,
        unset(
            help=f"What is demanded of all: a contract's file, or the name of a built-in one (default: {AS_DEPLOYED})."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="The folder for the gradebook; one that was interrupted is continued.")
    ] = Path("gradebook"),
    jobs: Annotated[
        int | None, unset(min=1, help="How many to grade at a time (default: half as many as there are processors).")
    ] = None,
    tasks: Annotated[int, typer.Option(min=1, max=MOST_TASKS, help="How many tasks to send to each.")] = 30,
    seed: Annotated[str, typer.Option(help="Decides the ids of the tasks, which are the same for all.")] = SEED,
    clock_scale: ClockScale = 1.0,
    deadline: Annotated[
        float, typer.Option(min=1.0, help="Stop a submission after so many seconds.")
    ] = DEADLINE_SECONDS,
    sandbox: SandboxOption = None,
    only: Annotated[
        list[str] | None, unset(metavar="SUBMISSION", help="Grade only this submission; may be given several times.")
    ] = None,
    matrix: Annotated[
        Matrix | None,
        unset(help="Only list the submissions. github: as the matrix of a GitHub workflow. lines: one a line."),
    ] = None,
    summary: SummaryOption = None,
    collect: Annotated[
        bool,
        typer.Option(
            "--collect", help="Run nothing; make the gradebook of runs that were made before, here or elsewhere."
        ),
    ] = False,
) -> None:
    """Grade many submissions by one contract, and collect the results in a gradebook.

    Exits with 0 when the gradebook is made, whatever the grades are.
    """
    console = a_console()
    if collect:
        demanded = None if contract is None else contract_named(contract)
        _write(console, folders_below(sources), out, demanded, summary)
        return
    if len(sources) != 1:
        raise typer.BadParameter("name one folder, or one CSV file; several are for --collect")
    [source] = sources
    if not source.exists():
        raise typer.BadParameter(f"{source}: there is no such folder or file")
    submissions = _chosen(submissions_in(source, besides=out.resolve()), only)
    if matrix is not None:
        typer.echo(matrix_of(submissions, matrix))
        return
    terms = Terms(
        contract_name=contract or AS_DEPLOYED,
        contract=contract_named(contract or AS_DEPLOYED),
        tasks=tasks,
        seed=seed,
        clock_scale=clock_scale,
        deadline_seconds=deadline,
        sandboxed=sandbox,
    )
    # What this machine lacks concerns all of them, and nobody waits to hear of it.
    is_sandboxed(source, sandbox, TargetName.LOCALSTACK)
    grading = Grading(out=out, terms=terms, command=graded_apart(), jobs=jobs or max(1, usable_processors() // 2))
    try:
        _grade(console, grading, submissions)
    finally:
        # What is done when it is broken off is kept, and can be looked at.
        kept = [folder for each in submissions if is_there(folder := grading.folder_of(each))]
        if kept:
            _write(console, kept, out, terms.contract, summary)


def graded_apart() -> list[str]:
    """The words that stand before the arguments of ``taskguard grade``; ``-P``: nothing in the current folder is taken for a module."""
    return [sys.executable, "-P", "-m", "taskguard.cli.graded_apart", str(os.getpid())]


def _chosen(submissions: Sequence[Submission], only: Sequence[str] | None) -> list[Submission]:
    if not only:
        return list(submissions)
    chosen = [each for each in submissions if {each.name, each.place} & set(only)]
    if missing := set(only) - {name for each in chosen for name in (each.name, each.place)}:
        raise typer.BadParameter(f"--only {', '.join(sorted(missing))}: there is no such submission")
    return chosen


def _grade(console: Console, grading: Grading, submissions: Sequence[Submission]) -> None:
    number = 0

    def tell(done: Done) -> None:
        nonlocal number
        number += 1
        before = ", before" if done.before else ""
        print_line(console, f"{number} of {len(submissions)}: {done.submission.name}: {done.kept.end}{before}")

    print_line(
        console, f"Grading {len(submissions)} submissions, {grading.jobs} at a time, into {grading.out}", hanging=None
    )
    grading.grade(submissions, tell)


def _write(
    console: Console, folders: Sequence[Path], out: Path, contract: Contract | None, summary: Path | None
) -> None:
    with without_garbage_collection():
        book = gradebook_of(folders, out, contract)
        write_gradebook(book, out)
    if summary is not None:
        append(summary, summary_of_book(book))
    console.line()
    print_gradebook(console, book, out)
