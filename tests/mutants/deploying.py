"""Deploys variants: those that change the template with the Serverless CLI, those that change nothing but code without it.

The CLI packages the service once. From its template and its archive a stack is made for each variant of the code, through
CloudFormation as the CLI would, without starting Node.js each time. It must not know how a variant is judged.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Event, Lock
from typing import Any

from taskguard.service import deployment
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.serverless.deployer import packaged
from taskguard.service.deployment import read_stack
from taskguard.service.ours import failure_parameters, stack_name
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import LAMBDA_RUNTIME, find_runtime

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


class Deployer:
    """Deploys to one engine. Safe to use from several threads; ``folder`` receives what the CLI says. Once it is
    ``abandoned``, no call of the CLI goes on."""

    def __init__(self, endpoint: Endpoint, folder: Path, abandoned: Event) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._abandoned = abandoned
        self._packaging = Lock()
        self._template: str | None = None
        self._archive: Mapping[str, bytes] = {}

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
        template, archive = self._package()
        s3, cloudformation = self._endpoint.client("s3"), self._endpoint.cloudformation()
        s3.put_object(
            Bucket=_BUCKET,
            Key=f"{stage}.zip",
            Body=_zipped({**_without_bytecode(archive, changed), **_encoded(changed)}),
        )
        s3.put_object(Bucket=_BUCKET, Key=f"{stage}.json", Body=template.replace(_ANY_STAGE, stage).encode())
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

    def _package(self) -> tuple[str, Mapping[str, bytes]]:
        with self._packaging:
            if self._template is None:
                job = Job(
                    endpoint=self._endpoint,
                    stage=_ANY_STAGE,
                    places=PLACES,
                    parameters=PARAMETERS,
                    abandoned=self._abandoned,
                )
                with packaged(job) as place:
                    self._archive = _compiled(place / "TaskGuard.zip", place / "compiled")
                    template = json.loads((place / _TEMPLATE).read_text())
                self._endpoint.client("s3").create_bucket(
                    Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": self._endpoint.region}
                )
                self._template = _without_the_cli(template)
            return self._template, self._archive


def _without_the_cli(template: dict[str, Any]) -> str:
    """The template without the bucket that the CLI makes for each stage, since functions come from one for all of them; without
    alarms, which would keep the engine busy; and with a shorter visibility timeout."""
    for name, resource in list(template["Resources"].items()):
        if name in _OF_THE_CLI or str(resource["Type"]).startswith("AWS::CloudWatch::"):
            del template["Resources"][name]
    del template["Outputs"]["ServerlessDeploymentBucketName"]
    for resource in template["Resources"].values():
        if "Code" in resource["Properties"]:
            resource["Properties"]["Code"] = {"S3Bucket": _BUCKET, "S3Key": f"{_ANY_STAGE}.zip"}
        if "VisibilityTimeout" in resource["Properties"]:
            resource["Properties"]["VisibilityTimeout"] = _VISIBILITY_SECONDS
    return json.dumps(template)


def _compiled(archive: Path, folder: Path) -> dict[str, bytes]:
    """The archive's files, and beside each module its bytecode: or each variant's functions would compile them all anew."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    interpreter = find_runtime(LAMBDA_RUNTIME, PLACES.cache).interpreter
    # Unchecked, for unpacking changes the files' times.
    command = [interpreter, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _without_bytecode(files: Mapping[str, bytes], changed: Iterable[str]) -> dict[str, bytes]:
    """The files without the bytecode of those that are changed."""
    stale = tuple(f"{PurePosixPath(file).parent}/__pycache__/{PurePosixPath(file).stem}." for file in changed)
    return {name: content for name, content in files.items() if not name.startswith(stale)}


def _encoded(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {file: text.encode() for file, text in texts.items()}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
