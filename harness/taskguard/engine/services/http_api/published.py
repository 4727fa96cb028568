"""What an HTTP API serves: its routes, where they lead, and who is let in, as plain values.

A stage that deploys by itself serves what its API has just now; another one serves what was there when its deployment was made
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taskguard.engine.services.http_api.cors import Cors

LONGEST_SECONDS = 30.0
"""How long API Gateway waits: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """Where a route leads. ``type`` and ``subtype`` are API Gateway's words; ``parameters`` those of a service that is called itself."""

    type: str
    subtype: str | None
    uri: str
    version: str
    limit_seconds: float = LONGEST_SECONDS
    has_role: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """Who decides about requests: a function, or the claims of a token, which must be of this ``issuer`` and for one ``audience``."""

    id: str
    type: str
    uri: str
    version: str
    answers_simply: bool
    sources: tuple[str, ...]
    has_role: bool
    issuer: str = ""
    audience: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route by its key, as ``POST /tasks``. Of the ``scopes`` a token must have one, if there are any."""

    key: str
    integration: Integration | None
    authorization: str
    authorizer: Authorizer | None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The routes by their keys."""

    routes: Mapping[str, Route]


def published(api: Any) -> Published:
    """What moto's ``api`` has just now."""
    authorizers = {each.id: _authorizer(each) for each in list(api.authorizers.values())}
    integrations = {each.id: _integration(each) for each in list(api.integrations.values())}
    routes = {}
    for each in list(api.routes.values()):
        target = (each.target or "").rpartition("/")[2]
        routes[each.route_key] = Route(
            key=each.route_key,
            integration=integrations.get(target),
            authorization=each.authorization_type or "NONE",
            authorizer=authorizers.get(each.authorizer_id or ""),
            scopes=tuple(each.authorization_scopes or ()),
        )
    return Published(routes=routes)


def cors_of(api: Any) -> Cors | None:
    return Cors.of(api.cors_configuration)


def _integration(told: Any) -> Integration:
    milliseconds = told.timeout_in_millis
    return Integration(
        type=told.integration_type or "",
        subtype=told.integration_subtype,
        uri=told.integration_uri or "",
        version=told.payload_format_version or "1.0",
        limit_seconds=int(milliseconds) / 1000 if milliseconds else LONGEST_SECONDS,
        has_role=bool(told.credentials_arn),
        parameters=dict(told.request_parameters or {}),
    )


def _authorizer(told: Any) -> Authorizer:
    sources = told.identity_source or ()
    asked = told.jwt_config or {}
    return Authorizer(
        id=told.id,
        type=told.authorizer_type or "",
        uri=told.authorizer_uri or "",
        version=told.auth_payload_format_version or "2.0",
        answers_simply=str(told.enable_simple_response).lower() == "true",
        sources=tuple(sources.split(",") if isinstance(sources, str) else sources),
        has_role=bool(told.auth_creds_arn),
        issuer=str(_of_either(asked, "issuer") or ""),
        audience=tuple(map(str, _of_either(asked, "audience") or ())),
    )


def _of_either(told: Mapping[str, Any], name: str) -> Any:
    """A part by its name, which a document writes in small letters and the API does not."""
    return told.get(name, told.get(name.capitalize()))
