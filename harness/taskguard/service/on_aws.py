"""The Serverless CLI against AWS itself: it deploys and removes as it would without the harness."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError

from taskguard.errors import SetupError
from taskguard.places import PROJECT
from taskguard.service.deployment import serverless_cli
from taskguard.targets.aws_errors import HOW_TO_LOG_IN


def serverless_on_aws(action: str, stage: str, region: str, options: Sequence[str] = ()) -> int:
    """Run ``serverless <action>`` for ``stage``, its output passed through; 0, or 2 when the CLI fails.

    Raises:
        SetupError: when there are no AWS credentials, or the CLI is not installed.
    """
    session = boto3.session.Session()
    try:
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise SetupError(f"looking for AWS credentials: {error}. Check AWS_PROFILE and ~/.aws/config.") from error
    if credentials is None:
        raise SetupError(
            f"running `serverless {action}`: there are no AWS credentials. {HOW_TO_LOG_IN} For a stack without AWS, "
            "use `make up`."
        )
    command = [str(serverless_cli()), action, "--stage", stage, "--region", region, *options]
    # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
    environment = {"PYTHON": sys.executable} | os.environ
    return 2 if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode else 0
