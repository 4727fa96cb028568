"""The APIs of a stack, as API Gateway and Lambda tell of them: their stage and address, their routes, and what these invoke.

REST APIs, HTTP APIs and the URLs of functions. An engine that knows nothing of a kind makes that kind be told of as not supported;
only AWS's own answers are relied on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from taskguard.service.stack import Api, Route
from taskguard.targets.base import Endpoint

# arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/arn:aws:lambda:REGION:ACCOUNT:function:NAME/invocations, or the
# function's ARN alone: https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html
_INVOKED = re.compile(r":function:([^:/]+)")
_MOST_RESOURCES = 500
_DEFAULT_STAGE = "$default"
# Models of SAM leave a stage of this name beside the one that is meant, unless they set OpenApiVersion:
# https://github.com/aws/serverless-application-model/issues/191
_SAMS_OWN_STAGE = "Stage"


def rest_api(
    endpoint: Endpoint, logical_id: str, api_id: str, *, stage: str, stages: Sequence[str], key_ids: Sequence[str]
) -> Api:
    """A REST API, with its methods as routes. The stack has a ``stage`` of its own; ``stages`` and API keys are among its resources."""
    gateway = endpoint.apigateway()
    names = [each["stageName"] for each in gateway.get_stages(restApiId=api_id)["item"]]
    stage = _chosen_stage(names, stage, stages)
    routes = tuple(
        _method(resource["path"], name, method)
        for resource in _resources(endpoint, api_id)
        for name, method in resource.get("resourceMethods", {}).items()
    )
    needs_key = any(route.api_key_required for route in routes)
    return Api(
        logical_id=logical_id,
        kind="rest",
        id=api_id,
        stage=stage,
        url=endpoint.api_url(api_id, stage),
        routes=routes,
        key_ids=(tuple(key_ids) or _keys_of_plans(endpoint, api_id, stage)) if needs_key else (),
    )


def http_api(endpoint: Endpoint, logical_id: str, api_id: str, *, stage: str, stages: Sequence[str]) -> Api:
    """An HTTP API, as :func:`rest_api`. Its default stage is no part of its address."""
    gateway = endpoint.client("apigatewayv2")
    names = [each["StageName"] for each in _items(gateway, "get_stages", api_id)]
    stage = _DEFAULT_STAGE if _DEFAULT_STAGE in names else _chosen_stage(names, stage, stages)
    integrations = {
        f"integrations/{each['IntegrationId']}": each.get("IntegrationUri")
        for each in _items(gateway, "get_integrations", api_id)
    }
    routes = []
    for each in _items(gateway, "get_routes", api_id):
        method, _, path = each["RouteKey"].partition(" ")
        # "$default" takes what no other route does.
        route = Route(
            method=method if path else "ANY",
            path=path or "/",
            function=invoked(integrations.get(each.get("Target", ""))),
            authorization=each.get("AuthorizationType", "NONE"),
        )
        routes.append(route)
    url = endpoint.api_url(api_id, "" if stage == _DEFAULT_STAGE else stage)
    return Api(logical_id=logical_id, kind="http", id=api_id, stage=stage, url=url, routes=tuple(routes))


def function_url(endpoint: Endpoint, logical_id: str, function: str) -> Api:
    """The URL of a function: it takes any method and any path."""
    told = endpoint.functions().get_function_url_config(FunctionName=function)
    name = invoked(told["FunctionArn"]) or function
    route = Route(method="ANY", path="/", function=name, authorization=told["AuthType"])
    url = told["FunctionUrl"].rstrip("/")
    return Api(logical_id=logical_id, kind="url", id=name, stage="", url=url, routes=(route,))


def _chosen_stage(names: Sequence[str], stage: str, stages: Sequence[str]) -> str:
    """Which of an API's stages is meant: one that is a resource of the stack, and not the one that SAM makes by itself."""
    ours = [name for name in names if name in stages] or [n for n in names if n != _SAMS_OWN_STAGE] or names
    return stage if stage in ours or not ours else ours[0]


def invoked(uri: str | None) -> str | None:
    """The full name of the function that an integration invokes; none when it invokes none."""
    found = _INVOKED.search(uri or "")
    return found[1] if found else None


def _method(path: str, name: str, method: Mapping[str, Any]) -> Route:
    return Route(
        method=name,
        path=path,
        function=invoked(method.get("methodIntegration", {}).get("uri")),
        authorization=method.get("authorizationType") or "NONE",
        api_key_required=bool(method.get("apiKeyRequired")),
    )


def _resources(endpoint: Endpoint, api_id: str) -> Iterator[Mapping[str, Any]]:
    pages = endpoint.apigateway().get_paginator("get_resources")
    for page in pages.paginate(restApiId=api_id, embed=["methods"], PaginationConfig={"PageSize": _MOST_RESOURCES}):
        yield from page["items"]


def _keys_of_plans(endpoint: Endpoint, api_id: str, stage: str) -> tuple[str, ...]:
    """The API keys of the usage plans that the stage belongs to."""
    gateway = endpoint.apigateway()
    return tuple(
        key["id"]
        for page in gateway.get_paginator("get_usage_plans").paginate()
        for plan in page["items"]
        if any((each["apiId"], each["stage"]) == (api_id, stage) for each in plan.get("apiStages", ()))
        for keys in gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan["id"])
        for key in keys["items"]
    )


def _items(gateway: Any, operation: str, api_id: str) -> Iterator[Mapping[str, Any]]:
    for page in gateway.get_paginator(operation).paginate(ApiId=api_id):
        yield from page["Items"]


def is_unknown_here(error: ClientError) -> bool:
    """Whether an engine answers that it does not have such a service or operation."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status == 501 or error.response["Error"]["Code"] in ("InternalFailure", "NotImplemented", "UnknownOperation")
