"""What an HTTP API, or a function's URL, answers a browser that comes from another origin, when it is configured to.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html: preflight requests are answered without any route, and
what the integration says of it is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from taskguard.engine.services.http_api.messages import Incoming, Outgoing

_PREFIX = "access-control-"
_ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Who may ask what. An origin may be ``*``, or end with one, as ``https://*``."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_seconds: int | None = None
    credentials: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any] | None) -> Cors | None:
        """As API Gateway and Lambda have it, whatever the case of its keys; none without."""
        if not told:
            return None
        given = {key.lower(): value for key, value in told.items()}
        age = given.get("maxage")
        return cls(
            origins=tuple(given.get("alloworigins") or ()),
            methods=tuple(given.get("allowmethods") or ()),
            headers=tuple(given.get("allowheaders") or ()),
            exposed=tuple(given.get("exposeheaders") or ()),
            max_age_seconds=int(age) if age is not None else None,
            credentials=str(given.get("allowcredentials")).lower() == "true",
        )


def preflight(cors: Cors, request: Incoming) -> Outgoing | None:
    """The answer to a preflight request; none when this is no such request."""
    method = request.header("access-control-request-method")
    if request.method != "OPTIONS" or method is None or request.header("origin") is None:
        return None
    headers = _of_origin(cors, request)
    if headers:
        headers += _listed("allow-methods", cors.methods)
        headers += _listed("allow-headers", _asked(cors, request))
        if cors.max_age_seconds is not None:
            headers.append((f"{_PREFIX}max-age", str(cors.max_age_seconds)))
    return Outgoing(status=204, headers=tuple(headers), body=b"")


def with_cors(cors: Cors, request: Incoming, answer: Outgoing) -> Outgoing:
    """The answer with what is configured, in place of what the integration says of it."""
    own = [(name, value) for name, value in answer.headers if not name.lower().startswith(_PREFIX)]
    added = _of_origin(cors, request)
    if added:
        added += _listed("expose-headers", cors.exposed)
    return replace(answer, headers=(*own, *added))


def _of_origin(cors: Cors, request: Incoming) -> list[tuple[str, str]]:
    origin = request.header("origin")
    if origin is None:
        return []
    allowed = _ALL if _ALL in cors.origins else origin
    if allowed == origin and not any(fnmatchcase(origin.lower(), each.lower()) for each in cors.origins):
        return []
    headers = [(f"{_PREFIX}allow-origin", allowed)]
    if allowed != _ALL:
        headers.append(("vary", "origin"))
    if cors.credentials:
        headers.append((f"{_PREFIX}allow-credentials", "true"))
    return headers


def _asked(cors: Cors, request: Incoming) -> tuple[str, ...]:
    """The headers that may be sent, of those that were asked for."""
    asked = [each.strip() for each in (request.header("access-control-request-headers") or "").split(",")]
    known = {each.lower() for each in cors.headers}
    return tuple(each for each in asked if each and (_ALL in known or each.lower() in known))


def _listed(name: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(f"{_PREFIX}{name}", ",".join(values))] if values else []
