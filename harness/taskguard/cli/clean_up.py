"""``taskguard clean-up``: what an interrupted run on AWS left there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskguard.errors import TargetError
from taskguard.history.wording import times
from taskguard.operating import cleaning

_MOST_IDS_SHOWN = 10


def clean_up(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of the run.", show_default=False)],
    unsettled_too: Annotated[
        bool, typer.Option("--unsettled-too", help="Also remove tasks that are not settled, without waiting for them.")
    ] = False,
) -> None:
    """Remove the tasks that an interrupted run on AWS left on its stage."""
    cleaned = cleaning.clean_up(
        folder, unsettled_too=unsettled_too, tell=lambda n: typer.echo(f"Waiting for {times(n, 'task')} to settle")
    )
    typer.echo(f"Removed {times(cleaned.removed, 'task')}." if cleaned.removed else "There was nothing to remove.")
    if cleaned.left:
        shown = ", ".join(f"{task_id} ({status})" for task_id, status in list(cleaned.left.items())[:_MOST_IDS_SHOWN])
        raise TargetError(
            f"removing the tasks of {folder}: {len(cleaned.left)} are still there: {shown}. Try again later, or add "
            "--unsettled-too."
        )
