"""Who is let in to methods of REST APIs: whom a function lets, by a token or by the request; who has a token of a user pool; who signs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html. Nothing is remembered of a decision, no role is looked at, nor
whose signature a request or a token has. It must not know what a method leads to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from localstack.services.apigateway.next_gen.execute_api.context import RestApiInvocationContext
from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    AccessDeniedError,
    AuthorizerConfigurationError,
    MissingAuthTokenError,
    UnauthorizedError,
)

from taskguard.engine.services.http_api.authorizers import allows
from taskguard.engine.services.http_api.functions import (
    FunctionFailedError,
    FunctionName,
    InvocationError,
    invoke,
    lets_gateway,
)
from taskguard.engine.services.tokens import TokenError, claims_of, require_scope, texts_of

_LIMIT_SECONDS = 29.0
_UNAUTHORIZED = "Unauthorized"
"""What a function says for 401: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html."""


ASKS = ("CUSTOM", "COGNITO_USER_POOLS", "AWS_IAM")
"""The ways of authorization in which not everybody is let in."""
_SIGNED = "AWS4-HMAC-SHA256 "
_SIGNED_BY_QUERY = "X-Amz-Signature"


def let_in(context: RestApiInvocationContext) -> None:
    """Ask the authorizer of the method that a request comes to, and keep what it tells of who is let in.

    Raises:
        UnauthorizedError, AccessDeniedError, MissingAuthTokenError: the request is not.
        AuthorizerConfigurationError: the function cannot be asked, has failed, or answers what is no decision.
    """
    if context.resource_method["authorizationType"] == "AWS_IAM":
        _require_signature(context)
        return
    authorizer = context.deployment.rest_api.authorizers.get(context.resource_method.get("authorizerId"))
    if authorizer is None:
        raise AuthorizerConfigurationError
    by_token = authorizer["type"] == "COGNITO_USER_POOLS"
    context.context_variables["authorizer"] = (_by_token if by_token else _decided)(authorizer, context)


def _require_signature(context: RestApiInvocationContext) -> None:
    request = context.invocation_request
    signed = request["headers"].get("Authorization", "").startswith(_SIGNED)
    if not signed and _SIGNED_BY_QUERY not in (request["query_string_parameters"] or {}):
        raise MissingAuthTokenError("Missing Authentication Token")


def _by_token(authorizer: Mapping[str, Any], context: RestApiInvocationContext) -> dict[str, Any]:
    source = authorizer.get("identitySource") or "method.request.header.Authorization"
    pools = {arn.rpartition("/")[2] for arn in authorizer.get("providerARNs") or ()}
    try:
        claims = claims_of(_value(source, context))
        if str(claims.get("iss")).rpartition("/")[2] not in pools:
            raise TokenError
        require_scope(claims, context.resource_method.get("authorizationScopes") or ())
    except TokenError as error:
        raise UnauthorizedError(_UNAUTHORIZED) from error
    return {"claims": texts_of(claims)}


def _decided(authorizer: Mapping[str, Any], context: RestApiInvocationContext) -> dict[str, str]:
    """What the function is told of who is let in."""
    sources = [each.strip() for each in (authorizer.get("identitySource") or "").split(",") if each.strip()]
    values = [_value(each, context) for each in sources]
    if not all(values):
        raise UnauthorizedError(_UNAUTHORIZED)
    api = f"arn:aws:execute-api:{context.region}:{context.account_id}:{context.api_id}"
    request = context.invocation_request
    arn = f"{api}/{context.stage}/{request['http_method']}/{request['path'].lstrip('/')}"
    if authorizer["type"] == "TOKEN":
        expression, token = authorizer.get("identityValidationExpression"), str(values[0]) if values else ""
        if expression and not re.fullmatch(expression, token):
            raise UnauthorizedError(_UNAUTHORIZED)
        event = {"type": "TOKEN", "methodArn": arn, "authorizationToken": token}
    else:
        event = {"type": "REQUEST", "methodArn": arn, **_request(context)}
    answer = _answer(authorizer, event, f"{api}/authorizers/{authorizer['id']}")
    try:
        is_allowed = allows(answer["policyDocument"], arn)
        told = {"principalId": answer["principalId"], **(answer.get("context") or {})}
    except (KeyError, TypeError, AttributeError) as error:
        raise AuthorizerConfigurationError from error
    if not is_allowed:
        raise AccessDeniedError("User is not authorized to access this resource")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}


def _answer(authorizer: Mapping[str, Any], event: Mapping[str, Any], arn: str) -> Any:
    try:
        function = FunctionName.of(authorizer["authorizerUri"])
        if not authorizer.get("authorizerCredentials") and not lets_gateway(function, [arn]):
            raise AuthorizerConfigurationError
        return json.loads(invoke(function, event, _LIMIT_SECONDS))
    except FunctionFailedError as error:
        if str(error) == _UNAUTHORIZED:
            raise UnauthorizedError(_UNAUTHORIZED) from error
        raise AuthorizerConfigurationError from error
    except (InvocationError, ValueError) as error:
        raise AuthorizerConfigurationError from error


def _value(source: str, context: RestApiInvocationContext) -> str | None:
    """The value of an identity source, as ``method.request.header.Authorization``; none when it is not there."""
    place, _, name = source.removeprefix("method.request.").partition(".")
    request = context.invocation_request
    found: Any = {
        "header": request["headers"],
        "querystring": request["query_string_parameters"],
        "stageVariables": context.stage_variables or {},
        "context": context.context_variables,
    }.get(place, {})
    for part in [name] if place != "context" else name.split("."):
        found = found.get(part) if hasattr(found, "get") else None
    return str(found) if found else None


def _request(context: RestApiInvocationContext) -> Mapping[str, Any]:
    request = context.invocation_request
    several: dict[str, Sequence[str]] = {name: request["headers"].getlist(name) for name, _ in request["headers"]}
    return {
        "resource": context.resource["path"],
        "path": request["path"],
        "httpMethod": request["http_method"],
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": request["query_string_parameters"],
        "multiValueQueryStringParameters": request["multi_value_query_string_parameters"],
        "pathParameters": request["path_parameters"] or {},
        "stageVariables": context.stage_variables or {},
        "requestContext": context.context_variables,
    }
