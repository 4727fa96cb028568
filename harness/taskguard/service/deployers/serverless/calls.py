"""Calls the Serverless CLI in a copy of a service. It must not know whose service it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.serverless.python_requirements import requirements_of
from taskguard.service.deployers.wheels import Fetched, fetched, view_of_pip
from taskguard.targets.environments import python_with_pip


def call(
    job: Job,
    folder: Path,
    doing: str,
    *options: str,
    package: Path | None,
    environment: Mapping[str, str] | None = None,
    sees: tuple[Path, ...] = (),
) -> None:
    """Let the CLI do this in ``folder``, with these variables or those of :func:`environment_for`. The folder ``package`` receives the
    package, or has it; the CLI makes it anew, for which it may change the folder above. In a sandbox it ``sees`` these folders, too.

    Raises:
        SetupError: it cannot be installed.
        DeploymentError: it failed.
    """
    cli = serverless_cli(job.places.cache)
    parameters = [f"--param={name}={value}" for name, value in job.parameters.items()]
    stage = ["--stage", job.stage] if job.stage is not None else []
    # A deploy must not disturb the timing of what runs on the same engine meanwhile.
    command = ["nice", str(cli), doing, *(["--package", str(package)] if package else [])]
    command += [*options, *parameters, *stage, "--region", job.endpoint.region]
    what = " ".join(["serverless", doing, *stage])
    python = fetched(job, *requirements_of(folder)) if doing == "package" else Fetched()
    pip = view_of_pip(job)
    view = View(
        writes=(folder, *([package.parent] if package else [])),
        sees=(cli.parents[1], *pip.sees, *python.sees, *sees),
        programs=pip.programs,
    )
    run(job, command, folder, {**(environment or environment_for(job)), **python.variables}, f"`{what}`", view=view)


def environment_for(job: Job) -> dict[str, str]:
    """The variables that the CLI is called with."""
    return {
        # Stack events are looked at every five seconds by default.
        "SLS_AWS_MONITORING_FREQUENCY": "50",
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TELEMETRY_DISABLED": "1",
        **environment_of(job),
        # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
        "PYTHON": str(python_with_pip(job.places.cache)),
    }
