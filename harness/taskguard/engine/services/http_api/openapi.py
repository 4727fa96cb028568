"""An HTTP API as an OpenAPI document describes it, with API Gateway's extensions: how SAM makes one of the events of functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html. What a document says of the shape of
requests and responses is nothing to an HTTP API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from taskguard.engine.services.http_api.routing import ANY, DEFAULT

_INTEGRATION = "x-amazon-apigateway-integration"
_ANY_METHOD = "x-amazon-apigateway-any-method"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_CORS = "x-amazon-apigateway-cors"
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", _ANY_METHOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRoute:
    """A route; ``integration`` has API Gateway's names for what it is made of, ``authorizer`` is a name of the document's."""

    key: str
    integration: Mapping[str, Any] | None
    authorizer: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedApi:
    """What a document describes; ``authorizers`` have API Gateway's names for what they are made of."""

    name: str
    description: str
    version: str
    cors: Mapping[str, Any] | None
    routes: tuple[ImportedRoute, ...]
    authorizers: Mapping[str, Mapping[str, Any]]


def read(text: str) -> ImportedApi:
    """The document as JSON or YAML.

    Raises:
        ValueError: it is none.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"Unable to parse the OpenAPI document: {error}") from error
    if not isinstance(document, dict) or not ("openapi" in document or "swagger" in document):
        raise ValueError("Invalid OpenAPI input: it names no version of OpenAPI.")
    info, components = document.get("info") or {}, document.get("components") or {}
    schemes = components.get("securitySchemes") or document.get("securityDefinitions") or {}
    return ImportedApi(
        name=str(info.get("title") or ""),
        description=str(info.get("description") or ""),
        version=str(info.get("version") or ""),
        cors=document.get(_CORS),
        routes=tuple(_routes(document)),
        authorizers={name: made for name, told in schemes.items() if (made := _authorizer(name, told)) is not None},
    )


def _routes(document: Mapping[str, Any]) -> Iterator[ImportedRoute]:
    for path, operations in (document.get("paths") or {}).items():
        for method, operation in (operations or {}).items():
            if method.lower() not in _METHODS or not isinstance(operation, Mapping):
                continue
            name = ANY if method.lower() == _ANY_METHOD else method.upper()
            integration = _referred(document, operation.get(_INTEGRATION))
            security = operation.get("security", document.get("security")) or []
            authorizer, scopes = next(((key, each) for one in security for key, each in one.items()), (None, []))
            yield ImportedRoute(
                key=DEFAULT if path.strip("/") == DEFAULT else f"{name} {path}",
                integration=_integration(integration) if integration is not None else None,
                authorizer=authorizer,
                scopes=tuple(scopes or ()),
            )


def _referred(document: Mapping[str, Any], told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Integrations may stand among the components, and be referred to."""
    if told is None or "$ref" not in told:
        return told
    found: Any = document
    for part in str(told["$ref"]).removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found or None


def _integration(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "connection_type": told.get("connectionType") or "INTERNET",
        "connection_id": told.get("connectionId"),
        "credentials_arn": told.get("credentials"),
        "description": told.get("description") or "",
        "integration_method": told.get("httpMethod"),
        "integration_type": str(told.get("type") or "").upper(),
        "integration_subtype": told.get("integrationSubtype"),
        "integration_uri": told.get("uri"),
        "payload_format_version": str(told["payloadFormatVersion"]) if "payloadFormatVersion" in told else None,
        "request_parameters": told.get("requestParameters"),
        "timeout_in_millis": told.get("timeoutInMillis"),
    }


def _authorizer(name: str, told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    made = told.get(_AUTHORIZER)
    if not isinstance(made, Mapping):
        return None
    sources = made.get("identitySource") or []
    return {
        "auth_creds_arn": made.get("authorizerCredentials"),
        "auth_payload_format_version": made.get("authorizerPayloadFormatVersion"),
        "auth_result_ttl": made.get("authorizerResultTtlInSeconds"),
        "authorizer_type": "JWT" if str(made.get("type")).lower() == "jwt" else "REQUEST",
        "authorizer_uri": made.get("authorizerUri"),
        "enable_simple_response": made.get("enableSimpleResponses"),
        "identity_source": [each.strip() for each in sources.split(",")] if isinstance(sources, str) else list(sources),
        "identity_validation_expr": None,
        "jwt_config": made.get("jwtConfiguration"),
        "name": name,
    }
