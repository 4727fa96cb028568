"""Deploys a template of CloudFormation: what its functions are made of is built where it has to be, and put on the engine with it.

The template is handed to the engine as it is, with its transforms. It must not know what the template's resources are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskguard.service.config import DeployerName, config_of
from taskguard.service.deployers.artifacts import Builder
from taskguard.service.deployers.base import Deployed, Job, copied_in, scratch_copy, scratch_of
from taskguard.service.deployers.change_sets import Deadline, deploy_template, remove_stack
from taskguard.service.deployers.packaging import CODE, Packager, is_image
from taskguard.service.deployers.parameters import parameters_for
from taskguard.service.deployers.publishing import Bucket
from taskguard.service.deployers.templates import (
    SERVERLESS_TRANSFORM,
    Template,
    read_template,
    resources_of,
    template_in,
)

_MOST_OF_A_NAME = 100
"""Names that CloudFormation makes begin with the stack's, which may have 128 characters itself."""


@dataclass(frozen=True, slots=True)
class CloudFormation:
    """A template without the words of the Serverless Application Model."""

    name: DeployerName = DeployerName.CLOUDFORMATION
    looks_for: str = "template of CloudFormation (template.yaml)"
    stages_apart: bool = True

    def file_in(self, service: Path) -> str | None:
        file = template_in(service, config_of(service).template)
        if file is None or not file.is_file():
            return None
        text = file.read_text(encoding="utf-8", errors="replace")
        return str(file.relative_to(service)) if "Resources" in text and self._is_its_own(text) else None

    def _is_its_own(self, text: str) -> bool:
        return SERVERLESS_TRANSFORM not in text

    def get_ready(self, cache: Path) -> None:
        """Nothing: what has to be built is known when the template is read."""

    def digests(self) -> Mapping[str, str]:
        return {}

    def region_of(self, _job: Job) -> str | None:
        return None

    def name_of(self, job: Job) -> str:
        return stack_name(self._base_name(job.places.service), job.stage_or_default)

    def deploy(self, job: Job) -> Deployed:
        file = self.file_in(job.places.service)
        assert file is not None  # noqa: S101  # it was chosen by that
        name, deadline = self.name_of(job), Deadline(job.within_seconds, job.abandoned)
        with scratch_copy(job) as folder:
            path = folder / file
            template = read_template(path)
            parameters = parameters_for(template, file, job.parameters, self._usual_parameters(folder))
            bucket = Bucket(job.endpoint)
            bucket.make()
            scratch = scratch_of(folder)
            builder = Builder(job, scratch / "built")
            Packager(path.parent, bucket, builder.built(template), copied_in(scratch)).package(template)
            set_aside = (*builder.set_aside, *_cannot_run(template))
            deploy_template(job.endpoint, name, template, parameters, deadline, code_alone=job.code_alone)
        return Deployed(stack_name=name, set_aside=set_aside)

    def remove(self, job: Job) -> None:
        remove_stack(job.endpoint, self.name_of(job), Deadline(job.within_seconds, job.abandoned))

    def _base_name(self, service: Path) -> str:
        return service.name

    def _usual_parameters(self, _folder: Path) -> Mapping[str, str]:
        return {}


def stack_name(base: str, stage: str) -> str:
    """What the stack of a service is called on a stage, in the characters that CloudFormation allows."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", base).strip("-")
    name = name if name[:1].isalpha() else f"service-{name}"
    return f"{name[: _MOST_OF_A_NAME - len(stage)]}-{stage}"


def _cannot_run(template: Template) -> Iterator[str]:
    for resource in resources_of(template):
        if resource.kind in CODE and resource.kind.endswith("::Function") and is_image(template, resource):
            yield f"{resource.logical_id} is a container image, which cannot run here: whatever invokes it fails."
