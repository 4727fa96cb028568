"""The URLs of functions on the engine: who is let in, the event, and the answer, as Lambda documents them.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. The event is
that of an HTTP API's payload format 2.0, with the path as it was sent. Whose signature a signed request has is not looked at, and nothing
is streamed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.utils.urls import localstack_host

from taskguard.engine.services.http_api.answers import answer_of
from taskguard.engine.services.http_api.cors import Cors, preflight, with_cors
from taskguard.engine.services.http_api.events import Call, event_of
from taskguard.engine.services.http_api.functions import (
    FunctionFailedError,
    FunctionName,
    InvocationError,
    TooLargeError,
    TooLateError,
    invoke,
    statements_of,
)
from taskguard.engine.services.http_api.messages import Incoming, Outgoing, told

ADDRESS = "/_aws/lambda-url/"
"""Below it stands a URL's id, and below that its paths."""

_LIMIT_SECONDS = 960.0
"""Longer than any function runs, its start included."""

_FORBIDDEN = told(403, "Forbidden", key="Message")
_TOO_MANY = told(429, "Rate Exceeded.", key="Reason")
_TOO_LARGE = told(413, "Request Entity Too Large", key="Message")
_SIGNED = "AWS4-HMAC-SHA256 "


def address(url_id: str) -> str:
    """Where this engine serves it."""
    return f"http://{localstack_host().host_and_port()}{ADDRESS}{url_id}/"


def answer(url_id: str, request: Incoming) -> Outgoing:
    """The answer of the URL with this id to a request, whose path begins below it."""
    config = _find(url_id)
    if config is None:
        return _FORBIDDEN
    cors = Cors.of(config.cors)
    if cors is not None and (asked := preflight(cors, request)) is not None:
        return replace(asked, status=200)
    answered = _invoked(url_id, config, request)
    return with_cors(cors, request, answered) if cors is not None else answered


def _find(url_id: str) -> Any:
    for regions in list(lambda_stores.values()):
        for store in list(regions.values()):
            for function in list(store.functions.values()):
                for config in list(function.function_url_configs.values()):
                    if config.url_id.lower() == url_id.lower():
                        return config
    return None


def _invoked(url_id: str, config: Any, request: Incoming) -> Outgoing:
    function = FunctionName.of(config.function_arn)
    if not _lets_in(config.auth_type, function, request):
        return _FORBIDDEN
    try:
        event = _event(url_id, config.auth_type, function, request)
        return _typed(answer_of(invoke(function, event, _LIMIT_SECONDS), "2.0"))
    except TooLateError:
        return _TOO_MANY
    except TooLargeError:
        return _TOO_LARGE
    except (FunctionFailedError, InvocationError):
        return Outgoing(status=502, headers=(("Content-Type", "application/json"),), body=b"Internal Server Error")


def _lets_in(auth_type: str, function: FunctionName, request: Incoming) -> bool:
    if auth_type == "AWS_IAM":
        return (request.header("authorization") or "").startswith(_SIGNED)
    return any(_is_for_all(statement) for statement in statements_of(function))


def _is_for_all(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    is_everybody = principal in ("*", {"AWS": "*"})
    return is_everybody and statement.get("Action") in ("lambda:InvokeFunctionUrl", "lambda:*", "*")


def _event(url_id: str, auth_type: str, function: FunctionName, request: Incoming) -> dict[str, Any]:
    event = event_of(
        Call(
            request=request,
            path=request.path,
            account=function.account if auth_type == "AWS_IAM" else "anonymous",
            api_id=url_id,
            domain=f"{url_id}.lambda-url.{function.region}.{localstack_host().host_and_port()}",
            stage="$default",
            route_key="$default",
            request_id=str(uuid.uuid4()),
            parameters={},
            variables={},
        ),
        "2.0",
    )
    if auth_type == "AWS_IAM":
        event["requestContext"]["authorizer"] = {"iam": _caller(function.account, request)}
    return event


def _caller(account: str, request: Incoming) -> dict[str, Any]:
    key = (request.header("authorization") or "").partition("Credential=")[2].partition("/")[0]
    root = f"arn:aws:iam::{account}:root"
    return {"accessKey": key, "accountId": account, "callerId": account, "userArn": root, "userId": account}


def _typed(answered: Outgoing) -> Outgoing:
    """What says nothing of its content is JSON here, and plain text in HTTP APIs."""
    kept = tuple(
        (name, "application/json" if (name, value) == ("Content-Type", "text/plain;charset=UTF-8") else value)
        for name, value in answered.headers
    )
    return replace(answered, headers=kept)
