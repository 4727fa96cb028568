"""``taskguard init``: find out how a service words things, and write that down beside it."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status

from taskguard import session
from taskguard.cli.judge import a_console
from taskguard.cli.panels import PLACE
from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import ClockScale, DeployerOption, Region, SandboxOption, ServiceFolder, unset
from taskguard.contract.learning.written import file_of
from taskguard.errors import ConfigurationError
from taskguard.history import SavedRun, TaskSubmitted
from taskguard.places import Places
from taskguard.run.stages import Asked
from taskguard.service.config import CONFIG_FILE
from taskguard.service.deployment import require_service
from taskguard.service.ours import is_ours
from taskguard.service.sandboxing import is_sandboxed
from taskguard.targets.names import TargetName

_TASKS = 30
"""As many as a graded run has: of fewer all would share a batch with those that the run itself strikes."""


def init(
    service: ServiceFolder = Path(),
    force: Annotated[bool, typer.Option("--force", help=f"Replace a {CONFIG_FILE} that exists.")] = False,
    stage: Annotated[str | None, unset(help="The stage (default: the service's own).", rich_help_panel=PLACE)] = None,
    region: Region = None,
    clock_scale: ClockScale = 60.0,
    sandbox: SandboxOption = None,
    deployer: DeployerOption = None,
) -> None:
    """Send a service 30 tasks, learn how it words them, and write that to taskguard.toml."""
    places, console = Places.of(service), a_console(stderr=True)
    require_service(places, deployer)
    if is_ours(places.service):
        raise ConfigurationError(
            f"Learning the words of {places.service}: they are built in, so there is nothing to learn."
        )
    is_sandboxed(places.service, sandbox, TargetName.LOCALSTACK)
    folder = places.runs / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    folder.mkdir(parents=True, exist_ok=True)
    asked = Asked(
        places=places,
        folder=folder,
        tasks=_TASKS,
        stage=stage,
        region=region,
        clock_scale=clock_scale,
        sandboxed=sandbox,
        deployer=deployer,
        learn_log=True,
    )
    status = Status("", console=console) if console.is_terminal else None
    with status or nullcontext():
        graded = session.grade(asked, ProgressLine(console, status).handle)
    _write(places.service / CONFIG_FILE, _text(graded.saved), force=force)


def _text(saved: SavedRun) -> str:
    taken = [each for each in saved.history.of_kind(TaskSubmitted) if each.accepted]
    configuration = saved.history.configuration
    has_api = configuration is None or configuration.api is not False
    return file_of(saved.manifest.learnt, Counter(each.status_code for each in taken) if has_api else {})


def _write(file: Path, text: str, *, force: bool) -> None:
    """Write the file, or print what would be in it where there is one."""
    if file.exists() and not force:
        typer.echo(text)
        typer.echo(f"{file} is there, so nothing was written; --force writes over it.", err=True)
        return
    file.write_text(text, encoding="utf-8")
    typer.echo(f"Written to {file}:\n", err=True)
    typer.echo(text)
