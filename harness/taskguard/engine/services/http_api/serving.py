"""The answers of HTTP APIs: from a request that came in to what its route's function says of it.

A request is routed, let in or not, turned into an event, and the function's answer into a response; a browser's questions about origins
are answered on the way. Beside functions, an SQS queue can be where a route leads.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.utils.urls import localstack_host

from taskguard.engine.services.http_api import queues
from taskguard.engine.services.http_api.answers import answer_of
from taskguard.engine.services.http_api.authorizers import LET_IN, Decision, decided
from taskguard.engine.services.http_api.control import Found, published_of
from taskguard.engine.services.http_api.cors import preflight, with_cors
from taskguard.engine.services.http_api.events import Call, decoded, event_of
from taskguard.engine.services.http_api.functions import (
    FunctionName,
    InvocationError,
    TooLargeError,
    TooLateError,
    invoke,
    lets_gateway,
)
from taskguard.engine.services.http_api.messages import (
    FAILED,
    NOT_FOUND,
    TOO_LARGE,
    UNAVAILABLE,
    Incoming,
    Outgoing,
)
from taskguard.engine.services.http_api.published import LONGEST_SECONDS, Integration, Route, cors_of
from taskguard.engine.services.http_api.routing import DEFAULT, Match, matched

_LARGEST_BODY_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The stage that a request is for; ``path`` is percent-encoded and below it."""

    name: str
    path: str
    variables: Mapping[str, str]


def answer(found: Found, request: Incoming) -> Outgoing:
    """The answer of the API to a request, whose path begins below the API's address."""
    cors = cors_of(found.api)
    if cors is not None and (told := preflight(cors, request)) is not None:
        return told
    answered = _routed(found, request)
    return with_cors(cors, request, answered) if cors is not None else answered


def _routed(found: Found, request: Incoming) -> Outgoing:
    stage = _stage_of(found.api, request.path)
    routes = published_of(found, stage.name).routes if stage is not None else {}
    match = matched(routes, request.method, stage.path) if stage is not None else None
    if stage is None or match is None:
        return NOT_FOUND
    if len(request.body) > _LARGEST_BODY_BYTES:
        return TOO_LARGE
    return _Way(found, stage, match, routes[match.key]).answer(request)


def _stage_of(api: Any, path: str) -> _Stage | None:
    """A named stage is the first part of the path; what begins with none is for the default stage."""
    first, _, rest = path.removeprefix("/").partition("/")
    name, below = (first, f"/{rest}") if first in api.stages else (DEFAULT, path)
    if name not in api.stages:
        return None
    return _Stage(name=name, path=below, variables=dict(api.stages[name].stage_variables or {}))


@dataclass(frozen=True, slots=True)
class _Way:
    """The way of one request through its route."""

    found: Found
    stage: _Stage
    match: Match
    route: Route

    def answer(self, request: Incoming) -> Outgoing:
        call, integration = self._call(request, LET_IN), self.route.integration
        authorizer = self.route.authorizer.id if self.route.authorizer is not None else ""
        decision = decided(self.route, call, f"{self._arn()}/authorizers/{authorizer}", next(self._arns(request)))
        if decision.refusal is not None:
            return decision.refusal
        if integration is None or integration.type != "AWS_PROXY":
            return FAILED
        if integration.subtype == queues.SEND:
            return queues.sent(integration, call, self.found, next(self._arns(request)))
        return self._invoked(integration, self._call(request, decision))

    def _invoked(self, integration: Integration, call: Call) -> Outgoing:
        try:
            function = FunctionName.of(self._with_variables(integration.uri))
            if not integration.has_role and not lets_gateway(function, list(self._arns(call.request))):
                return FAILED
            event = event_of(call, integration.version)
            limit = min(integration.limit_seconds, LONGEST_SECONDS)
            return answer_of(invoke(function, event, limit), integration.version)
        except TooLateError:
            return UNAVAILABLE
        except TooLargeError:
            return TOO_LARGE
        except (InvocationError, ValueError):
            return FAILED

    def _call(self, request: Incoming, decision: Decision) -> Call:
        api_id = self.found.api.api_id
        return Call(
            request=request,
            path=decoded(request.path),
            account=self.found.account,
            api_id=api_id,
            domain=f"{api_id}.execute-api.{localstack_host().host_and_port()}",
            stage=self.stage.name,
            route_key=self.match.key,
            request_id=base64.b64encode(secrets.token_bytes(11)).decode(),
            parameters=self.match.parameters,
            variables=self.stage.variables,
            authorizer=decision.context,
            authorized_by=decision.by,
        )

    def _arn(self) -> str:
        return f"arn:aws:execute-api:{self.found.region}:{self.found.account}:{self.found.api.api_id}"

    def _arns(self, request: Incoming) -> Iterator[str]:
        """What the route is called in policies. Whether variables stand as they are named or as they came, AWS does not say."""
        stage = f"{self._arn()}/{self.stage.name}"
        path = decoded(self.stage.path)
        yield f"{stage}/{request.method}{path}"
        if self.match.key == DEFAULT:
            yield f"{stage}/{DEFAULT}"
            return
        method, _, template = self.match.key.partition(" ")
        yield from (f"{stage}/{request.method}{template}", f"{stage}/{method}{template}", f"{stage}/{method}{path}")

    def _with_variables(self, uri: str) -> str:
        for name, value in self.stage.variables.items():
            uri = uri.replace(f"${{stageVariables.{name}}}", value)
        return uri
