"""``taskguard submit`` and ``status``: hand tasks to the stack that is up, and look at them."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskguard.errors import SubmissionError
from taskguard.evidence.queues import Queues
from taskguard.history.wording import times
from taskguard.ingress.access import client_of
from taskguard.ingress.workload import Task, random_seed
from taskguard.ingress.workload import tasks as workload
from taskguard.places import Places
from taskguard.service.config import config_of
from taskguard.service.kept import from_env
from taskguard.service.ours import is_ours
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable


def submit(
    tasks: Annotated[int, typer.Option(min=1, help="How many tasks to send.")] = 1,
    payload: Annotated[str | None, typer.Option(help="The payload, as a JSON object (default: made up).")] = None,
    task_id: Annotated[
        str | None, typer.Option(help="The id of the task, when there is one (default: made up).")
    ] = None,
) -> None:
    """Send tasks to the stack that is up, and print their ids."""
    if task_id is not None and tasks != 1:
        raise typer.BadParameter("--task-id names one task; leave out --tasks")
    places = Places.of()
    words = config_of(places.service).dialect.ingress
    endpoint, stack = from_env(places)
    made = workload(random_seed(), tasks)
    chosen = [Task(task_id=task_id or t.task_id, payload=_object(payload) if payload else t.payload) for t in made]
    refused = 0
    for event in client_of(endpoint, stack, words).submit_all(chosen):
        typer.echo(event.task_id if event.accepted else f"{event.task_id}: refused, HTTP {event.status_code}")
        refused += not event.accepted
    if refused:
        learn = runnable("taskguard init")
        is_known = words.states_body or stack.ingress.is_queue or is_ours(places.service)
        asked = "" if is_known else f"; `{learn}` learns how tasks are worded there"
        raise SubmissionError(
            f"submitting {times(tasks, 'task')} to {stack.ingress.place}: {refused} not accepted{asked}"
        )


def status(
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK", help="The id of a task; without one, show the queues.")
    ] = None,
) -> None:
    """Show the record of a task, or the queues, of the stack that is up."""
    endpoint, stack = from_env(Places.of())
    if task_id is not None:
        record = client_of(endpoint, stack).record(task_id)
        if record is None:
            raise SubmissionError(f"looking for task {task_id}: there is no such task on stage {stack.stage}")
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    title = f"Stage {stack.stage} at {endpoint.place}"
    table = Table("queue", "visible", "in flight", "delayed", title=title, title_justify="left")
    for depth in Queues(endpoint, stack).queue_depths():
        table.add_row(depth.queue, str(depth.visible), str(depth.in_flight), str(depth.delayed))
    Console().print(table)
    typer.echo(f"Way in: {stack.ingress.place}\nTable: {stack.table.name if stack.table is not None else 'none'}")


def _object(text: str) -> dict[str, Json]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--payload is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise typer.BadParameter("--payload is not a JSON object")
    return document
