"""``taskguard check``: judge a saved run again, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.grading import grade
from harness.history import SavedRun
from harness.reports.console import print_grade


def check(
    history: Annotated[Path, typer.Argument(help="A run's folder, or the history.jsonl in it.", show_default=False)],
) -> None:
    """Judge a saved run again, with the verdicts it had."""
    console = Console(soft_wrap=not Console().is_terminal)
    folder = history.parent if history.is_file() else history
    saved = SavedRun.read(folder)
    verdicts = grade(saved.history, saved.manifest.expectations)
    print_grade(console, verdicts, saved.history)
    raise typer.Exit(verdicts.exit_code)
