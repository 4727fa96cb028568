"""``taskguard redrive``: put dead-lettered tasks of the stack that ``.env`` names back to work."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from taskguard.errors import DeploymentError, RedriveError
from taskguard.operating.redriving import Redriver, Result
from taskguard.places import Places
from taskguard.service.kept import from_env
from taskguard.service.ours import failure_settings
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


def redrive(
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK", help="The id of a dead-lettered task.", show_default=False)
    ] = None,
    all_tasks: Annotated[bool, typer.Option("--all", help="Put every dead-lettered task back to work.")] = False,
) -> None:
    """Put dead-lettered tasks back to work from their record, safely and once."""
    if (task_id is None) is not all_tasks:
        raise typer.BadParameter("name one task, or say --all")
    endpoint, stack = from_env(Places.of())
    redriver, console = Redriver(endpoint, stack), Console(soft_wrap=True, highlight=False)
    if task_id is not None:
        outcome = redriver.redrive(task_id)
        console.print(f"Task {task_id}: {outcome.result}.", markup=False)
        _warn_of_seed(console, endpoint, stack)
        return
    table, counts = Table(*(Column(heading, overflow="fold") for heading in ("task", "result"))), Counter[Result]()
    for outcome in redriver.redrive_all():
        counts[outcome.result] += 1
        table.add_row(Text(outcome.task_id), Text(outcome.detail or outcome.result))
    if not counts:
        console.print(f"No task of stage {stack.stage} is dead-lettered.")
        return
    console.print(table)
    _warn_of_seed(console, endpoint, stack)
    if counts[Result.REFUSED]:
        raise RedriveError(
            f"redriving all dead-lettered tasks of stage {stack.stage}: {counts[Result.REFUSED]} of "
            f"{counts.total()} failed, and the table says why. Run it again for these; the others are back at work."
        )


def _warn_of_seed(console: Console, endpoint: Endpoint, stack: Stack) -> None:
    try:
        seed, rate = failure_settings(endpoint, stack)
    except DeploymentError:  # the tasks are back at work, whoever may read this function's settings
        return
    if seed is not None and rate > 0:
        console.print(
            f'Failures are simulated here, by the seed "{seed}" at a rate of {rate:g}. A redriven task starts with attempt 1 '
            "again, so its attempts fail as they did if the seed is the same and the rate no lower.",
            markup=False,
        )
