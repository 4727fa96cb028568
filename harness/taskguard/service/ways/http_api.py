"""HTTP APIs, as API Gateway tells of them: routes with a key of method and path, and the integrations that these lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taskguard.service.stack import Api, Route, Token
from taskguard.service.ways.base import Reading, chosen_stage, invoked

_STAGE = "AWS::ApiGatewayV2::Stage"
_DEFAULT_STAGE = "$default"
_BY_TOKEN = "JWT"
_USUAL_SOURCE = "$request.header.Authorization"
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
_SENDS, _PUTS_EVENTS = "SQS-SendMessage", "EventBridge-PutEvents"


def read(reading: Reading, logical_id: str, api_id: str) -> Api:
    """An HTTP API. Its default stage is no part of its address."""
    gateway = reading.endpoint.client("apigatewayv2")
    names = [each["StageName"] for each in _items(gateway, "get_stages", api_id)]
    stage = _DEFAULT_STAGE if _DEFAULT_STAGE in names else chosen_stage(names, reading.stage, reading.ids_of(_STAGE))
    integrations = {
        f"integrations/{each['IntegrationId']}": each for each in _items(gateway, "get_integrations", api_id)
    }
    keyed = list(_items(gateway, "get_routes", api_id))
    goes_by_tokens = any(each.get("AuthorizationType") == _BY_TOKEN for each in keyed)
    told = _items(gateway, "get_authorizers", api_id) if goes_by_tokens else ()
    authorizers = {each["AuthorizerId"]: each for each in told}
    routes = []
    for each in keyed:
        method, _, path = each["RouteKey"].partition(" ")
        integration = integrations.get(each.get("Target", ""), {})
        # "$default" takes what no other route does.
        route = Route(
            method=method if path else "ANY",
            path=path or "/",
            function=invoked(integration.get("IntegrationUri")),
            queue=_sent_to(integration),
            puts_events=integration.get("IntegrationSubtype") == _PUTS_EVENTS,
            authorization=each.get("AuthorizationType", "NONE"),
            token=_token(authorizers.get(each.get("AuthorizerId", ""), {}), each),
        )
        routes.append(route)
    url = reading.endpoint.api_url(api_id, "" if stage == _DEFAULT_STAGE else stage)
    return Api(logical_id=logical_id, kind="http", id=api_id, stage=stage, url=url, routes=tuple(routes))


def _sent_to(integration: Mapping[str, Any]) -> str | None:
    """The name of the queue to which an integration sends by itself; none when it does not, or the request says to which."""
    url = (integration.get("RequestParameters") or {}).get("QueueUrl", "")
    is_named = integration.get("IntegrationSubtype") == _SENDS and "$" not in url
    return url.rpartition("/")[2] or None if is_named else None


def _token(authorizer: Mapping[str, Any], route: Mapping[str, Any]) -> Token | None:
    asked = authorizer.get("JwtConfiguration")
    if not asked:
        return None
    # The first source counts: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html.
    source = next(iter(authorizer.get("IdentitySource") or ()), _USUAL_SOURCE)
    return Token(
        issuer=asked.get("Issuer", ""),
        audience=tuple(asked.get("Audience") or ()),
        scopes=tuple(route.get("AuthorizationScopes") or ()),
        header=source.rpartition(".")[2],
    )


def _items(gateway: Any, operation: str, api_id: str) -> Iterator[Mapping[str, Any]]:
    for page in gateway.get_paginator(operation).paginate(ApiId=api_id):
        yield from page["Items"]
