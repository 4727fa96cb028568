"""What goes to CloudFormation without the Serverless CLI is what the CLI would deploy."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from taskguard.errors import DeploymentError
from taskguard.evidence.configuration import configuration_of
from taskguard.service import deployment
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.serverless import ours
from taskguard.service.deployers.serverless.publishing import publish
from taskguard.service.ours import failure_parameters, stack_name
from taskguard.targets.base import Endpoint

from tests.places import PLACES

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

_DEPLOYMENT = re.compile(r"(ApiGatewayDeployment)\w+")
"""The CLI calls it by the time, and we by what the template has."""
_OF_ITS_OWN = ("CodeSha256", "LastModified", "ResponseMetadata", "RevisionId", "Role")


def found(endpoint: Endpoint, stage: str) -> dict[str, Any]:
    """What there is of a stage: its resources, its functions' settings, and the stack as runs see it."""
    resources = endpoint.cloudformation().describe_stack_resources(StackName=stack_name(stage))["StackResources"]
    stack = deployment.read_stack(endpoint, stage)
    functions = {
        each.name: {
            name: value
            for name, value in endpoint.functions().get_function_configuration(FunctionName=each.name).items()
            if name not in _OF_ITS_OWN
        }
        for each in stack.functions
    }
    return {
        "resources": sorted(
            (_DEPLOYMENT.sub(r"\1", each["LogicalResourceId"]), each["ResourceType"])
            for each in resources
            if not each["LogicalResourceId"].startswith("ServerlessDeploymentBucket")
        ),
        "functions": functions,
        "settings": [msgspec.to_builtins(each) | {"at_ms": 0} for each in configuration_of(endpoint, stack)],
        "queues": sorted(stack.queues),
        "routes": [(each.method, each.path) for each in (stack.ingress.submit, stack.ingress.record) if each],
    }


def test_our_service_is_the_same_whoever_deploys_it(endpoint: Endpoint) -> None:
    stage = f"p{uuid4().hex[:6]}"
    job = Job(endpoint=endpoint, stage=stage, places=PLACES, parameters=failure_parameters("any", 0.3))
    with ours.packaged(job) as package:
        ours.with_the_cli(job, "deploy", package.folder)
        by_the_cli = found(endpoint, stage)
        with suppress(DeploymentError):
            # When the stack is gone, the CLI asks whether it had a container registry; the engine knows of none.
            ours.with_the_cli(job, "remove")
        assert not deployment.is_deployed(endpoint, stage)
        publish(job, package)
    assert found(endpoint, stage) == by_the_cli
    deployment.remove(endpoint, stage, places=PLACES, name=stack_name(stage))
    assert not deployment.is_deployed(endpoint, stage)
