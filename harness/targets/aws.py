"""Deploys to AWS itself: the Serverless CLI, with the user's own credentials and settings."""

from __future__ import annotations

import os
import subprocess
import sys

import boto3
from botocore.exceptions import BotoCoreError

from harness.deployment import serverless_cli
from harness.errors import SetupError
from harness.paths import PROJECT


def serverless_on_aws(action: str, stage: str, region: str) -> int:
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
            f"running `serverless {action}`: there are no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`. For a stack without AWS, use `make up`."
        )
    command = [str(serverless_cli()), action, "--stage", stage, "--region", region]
    # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
    environment = {"PYTHON": sys.executable} | os.environ
    return 2 if subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode else 0
