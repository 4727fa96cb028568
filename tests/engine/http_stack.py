"""Stacks of a test's own, made, changed and removed by CloudFormation; and requests to what they serve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Function

_WAIT: Any = {"Delay": 1, "MaxAttempts": 60}
Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Deployed:
    """A stack that was made of ``resources``."""

    endpoint: Endpoint
    name: str

    def update(self, resources: Resources, **options: Any) -> None:
        cloudformation = self.endpoint.cloudformation()
        cloudformation.update_stack(StackName=self.name, TemplateBody=_template(resources, options))
        cloudformation.get_waiter("stack_update_complete").wait(StackName=self.name, WaiterConfig=_WAIT)
        told = cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        # LocalStack calls an update complete, whatever became of it.
        failed = [each for each in told if each.get("ResourceStatus", "").endswith("_FAILED")]
        assert not failed, failed

    def id_of(self, logical_id: str) -> str:
        told = self.endpoint.cloudformation().describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return str(told["StackResourceDetail"]["PhysicalResourceId"])

    def address(self, api: str = "Api", stage: str = "") -> str:
        return self.endpoint.api_url(self.id_of(api), stage)


@contextmanager
def deployed(endpoint: Endpoint, resources: Resources, **options: Any) -> Iterator[Deployed]:
    """A stack, which is removed at the end. ``options`` are other parts of its template."""
    cloudformation, name = endpoint.cloudformation(), f"http-{uuid4().hex[:8]}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=_template(resources, options),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=_WAIT)
        yield Deployed(endpoint, name)
    finally:
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=_WAIT)


def _template(resources: Resources, options: Mapping[str, Any]) -> str:
    return json.dumps({"Resources": resources, **options})


def asked(method: str, url: str, **options: Any) -> requests.Response:
    """What is answered, without the user's proxies, and wherever it would lead."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=60, allow_redirects=False, **options)


def arn_of(function: Function) -> str:
    told = function.endpoint.functions().get_function_configuration(FunctionName=function.name)
    return str(told["FunctionArn"])


def permission(function: Function, **properties: Any) -> Mapping[str, Any]:
    """That API Gateway may invoke a function."""
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": arn_of(function),
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            **properties,
        },
    }


def http(kind: str, **properties: Any) -> Mapping[str, Any]:
    """A resource of an HTTP API; all but the API itself belong to the one that is called ``Api``."""
    own = {} if kind in ("Api", "DomainName") else {"ApiId": {"Ref": "Api"}}
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": {**own, **properties}}


def proxy(function: Function, version: str = "2.0", **properties: Any) -> Mapping[str, Any]:
    """The integration of a function."""
    return http(
        "Integration",
        IntegrationType="AWS_PROXY",
        IntegrationUri=arn_of(function),
        PayloadFormatVersion=version,
        **properties,
    )


def route(key: str, integration: str = "Integration", **properties: Any) -> Mapping[str, Any]:
    return http("Route", RouteKey=key, Target={"Fn::Sub": f"integrations/${{{integration}}}"}, **properties)


def an_api(function: Function, *keys: str, version: str = "2.0", stage: str = "$default", **api: Any) -> dict[str, Any]:
    """The resources of an API whose routes lead to one function."""
    return {
        "Api": http("Api", Name="of-a-test", ProtocolType="HTTP", **api),
        "Integration": proxy(function, version),
        "Stage": http("Stage", StageName=stage, AutoDeploy=True),
        "Permission": permission(function),
        **{f"Route{number}": route(key) for number, key in enumerate(keys)},
    }
