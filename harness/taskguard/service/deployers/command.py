"""Deploys with any command that the user gives: it is run in a copy of the service, with the engine in its environment.

What came of it is seen afterwards: the stacks that it made or changed, or, where it made none, whatever lies on the engine beside
stacks. It must not know what the command does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskguard.errors import DeploymentError, OtherTemplate
from taskguard.service.config import CONFIG_FILE, DeployerName, config_of
from taskguard.service.deployers.base import Deployed, Job, scratch_copy
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.programs import programs_of
from taskguard.service.resources import NO_STACK, joined
from taskguard.targets.base import Endpoint

STAGE_VARIABLE = "TASKGUARD_STAGE"
"""The environment variable that tells the command the stage's name."""
_GONE = "DELETE_COMPLETE"


class Command:
    """What the user's taskguard.toml says."""

    name = DeployerName.COMMAND
    looks_for = f'{CONFIG_FILE} with a line deploy = "…"'
    stages_apart = False

    def file_in(self, service: Path) -> str | None:
        return CONFIG_FILE if config_of(service).deploy else None

    def get_ready(self, cache: Path) -> None:
        """Nothing: what the command needs is the user's own."""

    def digests(self) -> Mapping[str, str]:
        return {}

    def region_of(self, _job: Job) -> None:
        """Nobody here knows what the command reads."""

    def name_of(self, job: Job) -> str:
        raise DeploymentError(
            f"deploying to {job.endpoint.place} by a command: what it will make is not known before, so it could not be removed "
            "again. Use an engine of TaskGuard's own, which goes with all that is on it."
        )

    def deploy(self, job: Job) -> Deployed:
        if job.code_alone:
            raise OtherTemplate(f"deploying {job.places.service} by a command: what it changes is not known before.")
        command = config_of(job.places.service).deploy
        before = _stacks(job.endpoint)
        with scratch_copy(job) as folder:
            programs = programs_of(job, folder)
            environment = {**environment_of(job), **programs.variables, **_settings_of_aws(job)}
            words, what = ["sh", "-c", command or ""], f"`{command}`"
            run(job, words, folder, environment, what, view=programs.view, of_the_users=True)
        after = _stacks(job.endpoint)
        changed = [name for name, state in after.items() if state != before.get(name)]
        return Deployed(stack_name=joined(changed) if changed else NO_STACK, set_aside=programs.set_aside)

    def remove(self, job: Job) -> None:
        raise DeploymentError(
            f"removing from {job.endpoint.place} what a command deployed: nobody here knows how. Remove it as you made it."
        )


def _settings_of_aws(job: Job) -> dict[str, str]:
    """What some of AWS's tools want to know besides the endpoint, and the stage."""
    return {
        STAGE_VARIABLE: job.stage_or_default,
        "AWS_DEFAULT_REGION": job.endpoint.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _stacks(endpoint: Endpoint) -> dict[str, tuple[str, str]]:
    """The stacks that are there, but for those that are parts of others: when they were made and changed last, by their names."""
    pages = endpoint.cloudformation().get_paginator("describe_stacks").paginate()
    return {
        each["StackName"]: (each["StackId"], str(each.get("LastUpdatedTime", "")))
        for page in pages
        for each in page["Stacks"]
        if each["StackStatus"] != _GONE and not each.get("ParentId")
    }
