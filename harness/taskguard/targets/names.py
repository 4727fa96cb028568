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
    TargetName.LOCALSTACK: "LocalStack as a process of this run's own",
    TargetName.DOCKER: "LocalStack in a container of this run's own (LOCALSTACK_IMAGE names the image)",
    TargetName.MINISTACK: "MiniStack as a process of this run's own",
    TargetName.ENDPOINT: "an engine that somebody else started, at --endpoint-url",
    TargetName.AWS: "the stage that is deployed on AWS",
    TargetName.RUNNING: "what `taskguard up` started",
}
"""What each is, for those who choose one."""
