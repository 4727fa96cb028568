"""``taskguard check``: judge a saved run again, offline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.grading import grade
from harness.history import HISTORY_FILE, MANIFEST_FILE, History, Manifest
from harness.reports.as_junit import write_junit
from harness.reports.console import print_grade
from harness.reports.html import write_report


def check(
    history: Annotated[Path, typer.Argument(help="A run's folder, or a history in it.", show_default=False)],
) -> None:
    """Judge a saved run again, with the verdicts it had."""
    console = Console(soft_wrap=not Console().is_terminal)
    file = history / HISTORY_FILE if history.is_dir() else history
    events, manifest = History.read(file), Manifest.read(file.with_name(MANIFEST_FILE))
    verdicts = grade(events, manifest.expectations)
    # A run on a disk that cannot be written to can be judged too.
    if history.is_dir() and os.access(history, os.W_OK):
        write_junit(history, verdicts, events, manifest.target)
        write_report(history, verdicts, events, manifest)
    print_grade(console, verdicts, events, manifest.clock_scale)
    raise typer.Exit(verdicts.exit_code)
