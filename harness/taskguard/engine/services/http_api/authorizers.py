"""Whether a request is let in: by a function that decides, by a token's claims, or by being signed.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html. Nothing is remembered of a decision. Whose
signature it is, is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from taskguard.engine.services.http_api.events import Call, event_of
from taskguard.engine.services.http_api.functions import (
    FunctionName,
    InvocationError,
    NotAllowedError,
    invoke,
    lets_gateway,
)
from taskguard.engine.services.http_api.messages import FAILED, FORBIDDEN, UNAUTHORIZED, Outgoing
from taskguard.engine.services.http_api.published import Authorizer, Route
from taskguard.engine.services.tokens import ScopeError, TokenError, claims_of, require_scope, scopes_of, texts_of

_SIGNED = "AWS4-HMAC-SHA256 "
_LIMIT_SECONDS = 10.0
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided: the answer to who is not let in, or what the function is told of who is, and by whom (``lambda`` or ``jwt``)."""

    refusal: Outgoing | None = None
    context: Mapping[str, Any] | None = None
    by: str = "lambda"


LET_IN = Decision()


def decided(route: Route, call: Call, authorizers_arn: str, routes_arn: str) -> Decision:
    """Whether ``call`` is let in to ``route``. An authorizer's function is invoked in the name of ``authorizers_arn``, and a policy that it
    answers speaks of ``routes_arn``."""
    if route.authorization == "AWS_IAM":
        return LET_IN if (call.request.header("authorization") or "").startswith(_SIGNED) else Decision(FORBIDDEN)
    if route.authorization == "CUSTOM" and route.authorizer is not None:
        return _by_function(route.authorizer, call, authorizers_arn, routes_arn)
    if route.authorization == "JWT" and route.authorizer is not None:
        return _by_token(route.authorizer, route.scopes, call)
    return LET_IN if route.authorization == "NONE" else Decision(UNAUTHORIZED)


def _by_token(authorizer: Authorizer, scopes: tuple[str, ...], call: Call) -> Decision:
    header = next((value for each in authorizer.sources if (value := _source(each, call))), None)
    try:
        claims = claims_of(header)
        audience = claims.get("aud", claims.get("client_id", ()))
        if claims.get("iss") != authorizer.issuer or not set(_several(audience)) & set(authorizer.audience):
            return Decision(UNAUTHORIZED)
        require_scope(claims, scopes)
    except ScopeError:
        return Decision(FORBIDDEN)
    except TokenError:
        return Decision(UNAUTHORIZED)
    return Decision(
        context={"claims": texts_of(claims), "scopes": list(scopes_of(claims)) if scopes else None}, by="jwt"
    )


def _by_function(authorizer: Authorizer, call: Call, authorizers_arn: str, routes_arn: str) -> Decision:
    sources = [_source(each, call) for each in authorizer.sources]
    if not all(sources):
        return Decision(UNAUTHORIZED)
    try:
        function = FunctionName.of(authorizer.uri)
        if not authorizer.has_role and not lets_gateway(function, [authorizers_arn]):
            raise NotAllowedError(function.name)
        event = _event(authorizer, call, [source or "" for source in sources], routes_arn)
        answer = json.loads(invoke(function, event, _LIMIT_SECONDS))
        is_allowed, context = _read(authorizer, answer, routes_arn)
    except (InvocationError, ValueError, KeyError, TypeError, AttributeError):
        return Decision(FAILED)
    return Decision(context=context) if is_allowed else Decision(FORBIDDEN)


def _event(authorizer: Authorizer, call: Call, sources: list[str], routes_arn: str) -> dict[str, Any]:
    event = event_of(call, authorizer.version)
    del event["isBase64Encoded"]
    event.pop("body", None)
    if authorizer.version == "1.0":
        source = ",".join(sources)
        told: dict[str, Any] = {"methodArn": routes_arn, "identitySource": source, "authorizationToken": source}
    else:
        told = {"routeArn": routes_arn, "identitySource": sources or None}
    return event | {"type": "REQUEST"} | told


def _read(authorizer: Authorizer, answer: Any, routes_arn: str) -> tuple[bool, Mapping[str, Any]]:
    context: Mapping[str, Any] = answer.get("context") or {}
    if authorizer.version != "1.0" and authorizer.answers_simply:
        return answer["isAuthorized"] is True, context
    is_allowed = allows(answer["policyDocument"], routes_arn)
    if authorizer.version == "1.0":
        context = {"principalId": answer["principalId"], **context}
    return is_allowed, context


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Whether a policy lets in to the route or method with this ARN; a statement that denies goes before those that allow.

    Raises:
        KeyError, TypeError: it is no policy.
    """
    statements = policy["Statement"]
    effects = {
        each["Effect"]
        for each in ([statements] if isinstance(statements, Mapping) else statements)
        if any(fnmatchcase("execute-api:Invoke", action) for action in _several(each["Action"]))
        and any(fnmatchcase(arn, resource) for resource in _several(each["Resource"]))
    }
    return effects == {"Allow"}


def _source(source: str, call: Call) -> str | None:
    """The value of an identity source, as ``$request.header.Authorization``; none when it is not there."""
    place, _, name = source.strip().removeprefix("$").partition(".")
    if place == "request":
        place, _, name = name.partition(".")
        if place == "header":
            return call.request.header(name)
        values = call.request.parameters.get(name) if place == "querystring" else None
        return values[0] if values else None
    if place == "stageVariables":
        return call.variables.get(name)
    return _in_context(name, call) if place == "context" else None


def _in_context(name: str, call: Call) -> str | None:
    found: Any = event_of(call, "2.0")["requestContext"]
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return str(found) if found is not None else None


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
