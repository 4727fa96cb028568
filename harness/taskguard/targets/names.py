"""The targets' names, for those who let a user choose one: free of all that a target needs."""

from __future__ import annotations

from enum import StrEnum

DEFAULT_REGION = "eu-central-1"


class TargetName(StrEnum):
    """Where a stack can live."""

    LOCALSTACK = "localstack"
    DOCKER = "docker"
    MINISTACK = "ministack"
    ENDPOINT = "endpoint"
    AWS = "aws"
    RUNNING = "running"


HELP = {
    TargetName.LOCALSTACK: "a LocalStack process for this run",
    TargetName.DOCKER: "a LocalStack container for this run (LOCALSTACK_IMAGE names the image)",
    TargetName.MINISTACK: "a MiniStack process for this run",
    TargetName.ENDPOINT: "an engine that is running at --endpoint-url",
    TargetName.AWS: "a stage that is deployed on AWS",
    TargetName.RUNNING: "what taskguard up started",
}
"""What each is, for those who choose one."""
