"""Calls the Serverless CLI in a copy of a service. It must not know whose service it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskguard.service.deployers.base import Job
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.targets.environments import python_with_pip


def call(job: Job, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run the CLI in ``folder``, with these variables or those of :func:`environment_for`.

    Raises:
        SetupError: it cannot be installed.
        DeploymentError: it failed.
    """
    cli = serverless_cli(job.places.cache)
    options = [f"--param={name}={value}" for name, value in job.parameters.items()]
    stage = ["--stage", job.stage] if job.stage is not None else []
    # A deploy must not disturb the timing of what runs on the same engine meanwhile.
    command = ["nice", str(cli), *arguments, *options, *stage, "--region", job.endpoint.region]
    what = " ".join(["serverless", arguments[0], *stage])
    run(job, command, folder, environment or environment_for(job), f"`{what}`")


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
