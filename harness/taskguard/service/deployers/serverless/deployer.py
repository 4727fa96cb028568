"""Deploys services of the Serverless Framework: to engines through CloudFormation, once the CLI has packaged them. The CLI itself deploys
what has plugins for that, and our own service to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from taskguard.errors import OtherTemplate
from taskguard.service.config import DeployerName
from taskguard.service.deployers.base import Deployed, Job
from taskguard.service.deployers.change_sets import Deadline, remove_stack
from taskguard.service.deployers.serverless import ours, theirs
from taskguard.service.deployers.serverless.cli import PACKAGE_FILES, serverless_cli
from taskguard.service.deployers.serverless.configurations import configuration_in, region_in
from taskguard.service.deployers.serverless.publishing import Package, publish
from taskguard.service.files import digest_of
from taskguard.service.ours import is_ours


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

    def region_of(self, job: Job) -> str | None:
        # Ours is told its region.
        return None if is_ours(job.places.service) else region_in(job.places.service)

    def name_of(self, job: Job) -> str:
        with self._packaged(job) as package:
            return package.stack_name

    def deploy(self, job: Job) -> Deployed:
        with self._packaged(job) as package:
            set_aside = package.set_aside
            if _by_the_cli(job):
                ours.with_the_cli(job, "deploy", package.folder)
            elif not package.at_deploy:
                publish(job, package)
            elif job.code_alone:
                raise OtherTemplate(f"deploying {package.stack_name}: its plugins have a part in that.")
            else:
                set_aside += theirs.deploy_with_hooks(job, package)
            return Deployed(stack_name=package.stack_name, stage=package.stage, set_aside=set_aside)

    def remove(self, job: Job) -> None:
        if _by_the_cli(job):
            ours.with_the_cli(job, "remove")
        else:
            remove_stack(job.endpoint, job.stack_name or self.name_of(job), Deadline(job.within_seconds, job.abandoned))

    @staticmethod
    def _packaged(job: Job) -> AbstractContextManager[Package]:
        return ours.packaged(job) if is_ours(job.places.service) else theirs.packaged(job)


def _by_the_cli(job: Job) -> bool:
    """Our own service is deployed to AWS as its users would."""
    return is_ours(job.places.service) and job.endpoint.url is None
