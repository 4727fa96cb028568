"""``taskguard check``: judge a saved run again, offline; ``taskguard compare``: what two saved runs tell differently."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskguard.history import HISTORY_FILE, MANIFEST_FILE, History, Manifest, SavedRun
from taskguard.judging.comparing import Graded, differing_grades
from taskguard.judging.comparing import compare as compared
from taskguard.judging.grading import Grade, grade_run
from taskguard.reports.as_json import GRADE_FILE, as_json, as_text, read_grade
from taskguard.reports.comparison import comparison_as_json, print_comparison, print_differences
from taskguard.reports.console import print_grade
from taskguard.reports.files import write_reports
from taskguard.reports.nemesis import nemesis_of
from taskguard.support.garbage_collection import without_garbage_collection
from taskguard.support.json_values import Json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead, and all else on the error output.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Tell what each check found, also where all have one known cause.")
]


def check(
    history: Annotated[Path, typer.Argument(help="A run's folder, or a history in it.", show_default=False)],
    json_: AsJson = False,
    verbose: Verbose = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Write the folder's reports anew, though the verdicts are other ones.")
    ] = False,
) -> None:
    """Judge a saved run again, with the verdicts it had."""
    with without_garbage_collection():
        judged = _judged(history)
        if history.is_dir():
            _keep(history, judged, rewrite=rewrite)
        folder = history if history.is_dir() else history.parent
        show(a_console(), judged.grade, judged.run, folder, json_=json_, verbose=verbose)
    raise typer.Exit(judged.grade.exit_code)


def compare(
    one: Annotated[Path, typer.Argument(help="A run's folder, or a history in it.", show_default=False)],
    other: Annotated[Path, typer.Argument(help="Another's.", show_default=False)],
    json_: AsJson = False,
) -> None:
    """Say what two saved runs tell differently.

    Exits with 0 when they were judged alike and each task fared alike, else with 1.
    """
    with without_garbage_collection():
        comparison = compared(_judged(one), _judged(other))
        if json_:
            typer.echo(json.dumps(comparison_as_json(comparison), indent=2))
        else:
            print_comparison(a_console(), comparison, str(one), str(other))
    raise typer.Exit(0 if comparison.same else 1)


def show(
    console: Console, verdicts: Grade, saved: SavedRun, folder: Path, *, json_: bool, verbose: bool = False
) -> None:
    """Print the grade of the run in ``folder`` for people on the console, or as JSON for programs on the standard output."""
    if json_:
        typer.echo(as_text(_document(verdicts, saved, folder), ascii_only=True), nl=False)
    else:
        manifest = saved.manifest
        nemesis = nemesis_of(saved.history, manifest)
        scale, repeat = manifest.clock_scale, manifest.repeat
        print_grade(console, verdicts, saved.history, scale, repeat, nemesis, folder, verbose=verbose)


def a_console(*, stderr: bool = False) -> Console:
    """A console that wraps what it prints on a terminal only."""
    console = Console(stderr=stderr)
    console.soft_wrap = not console.is_terminal
    return console


def _judged(path: Path) -> Graded:
    file = path / HISTORY_FILE if path.is_dir() else path
    history, manifest = History.read(file), Manifest.read(file.with_name(MANIFEST_FILE))
    return Graded(SavedRun(history=history, manifest=manifest), grade_run(history, manifest))


def _keep(folder: Path, judged: Graded, *, rewrite: bool) -> None:
    """Write what is missing or asked for; reports that say otherwise stay as they are, and it is said in what."""
    file, manifest = folder / GRADE_FILE, judged.run.manifest
    if file.exists() and not rewrite:
        # As it would be read from a file: a tuple there is a list.
        now = json.loads(as_text(_document(judged.grade, judged.run, folder)))
        if differences := differing_grades(read_grade(file), now):
            print_differences(a_console(stderr=True), differences, str(file), manifest.taskguard_version)
            return
    # A run on a disk that cannot be written to can be judged too.
    if not os.access(folder, os.W_OK):
        return
    write_reports(folder, judged.grade, judged.run, with_grade=rewrite or not file.exists())


def _document(verdicts: Grade, saved: SavedRun, folder: Path) -> dict[str, Json]:
    return as_json(verdicts, saved.history, saved.manifest.terms, saved.manifest.clock_scale, folder)
