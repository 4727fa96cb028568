"""The Serverless CLI against AWS itself: it deploys and removes as it would without the harness."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError

from taskguard.errors import ExitCode, SetupError
from taskguard.places import Places
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.support.this_command import runnable
from taskguard.targets.aws_errors import HOW_TO_LOG_IN
from taskguard.targets.environments import python_with_pip


def serverless_on_aws(places: Places, action: str, stage: str, region: str, options: Sequence[str] = ()) -> int:
    """Run ``serverless <action>`` for ``stage`` of the service in ``places``, its output passed through; the exit code.

    Raises:
        SetupError: when there are no AWS credentials, or the CLI cannot be installed.
    """
    session = boto3.session.Session()
    try:
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise SetupError(f"looking for AWS credentials: {error}. Check AWS_PROFILE and ~/.aws/config.") from error
    if credentials is None:
        raise SetupError(
            f"running `serverless {action}`: there are no AWS credentials. {HOW_TO_LOG_IN} For a stack without AWS, "
            f"use `{runnable('taskguard up')}`."
        )
    cli = serverless_cli(places.cache)
    command = [str(cli), action, "--stage", stage, "--region", region, *options]
    environment = {
        # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
        "PYTHON": str(python_with_pip(places.cache)),
        # Where the CLI's plugins are, if not beside the service.
        "NODE_PATH": str(cli.parents[1]),
    } | os.environ
    failed = subprocess.run(command, cwd=places.service, env=environment, check=False).returncode
    return ExitCode.NOT_MADE if failed else ExitCode.PASSED
