"""REST APIs, as API Gateway tells of them: their methods are the routes, and usage plans have the keys of their clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from taskguard.service.stack import Api, Route, Token
from taskguard.service.ways.base import Reading, chosen_stage, invoked, puts_events, sent_to
from taskguard.targets.base import Endpoint

_STAGE, _KEY = "AWS::ApiGateway::Stage", "AWS::ApiGateway::ApiKey"
_MOST_RESOURCES = 500
_BY_POOL = "COGNITO_USER_POOLS"
_REGION = 3
"""Its place in an ARN."""
_USUAL_SOURCE = "method.request.header.Authorization"


def read(reading: Reading, logical_id: str, api_id: str) -> Api:
    """A REST API, with its methods as routes."""
    endpoint = reading.endpoint
    names = [each["stageName"] for each in endpoint.apigateway().get_stages(restApiId=api_id)["item"]]
    stage = chosen_stage(names, reading.stage, reading.ids_of(_STAGE))
    methods = [
        (resource["path"], name, method)
        for resource in _resources(endpoint, api_id)
        for name, method in resource.get("resourceMethods", {}).items()
    ]
    goes_by_pools = any(method.get("authorizationType") == _BY_POOL for _, _, method in methods)
    tokens = _tokens(endpoint, api_id) if goes_by_pools else {}
    routes = tuple(_method(*each, tokens) for each in methods)
    needs_key = any(route.api_key_required for route in routes)
    return Api(
        logical_id=logical_id,
        kind="rest",
        id=api_id,
        stage=stage,
        url=endpoint.api_url(api_id, stage),
        routes=routes,
        key_ids=(tuple(reading.ids_of(_KEY)) or _keys_of_plans(endpoint, api_id, stage)) if needs_key else (),
    )


def _method(path: str, name: str, method: Mapping[str, Any], tokens: Mapping[str, Token]) -> Route:
    integration = method.get("methodIntegration", {})
    token = tokens.get(method.get("authorizerId", ""))
    return Route(
        method=name,
        path=path,
        function=invoked(integration.get("uri")),
        queue=sent_to(integration),
        puts_events=puts_events(integration),
        authorization=method.get("authorizationType") or "NONE",
        api_key_required=bool(method.get("apiKeyRequired")),
        token=replace(token, scopes=tuple(method.get("authorizationScopes") or ())) if token is not None else None,
    )


def _tokens(endpoint: Endpoint, api_id: str) -> Mapping[str, Token]:
    """What the authorizers that go by a user pool ask of tokens, by their ids. One of the pools may be its issuer:
    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html."""
    found = {}
    for each in endpoint.apigateway().get_authorizers(restApiId=api_id).get("items", ()):
        if each.get("type") == _BY_POOL and (pools := each.get("providerARNs")):
            # A pool of the service's own is not made by our engine, and has no ARN.
            parts, pool = pools[0].split(":"), pools[0].rpartition("/")[2]
            region = parts[_REGION] if len(parts) > _REGION else endpoint.region
            header = (each.get("identitySource") or _USUAL_SOURCE).rpartition(".")[2]
            found[each["id"]] = Token(issuer=f"https://cognito-idp.{region}.amazonaws.com/{pool}", header=header)
    return found


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
