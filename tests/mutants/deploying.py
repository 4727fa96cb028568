"""Deploys variants through CloudFormation, as the Serverless CLI would, from what that packages.

The CLI packages the service once, and once more for each other template. What the handlers import of others is no variant's: it lies in one
folder for all of them, as a layer would, and is unzipped and compiled once. It must not know how a variant is judged.
"""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any

from taskguard.places import Places
from taskguard.service.config import config_of
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.change_sets import Deadline, deploy_template
from taskguard.service.deployers.publishing import CODE_BUCKET, Bucket
from taskguard.service.deployers.serverless.ours import packaged
from taskguard.service.deployers.serverless.publishing import template_in
from taskguard.service.deployment import read_stack
from taskguard.service.ours import failure_parameters, stack_name
from taskguard.service.stack import Choices, Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

from tests.mutants.loads import RATE, SEED
from tests.mutants.variants import Variant, broken_service
from tests.places import PLACES

PARAMETERS = failure_parameters(SEED, RATE)
_ANY_STAGE = "any-stage"
_LONGEST_CHANGE_SECONDS = 120.0
_TWO_AT_ONCE = {"MaximumConcurrency": 2}
"""Lambda's least: https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html."""
_VISIBILITY_SECONDS = 25
"""Above the consumers' timeout. Ours is 90, as AWS advises; variants that put nothing off wait for it again and again."""


@dataclass(frozen=True, slots=True)
class _Packaged:
    """The template of a stage, the archive of its functions, and what its user chose where the stack does not tell."""

    template: dict[str, Any]
    archive: bytes
    choices: Choices


class Package:
    """The service as the CLI packages it, once for all engines: the template of a stage, and the handlers. Safe to use from several
    threads; ``folder`` receives the libraries. Once it is ``abandoned``, no call of the CLI goes on."""

    def __init__(self, endpoint: Endpoint, folder: Path, abandoned: Event) -> None:
        self._endpoint = endpoint
        self._libraries = folder / "libraries"
        self._abandoned = abandoned
        self._packaging = Lock()
        self._template: dict[str, Any] = {}
        self._handlers: Mapping[str, bytes] = {}

    def of(self, stage: str, variant: Variant) -> _Packaged:
        """What is deployed as this stage."""
        with self._packaging:
            if not self._template:
                with self._packaged(PLACES) as place:
                    self._handlers = _divided(place / "TaskGuard.zip", self._libraries)
                    self._template = _quiet_template_in(place)
        template, choices = _with_short_visibility(self._template), Choices()
        if not variant.changes_code_only:
            with broken_service(variant) as service, self._packaged(replace(PLACES, service=service)) as place:
                template, choices = _quiet_template_in(place), config_of(service).choices
        if not variant.load.is_large:
            template = _with_few_processes(template)
        text = json.dumps(_on_its_own(template, self._libraries))
        handlers = {file: text.encode() for file, text in variant.changed_files().items() if file in self._handlers}
        return _Packaged(json.loads(text.replace(_ANY_STAGE, stage)), _zipped({**self._handlers, **handlers}), choices)

    @contextmanager
    def _packaged(self, places: Places) -> Iterator[Path]:
        job = Job(
            endpoint=self._endpoint, stage=_ANY_STAGE, places=places, parameters=PARAMETERS, abandoned=self._abandoned
        )
        with packaged(job) as made:
            yield made.folder


class Deployer:
    """Deploys to one engine. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, package: Package, abandoned: Event) -> None:
        self._endpoint = endpoint
        self._package = package
        self._abandoned = abandoned

    def deploy(self, stage: str, variant: Variant) -> Stack:
        """Make a stack of the service with the variant's changes."""
        made = self._package.of(stage, variant)
        bucket = Bucket(self._endpoint)
        bucket.make()
        bucket.put(f"{stage}.zip", made.archive)
        deadline = Deadline(_LONGEST_CHANGE_SECONDS, self._abandoned)
        deploy_template(self._endpoint, stack_name(stage), made.template, {}, deadline)
        return read_stack(self._endpoint, stage, choices=made.choices)

    def remove(self, stack: Stack) -> None:
        """Take a stage's functions and what feeds them away, so that the others have the engine for themselves."""
        functions = self._endpoint.functions()
        for queue in (each.arn for each in stack.queues.values()):
            for mapping in functions.list_event_source_mappings(EventSourceArn=queue)["EventSourceMappings"]:
                functions.delete_event_source_mapping(UUID=mapping["UUID"])
        for each in stack.functions:
            functions.delete_function(FunctionName=each.name)


def _quiet_template_in(package: Path) -> dict[str, Any]:
    """The template that the CLI made, without alarms, which would keep the engine busy."""
    template = template_in(package)
    resources = template["Resources"].items()
    return template | {
        "Resources": {name: each for name, each in resources if not each["Type"].startswith("AWS::CloudWatch::")}
    }


def _on_its_own(template: dict[str, Any], libraries: Path) -> dict[str, Any]:
    """The template with functions from the common bucket, which see the folder of libraries."""

    def changed(properties: dict[str, Any]) -> dict[str, Any]:
        if "Code" not in properties:
            return properties
        variables = {**properties["Environment"]["Variables"], "PYTHONPATH": str(libraries)}
        return {
            **properties,
            "Code": {"S3Bucket": CODE_BUCKET, "S3Key": f"{_ANY_STAGE}.zip"},
            "Environment": {"Variables": variables},
        }

    return _with_properties(template, changed)


def _with_short_visibility(template: dict[str, Any]) -> dict[str, Any]:
    return _with_properties(
        template,
        lambda given: {**given, "VisibilityTimeout": _VISIBILITY_SECONDS} if "VisibilityTimeout" in given else given,
    )


def _with_few_processes(template: dict[str, Any]) -> dict[str, Any]:
    """Of a few tasks five work at once, each in a process of its own, which costs more than all that it does."""
    return _with_properties(
        template,
        lambda given: {"ScalingConfig": _TWO_AT_ONCE, **given} if "EventSourceArn" in given else given,
    )


def _with_properties(template: dict[str, Any], changed: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    resources = {
        name: {**resource, "Properties": changed(resource["Properties"])}
        for name, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def _divided(archive: Path, libraries: Path) -> dict[str, bytes]:
    """The archive's handlers; the rest of it is unzipped to ``libraries`` and compiled."""
    with zipfile.ZipFile(archive) as packed:
        handlers = [name for name in packed.namelist() if name.startswith("handlers/")]
        packed.extractall(libraries, set(packed.namelist()) - set(handlers))
        interpreter = find_runtime(LAMBDA_RUNTIME, PLACES.cache).interpreter
        subprocess.run([interpreter, "-m", "compileall", "-q", str(libraries)], check=True, capture_output=True)
        return {name: packed.read(name) for name in handlers}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
