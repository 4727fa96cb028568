"""``taskguard prepare``: install beforehand what would be installed when it is used first."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from taskguard.places import cache_folder
from taskguard.service.serverless_cli import serverless_cli
from taskguard.targets.environments import LAMBDA_RUNTIME, engine_environment, find_runtime, pip_environment
from taskguard.targets.names import TargetName


def prepare(
    target: Annotated[
        TargetName, typer.Option(help="The target to prepare for; localstack and ministack are installed.")
    ] = TargetName.LOCALSTACK,
) -> None:
    """Install what runs need into the user's cache folder (TASKGUARD_CACHE names another); quick when it is there."""
    began, cache = time.monotonic(), cache_folder()
    # First what fails soonest.
    serverless_cli(cache)
    pip_environment(cache)
    if target is TargetName.LOCALSTACK:
        engine_environment(cache)
    if target is TargetName.MINISTACK:
        from taskguard.targets.ministack import ministack_environment  # noqa: PLC0415  # as targets are imported

        ministack_environment(cache)
    runtime = find_runtime(LAMBDA_RUNTIME, cache)
    typer.echo(f"Ready in {cache} ({time.monotonic() - began:.1f} s); functions run on Python {runtime.version}.")
