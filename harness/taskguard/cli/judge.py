"""``taskguard check``: judge a saved run again, offline; ``taskguard compare``: what two saved runs tell differently."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskguard.cli.complaints import complain
from taskguard.cli.panels import SHOWN
from taskguard.errors import ExitCode, HistoryError
from taskguard.history import HISTORY_FILE, MANIFEST_FILE, History, Manifest, SavedRun, edited_files
from taskguard.judging.comparing import Graded, differing_grades, is_another_judgement
from taskguard.judging.comparing import compare as compared
from taskguard.judging.grading import Grade, grade_run
from taskguard.places import RUNS
from taskguard.reports.as_json import GRADE_FILE, as_json, as_text, read_grade
from taskguard.reports.compared.page import write_comparison
from taskguard.reports.comparison import comparison_as_json, print_comparison, print_differences
from taskguard.reports.console import Told, print_end, print_grade
from taskguard.reports.files import write_reports
from taskguard.reports.nemesis import nemesis_of
from taskguard.reports.notes import notes_of
from taskguard.support.garbage_collection import without_garbage_collection
from taskguard.support.json_values import Json

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, and everything else on the error output.", rich_help_panel=SHOWN),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Also show what each check expects, all that it found, and the timelines of a few tasks.",
        rich_help_panel=SHOWN,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Show only the verdict, in one line, and the two numbers below it.", rich_help_panel=SHOWN
    ),
]

Edited = Annotated[bool, typer.Option("--edited", help="Judge it even if a file was edited after the run; say which.")]


def check(
    history: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run, or a history file in it.", show_default=False)
    ],
    json_: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Write the reports in the folder again, even if the verdicts differ.")
    ] = False,
    edited: Edited = False,
) -> None:
    """Judge a saved run again, without an engine.

    Exits as grade does, but with 5 when the folder has another judgement than this one.
    """
    with without_garbage_collection(), _not_too_deep(history):
        judged = _judged(history, edited=edited)
        differs = history.is_dir() and _keep(history, judged, rewrite=rewrite)
        show(a_console(), judged.grade, judged.run, _folder_of(history), json_=json_, verbose=verbose, quiet=quiet)
    raise typer.Exit(ExitCode.DIFFERS if differs else judged.grade.exit_code)


def compare(
    one: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run, or a history file in it.", show_default=False)
    ],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The folder of another run.", show_default=False)],
    json_: AsJson = False,
    edited: Edited = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write the comparison to this file, as a page: what became worse, and what better.",
            show_default=False,
            rich_help_panel=SHOWN,
        ),
    ] = None,
) -> None:
    """Show what differs between two saved runs.

    Exits with 0 when the verdicts, the numbers and what became of each task are the same, otherwise with 1, and with 2 when they
    cannot be compared.
    """
    with without_garbage_collection(), _not_too_deep(one, other):
        graded = _judged(one, edited=edited), _judged(other, edited=edited)
        comparison = compared(*graded)
        if html is not None:
            write_comparison(html, comparison, *graded, folders=(_folder_of(one), _folder_of(other)))
        if json_:
            typer.echo(json.dumps(comparison_as_json(comparison), indent=2))
        else:
            print_comparison(a_console(), comparison, str(one), str(other))
    raise typer.Exit(0 if comparison.same else 1)


def show(
    console: Console,
    verdicts: Grade,
    saved: SavedRun,
    folder: Path,
    *,
    json_: bool,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Print the grade of the run in ``folder`` for people on the console, or as JSON for programs on the standard output."""
    if json_:
        typer.echo(as_text(_document(verdicts, saved, folder), ascii_only=True), nl=False)
    elif quiet:
        print_end(console, verdicts)
    else:
        manifest = saved.manifest
        told = Told(
            notes=notes_of(manifest, saved.history),
            repeat=manifest.repeat,
            repeat_in=_made_in(folder),
            nemesis=nemesis_of(saved.history, manifest),
            folder=folder,
        )
        print_grade(console, verdicts, saved.history, told, verbose=verbose)


def a_console(*, stderr: bool = False) -> Console:
    """A console that wraps what it prints on a terminal only."""
    console = Console(stderr=stderr)
    console.soft_wrap = not console.is_terminal
    return console


def _made_in(folder: Path) -> Path | None:
    """Where the command was typed that made the run in this folder, as far as that tells."""
    runs = folder.absolute().parent
    return runs.parent if runs.name == RUNS.name else None


def _folder_of(path: Path) -> Path:
    """The folder of a run that was named by it, or by a history in it."""
    return path if path.is_dir() else path.parent


def _judged(path: Path, *, edited: bool) -> Graded:
    file = path / HISTORY_FILE if path.is_dir() else path
    _tell_of_edits(file, are_allowed=edited)
    manifest = Manifest.read(file.with_name(MANIFEST_FILE))
    history = History.read(file)
    return Graded(SavedRun(history=history, manifest=manifest), grade_run(history, manifest))


def _tell_of_edits(history: Path, *, are_allowed: bool) -> None:
    """Say which files are not as the run wrote them.

    Raises:
        HistoryError: there is such a file, and they are not allowed.
    """
    edited = edited_files(history)
    if edited is None:
        complain(f"Judging {history.parent}: whether a file was edited cannot be told of a run of this format")
    elif edited:
        are_others = "is not the one" if len(edited) == 1 else "are not the ones"
        told = f"Judging {history.parent}: {' and '.join(edited)} {are_others} that this run wrote"
        if not are_allowed:
            raise HistoryError(f"{told}. Give --edited to judge it nevertheless.")
        complain(told)


@contextmanager
def _not_too_deep(*paths: Path) -> Iterator[None]:
    """Of values in values in values there are more in some files than Python can follow."""
    try:
        yield
    except RecursionError:
        told = " and ".join(map(str, paths))
        raise HistoryError(f"Judging {told}: a value is nested too deeply to be judged. Run again.") from None


def _keep(folder: Path, judged: Graded, *, rewrite: bool) -> bool:
    """Write what is missing or asked for; reports that say otherwise stay as they are, and it is said in what. Returns whether the
    judgement in the folder is another one."""
    file, manifest = folder / GRADE_FILE, judged.run.manifest
    if file.exists() and not rewrite:
        # As it would be read from a file: a tuple there is a list.
        now = json.loads(as_text(_document(judged.grade, judged.run, folder)))
        if differences := differing_grades(read_grade(file), now):
            print_differences(a_console(stderr=True), differences, str(file), manifest.taskguard_version)
            return is_another_judgement(differences)
    # A run on a disk that cannot be written to can be judged too.
    if os.access(folder, os.W_OK):
        write_reports(folder, judged.grade, judged.run, with_grade=rewrite or not file.exists())
    return False


def _document(verdicts: Grade, saved: SavedRun, folder: Path) -> dict[str, Json]:
    return as_json(verdicts, saved.history, saved.manifest.terms, saved.manifest.clock_scale, folder)
