"""Deploys services of the Serverless Framework: our own one with the CLI, others through CloudFormation once the CLI has packaged them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from taskguard.service.config import DeployerName
from taskguard.service.deployers.base import Deployed, Job
from taskguard.service.deployers.change_sets import Deadline, remove_stack
from taskguard.service.deployers.serverless import ours, theirs
from taskguard.service.deployers.serverless.cli import PACKAGE_FILES, serverless_cli
from taskguard.service.deployers.serverless.configurations import configuration_in
from taskguard.service.deployers.serverless.packages import STATE_FILE
from taskguard.service.files import digest_of
from taskguard.service.ours import is_ours, stack_name


class Serverless:
    """The Serverless Framework's services."""

    name = DeployerName.SERVERLESS
    looks_for = "serverless.yml (or .json, .js, .cjs, .mjs, .ts)"
    stages_apart = True

    def file_in(self, service: Path) -> str | None:
        return configuration_in(service)

    def get_ready(self, cache: Path) -> None:
        serverless_cli(cache)

    def digests(self) -> Mapping[str, str]:
        lock = PACKAGE_FILES[1]
        return {lock.name: digest_of(lock)}

    def name_of(self, job: Job) -> str:
        if is_ours(job.places.service):
            with ours.packaged(job) as folder:
                return _packaged_name(folder, job.stage_or_default)
        with theirs.packaged(job) as package:
            return package.stack_name

    def deploy(self, job: Job) -> Deployed:
        if is_ours(job.places.service):
            with ours.packaged(job) as folder:
                name = _packaged_name(folder, job.stage_or_default)
                ours.with_the_cli(job, "deploy", folder)
            return Deployed(stack_name=name)
        with theirs.packaged(job) as package:
            theirs.publish(job, package)
            return Deployed(stack_name=package.stack_name, stage=package.stage, set_aside=package.set_aside)

    def remove(self, job: Job) -> None:
        if is_ours(job.places.service):
            ours.with_the_cli(job, "remove")
        else:
            remove_stack(job.endpoint, self.name_of(job), Deadline(job.within_seconds, job.abandoned))


def _packaged_name(package: Path, stage: str) -> str:
    """The stack's name, as the CLI resolved it: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml (stackName)."""
    try:
        service = json.loads((package / STATE_FILE).read_text(encoding="utf-8"))["service"]
        provider = service["provider"]
        return str(provider.get("stackName") or f"{service['service']}-{provider.get('stage') or stage}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return stack_name(stage)
