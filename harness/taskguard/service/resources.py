"""What lies on the platform of a service: the resources of its stacks, or, where it has none, those that belong to no stack.

It must not know which of them does what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import ClientError

from taskguard.service.ways.base import is_unknown_here
from taskguard.targets.base import Endpoint

NO_STACK = "(no stack)"
"""In place of the names of stacks, of what was deployed without CloudFormation."""
_BETWEEN = ", "
_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource by the id that its template has for it (none: it has no template), its name on the platform and its type."""

    logical_id: str
    physical_id: str
    kind: str


def joined(names: Sequence[str]) -> str:
    """How a service's stacks are called together."""
    return _BETWEEN.join(names) or NO_STACK


def stacks_of(name: str) -> tuple[str, ...]:
    """The single stacks that a service's ``name`` is made of."""
    return () if name == NO_STACK else tuple(name.split(_BETWEEN))


def resources_of(endpoint: Endpoint, name: str) -> Iterator[Resource]:
    """The resources of all stacks that are called ``name`` together, and of those that are nested in them."""
    if name == NO_STACK:
        yield from _loose(endpoint)
    for each in stacks_of(name):
        yield from _of_stack(endpoint, each)


def _of_stack(endpoint: Endpoint, name: str) -> Iterator[Resource]:
    for page in endpoint.cloudformation().get_paginator("list_stack_resources").paginate(StackName=name):
        for each in page["StackResourceSummaries"]:
            # One that could not be made has no name.
            if each.get("PhysicalResourceId") and each.get("ResourceStatus") != "DELETE_COMPLETE":
                if each["ResourceType"] == _STACK and each["PhysicalResourceId"].startswith("arn:"):
                    yield from _of_stack(endpoint, each["PhysicalResourceId"])
                else:
                    yield Resource(each["LogicalResourceId"], each["PhysicalResourceId"], each["ResourceType"])


def _loose(endpoint: Endpoint) -> Iterator[Resource]:
    """Whatever there is of the kinds that a pipeline is made of, without what stacks have."""
    pages = endpoint.cloudformation().get_paginator("describe_stacks").paginate()
    names = [each["StackName"] for page in pages for each in page["Stacks"]]
    owned = {(each.kind, each.physical_id) for name in names for each in _of_stack(endpoint, name)}
    for kind, physical_id in _every(endpoint):
        if (kind, physical_id) not in owned:
            yield Resource("", physical_id, kind)


def _every(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    for page in endpoint.sqs().get_paginator("list_queues").paginate():
        yield from (("AWS::SQS::Queue", url) for url in page.get("QueueUrls", ()))
    functions = endpoint.functions()
    for some in functions.get_paginator("list_functions").paginate():
        for function in some["Functions"]:
            yield "AWS::Lambda::Function", function["FunctionName"]
            with suppress(functions.exceptions.ResourceNotFoundException):
                functions.get_function_url_config(FunctionName=function["FunctionName"])
                yield "AWS::Lambda::Url", function["FunctionName"]
    for tables in endpoint.dynamodb().get_paginator("list_tables").paginate():
        yield from (("AWS::DynamoDB::Table", name) for name in tables["TableNames"])
    gateway = endpoint.apigateway()
    for apis in gateway.get_paginator("get_rest_apis").paginate():
        for api in apis["items"]:
            yield "AWS::ApiGateway::RestApi", api["id"]
            stages = gateway.get_stages(restApiId=api["id"])["item"]
            yield from (("AWS::ApiGateway::Stage", stage["stageName"]) for stage in stages)
    try:
        for http in endpoint.client("apigatewayv2").get_paginator("get_apis").paginate():
            yield from (("AWS::ApiGatewayV2::Api", each["ApiId"]) for each in http["Items"])
    except ClientError as error:
        if not is_unknown_here(error):
            raise
