"""Deploys variants: those that change the template with the Serverless CLI, those that change nothing but code without it.

The CLI packages the service once. From its template and its archive a stack is made for each variant of the code, through
CloudFormation as the CLI would, without starting Node.js each time. What the handlers import of others is no variant's: it lies in one
folder for all of them, as a layer would, and is unzipped and compiled once. It must not know how a variant is judged.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from typing import Any

from taskguard.service import deployment
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.serverless.ours import packaged
from taskguard.service.deployment import read_stack
from taskguard.service.ours import failure_parameters, stack_name
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

from tests.mutants.loads import RATE, SEED
from tests.mutants.variants import Variant, broken_service
from tests.places import PLACES

PARAMETERS = failure_parameters(SEED, RATE)
_ANY_STAGE = "any-stage"
_TEMPLATE = "cloudformation-template-update-stack.json"
_BUCKET = f"mutants-{os.getpid()}"
"""Each process has its own: under pytest-xdist there are several."""

_OF_THE_CLI = ("ServerlessDeploymentBucket", "ServerlessDeploymentBucketPolicy")
_LONGEST_CHANGE_SECONDS = 120.0
_VISIBILITY_SECONDS = 25
"""Above the consumers' timeout. Ours is 90, as AWS advises; variants that put nothing off wait for it again and again."""


class Package:
    """The service as the CLI packages it, once for all engines: the template of a stage, and the handlers. Safe to use from several
    threads; ``folder`` receives the libraries."""

    def __init__(self, endpoint: Endpoint, folder: Path, abandoned: Event) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._abandoned = abandoned
        self._packaging = Lock()
        self._template = ""
        self._handlers: Mapping[str, bytes] = {}

    def of(self, stage: str, changed: Mapping[str, str]) -> tuple[str, bytes]:
        """The template of this stage, and the archive of its functions with the text of ``changed`` files."""
        with self._packaging:
            if not self._template:
                libraries = self._folder / "libraries"
                job = Job(
                    endpoint=self._endpoint,
                    stage=_ANY_STAGE,
                    places=PLACES,
                    parameters=PARAMETERS,
                    abandoned=self._abandoned,
                )
                with packaged(job) as place:
                    self._handlers = _divided(place / "TaskGuard.zip", libraries)
                    self._template = _without_the_cli(json.loads((place / _TEMPLATE).read_text()), libraries)
        return self._template.replace(_ANY_STAGE, stage), _zipped({**self._handlers, **_encoded(changed)})


class Deployer:
    """Deploys to one engine. Safe to use from several threads; ``folder`` receives what the CLI says. Once it is
    ``abandoned``, no call of the CLI goes on."""

    def __init__(self, endpoint: Endpoint, folder: Path, package: Package, abandoned: Event) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._package = package
        self._abandoned = abandoned
        self._making_bucket = Lock()
        self._has_bucket = False

    def with_the_cli(self, stage: str, variant: Variant) -> Stack:
        """Deploy a variant as a user would."""
        with broken_service(variant) as service:
            log = self._folder / f"{stage}-deploy.log"
            places = replace(PLACES, service=service)
            return deployment.deploy(
                self._endpoint, stage, places=places, parameters=PARAMETERS, log=log, abandoned=self._abandoned
            )

    def without_the_cli(self, stage: str, changed: Mapping[str, str]) -> Stack:
        """Deploy the service with other code: the text of ``changed`` files."""
        template, archive = self._package.of(stage, changed)
        s3, cloudformation = self._bucket(), self._endpoint.cloudformation()
        s3.put_object(Bucket=_BUCKET, Key=f"{stage}.zip", Body=archive)
        s3.put_object(Bucket=_BUCKET, Key=f"{stage}.json", Body=template.encode())
        name = stack_name(stage)
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{self._endpoint.url}/{_BUCKET}/{stage}.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )

        def status() -> str:
            found: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return "" if found == "CREATE_IN_PROGRESS" else found

        if (ended := wait_for(status, seconds=_LONGEST_CHANGE_SECONDS)) != "CREATE_COMPLETE":
            raise AssertionError(f"the stack {name} is {ended}; the engine's log says why: {self._endpoint.log}")
        return read_stack(self._endpoint, stage)

    def remove(self, stack: Stack) -> None:
        """Take a stage's functions, what feeds them and its alarms away, so that the others have the engine for themselves."""
        cloudwatch = self._endpoint.client("cloudwatch")
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{stack_name(stack.stage)}-")["MetricAlarms"]
        if alarms:
            cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
        functions = self._endpoint.functions()
        for queue in (each.arn for each in stack.queues.values()):
            for mapping in functions.list_event_source_mappings(EventSourceArn=queue)["EventSourceMappings"]:
                functions.delete_event_source_mapping(UUID=mapping["UUID"])
        for each in stack.functions:
            functions.delete_function(FunctionName=each.name)

    def _bucket(self) -> Any:
        """The client of S3, on which the bucket is."""
        s3 = self._endpoint.client("s3")
        with self._making_bucket:
            if not self._has_bucket:
                s3.create_bucket(
                    Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": self._endpoint.region}
                )
                self._has_bucket = True
        return s3


def _without_the_cli(template: dict[str, Any], libraries: Path) -> str:
    """The template without the bucket that the CLI makes for each stage, since functions come from one for all of them; without
    alarms, which would keep the engine busy; with the folder of libraries; and with a shorter visibility timeout."""
    for name, resource in list(template["Resources"].items()):
        if name in _OF_THE_CLI or str(resource["Type"]).startswith("AWS::CloudWatch::"):
            del template["Resources"][name]
    del template["Outputs"]["ServerlessDeploymentBucketName"]
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if "Code" in properties:
            properties["Code"] = {"S3Bucket": _BUCKET, "S3Key": f"{_ANY_STAGE}.zip"}
            properties["Environment"]["Variables"]["PYTHONPATH"] = str(libraries)
        if "VisibilityTimeout" in properties:
            properties["VisibilityTimeout"] = _VISIBILITY_SECONDS
    return json.dumps(template)


def _divided(archive: Path, libraries: Path) -> dict[str, bytes]:
    """The archive's handlers; the rest of it is unzipped to ``libraries`` and compiled."""
    with zipfile.ZipFile(archive) as packed:
        handlers = [name for name in packed.namelist() if name.startswith("handlers/")]
        packed.extractall(libraries, set(packed.namelist()) - set(handlers))
        interpreter = find_runtime(LAMBDA_RUNTIME, PLACES.cache).interpreter
        subprocess.run([interpreter, "-m", "compileall", "-q", str(libraries)], check=True, capture_output=True)
        return {name: packed.read(name) for name in handlers}


def _encoded(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {file: text.encode() for file, text in texts.items()}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
