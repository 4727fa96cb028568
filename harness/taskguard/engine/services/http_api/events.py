"""The event that a function gets of an HTTP request, in payload formats 2.0 and 1.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html has the formats,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html those of function URLs. What is text follows from the content type alone:
text/*, and JSON, XML and JavaScript of application/*; everything else comes base64-encoded, forms and what has no content type too.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from taskguard.engine.services.http_api.messages import Incoming

_TEXTS = ("application/json", "application/xml", "application/javascript")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request on its way to a function. ``path`` is the whole path that the function is told, with the stage's name where it is part of
    the address; ``authorizer`` is what an authorizer has handed over, of the kind ``authorized_by``."""

    request: Incoming
    path: str
    account: str
    api_id: str
    domain: str
    stage: str
    route_key: str
    request_id: str
    parameters: Mapping[str, str]
    variables: Mapping[str, str]
    authorizer: Mapping[str, Any] | None = None
    authorized_by: str = "lambda"


def version_2(call: Call) -> dict[str, Any]:
    """The event in format 2.0. What is not there is left out."""
    request = call.request
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": call.path,
        "rawQueryString": request.query,
        "cookies": request.cookies,
        "headers": _joined_headers(request),
        "queryStringParameters": {name: ",".join(values) for name, values in request.parameters.items()},
        "requestContext": _context_2(call),
        "pathParameters": dict(call.parameters),
        "stageVariables": dict(call.variables),
    }
    event = {key: value for key, value in event.items() if value or key == "rawQueryString"}
    return event | _body_of(request, empty={})


def version_1(call: Call) -> dict[str, Any]:
    """The event in format 1.0. What is not there is null."""
    request = call.request
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    event = {
        "version": "1.0",
        "resource": call.route_key.partition(" ")[2] or call.route_key,
        "path": call.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in request.parameters.items()} or None,
        "multiValueQueryStringParameters": request.parameters or None,
        "requestContext": _context_1(call),
        "pathParameters": dict(call.parameters) or None,
        "stageVariables": dict(call.variables) or None,
    }
    return event | _body_of(request, empty={"body": None})


def event_of(call: Call, version: str) -> dict[str, Any]:
    """The event in this format."""
    return version_1(call) if version == "1.0" else version_2(call)


def decoded(path: str) -> str:
    """A path as HTTP APIs tell it: decoded, where function URLs leave it as it was sent."""
    return unquote(path)


def _joined_headers(request: Incoming) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        # Cookies have a field of their own.
        if key != "cookie":
            joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _body_of(request: Incoming, empty: dict[str, None]) -> dict[str, Any]:
    if not request.body:
        return {**empty, "isBase64Encoded": False}
    if _is_text(request):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _is_text(request: Incoming) -> bool:
    kind = (request.header("content-type") or "").lower()
    return kind.startswith("text/") or kind.startswith(_TEXTS)


def _context_2(call: Call) -> dict[str, Any]:
    request = call.request
    context: dict[str, Any] = {
        "accountId": call.account,
        "apiId": call.api_id,
        "domainName": call.domain,
        "domainPrefix": call.domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": call.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": call.request_id,
        "routeKey": call.route_key,
        "stage": call.stage,
        "time": _readable(request.at_seconds),
        "timeEpoch": int(request.at_seconds * 1000),
    }
    if call.authorizer is not None:
        context["authorizer"] = {call.authorized_by: dict(call.authorizer)}
    return context


def _context_1(call: Call) -> dict[str, Any]:
    request = call.request
    return {
        "accountId": call.account,
        "apiId": call.api_id,
        "authorizer": dict(call.authorizer or {}),
        "domainName": call.domain,
        "domainPrefix": call.domain.partition(".")[0],
        "extendedRequestId": call.request_id,
        "httpMethod": request.method,
        "identity": {
            **dict.fromkeys(
                ("accessKey", "accountId", "caller", "cognitoAmr", "cognitoAuthenticationProvider"),
            ),
            **dict.fromkeys(("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId")),
            "principalOrgId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": request.header("user-agent"),
            "userArn": None,
        },
        "path": call.path,
        "protocol": "HTTP/1.1",
        "requestId": call.request_id,
        "requestTime": _readable(request.at_seconds),
        "requestTimeEpoch": int(request.at_seconds * 1000),
        "resourceId": call.route_key,
        "resourcePath": call.route_key.partition(" ")[2] or call.route_key,
        "stage": call.stage,
    }


def _readable(at_seconds: float) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at_seconds))
