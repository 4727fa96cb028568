"""What CloudFormation makes HTTP APIs by: a class for each type of resource, over the control plane.

Properties have the names of the control plane's arguments, and are converted to their types: templates have numbers and truths as texts.
What an update takes away is told to be empty, since the control plane leaves what it is not told as it was. One that is gone already is
removed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)


class _Resource(ResourceProvider[dict[str, Any]]):
    """A type of resource: the control plane's word for it, the property that identifies it, and what it tells of itself besides.
    Changing one of what is ``FIXED`` makes it anew; ``EMPTY`` is what stands for what was taken away."""

    KIND: ClassVar[str]
    KEY: ClassVar[str]
    TELLS: ClassVar[tuple[str, ...]] = ()
    FIXED: ClassVar[tuple[str, ...]] = ("ApiId",)
    EMPTY: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        read_only = [f"/properties/{name}" for name in cls.TELLS]
        cls.SCHEMA = {
            "typeName": f"AWS::ApiGatewayV2::{cls.KIND}",
            "primaryIdentifier": [f"/properties/{cls.KEY}"],
            "readOnlyProperties": read_only,
            # LocalStack would take what is referred to for changed when anything of it was.
            "createOnlyProperties": [],
            "properties": {},
        }

    def create(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        told = self._call(request, "Create", request.desired_state)
        return _done(request, {**request.desired_state, **self._of(told)})

    def update(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        before, after = request.previous_state or {}, dict(request.desired_state)
        if self._is_another(before, after):
            self._remove(request, before)
            return self.create(request)
        known = {name: before[name] for name in (self.KEY, *self.TELLS) if name in before}
        removed = {name: empty for name, empty in self.EMPTY.items() if name in before and name not in after}
        self._call(request, "Update", {**removed, **after, **known})
        return _done(request, {**after, **known})

    def delete(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        self._remove(request, request.desired_state)
        return _done(request, {})

    def _is_another(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        return any(before.get(name) != after.get(name) for name in self.FIXED)

    def _remove(self, request: ResourceRequest[dict[str, Any]], state: Mapping[str, Any]) -> None:
        if self.KEY not in state:
            # LocalStack remembers what an update has removed, and removes it again with the stack.
            return
        with suppress(request.aws_client_factory.apigatewayv2.exceptions.NotFoundException):
            self._call(request, "Delete", state)

    def _of(self, told: Mapping[str, Any]) -> dict[str, Any]:
        return {name: told[name] for name in (self.KEY, *self.TELLS) if name in told}

    def _call(self, request: ResourceRequest[dict[str, Any]], verb: str, state: Mapping[str, Any]) -> Mapping[str, Any]:
        client = request.aws_client_factory.apigatewayv2
        shape = client.meta.service_model.operation_model(f"{verb}{self.KIND}").input_shape
        name = {"ApiMapping": "api_mapping", "DomainName": "domain_name"}.get(self.KIND, self.KIND.lower())
        answer: Mapping[str, Any] = getattr(client, f"{verb.lower()}_{name}")(**_converted(state, shape))
        return answer


def _done(request: ResourceRequest[dict[str, Any]], model: dict[str, Any]) -> ProgressEvent[dict[str, Any]]:
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)


def _converted(value: Any, shape: Any) -> Any:
    """The value in the control plane's types; what the plane does not know is left out."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        known = {key: each for key, each in value.items() if key in shape.members and each is not None}
        return {key: _converted(each, shape.members[key]) for key, each in known.items()}
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _converted(each, shape.value) for key, each in value.items()}
    if shape.type_name == "list":
        return [_converted(each, shape.member) for each in (value if isinstance(value, list) else [value])]
    return _PLAIN[shape.type_name](value) if shape.type_name in _PLAIN else value


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "integer": int,
    "long": int,
    "double": float,
    "boolean": lambda value: str(value).lower() == "true",
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
}


class Api(_Resource):
    """An API, which may be described by a document: in the template as ``Body``, or in a bucket."""

    KIND, KEY, TELLS, FIXED = "Api", "ApiId", ("ApiEndpoint",), ("ProtocolType",)
    EMPTY: ClassVar[Mapping[str, Any]] = {"Description": "", "Version": ""}

    def create(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        document = _document(request)
        if document is None:
            return super().create(request)
        told = request.aws_client_factory.apigatewayv2.import_api(Body=document)
        self._rest(request, told["ApiId"])
        return _done(request, {**request.desired_state, **self._of(told)})

    def update(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        before, client = request.previous_state or {}, request.aws_client_factory.apigatewayv2
        document = _document(request)
        if self._is_another(before, request.desired_state):
            return super().update(request)
        if "CorsConfiguration" in before and "CorsConfiguration" not in request.desired_state:
            client.delete_cors_configuration(ApiId=before["ApiId"])
        if document is None:
            return super().update(request)
        client.reimport_api(ApiId=before["ApiId"], Body=document)
        self._rest(request, before["ApiId"])
        return _done(request, {**request.desired_state, **self._of(before)})

    def _rest(self, request: ResourceRequest[dict[str, Any]], api_id: str) -> None:
        """What stands beside a document goes before what stands in it."""
        beside = {key: each for key, each in request.desired_state.items() if key not in ("Body", "BodyS3Location")}
        self._call(request, "Update", {**beside, "ApiId": api_id})


class Stage(_Resource):
    """A stage, known by its name."""

    KIND, KEY, FIXED = "Stage", "StageName", ("ApiId", "StageName")
    EMPTY: ClassVar[Mapping[str, Any]] = {"StageVariables": {}, "AutoDeploy": False, "Description": ""}


class Route(_Resource):
    """A route."""

    KIND, KEY, TELLS = "Route", "RouteId", ("RouteId",)
    EMPTY: ClassVar[Mapping[str, Any]] = {"AuthorizationType": "NONE", "AuthorizerId": ""}


class Integration(_Resource):
    """Where routes lead."""

    KIND, KEY, TELLS = "Integration", "IntegrationId", ("IntegrationId",)
    EMPTY: ClassVar[Mapping[str, Any]] = {"CredentialsArn": "", "RequestParameters": {}, "TimeoutInMillis": 30_000}


class Authorizer(_Resource):
    """Who decides about requests."""

    KIND, KEY, TELLS = "Authorizer", "AuthorizerId", ("AuthorizerId",)
    EMPTY: ClassVar[Mapping[str, Any]] = {"IdentitySource": [], "AuthorizerCredentialsArn": ""}

    def create(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        # Templates need not name any, the control plane wants a list.
        request.desired_state.setdefault("IdentitySource", [])
        return super().create(request)


class Deployment(_Resource):
    """What an API had at a moment. Nothing of it is changed: it is made anew, or stays."""

    KIND, KEY, TELLS, FIXED = "Deployment", "DeploymentId", ("DeploymentId",), ("ApiId", "StageName", "Description")

    def update(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        before = request.previous_state or {}
        if self._is_another(before, request.desired_state):
            return super().update(request)
        return _done(request, {**before, **request.desired_state})


class DomainName(_Resource):
    """A domain of somebody's own. It is kept, and nothing is served there."""

    KIND, KEY, FIXED = "DomainName", "DomainName", ("DomainName",)

    def create(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        made = super().create(request)
        regional = f"d-{request.logical_resource_id.lower()}.execute-api.{request.region_name}.amazonaws.com"
        made.resource_model |= {"RegionalDomainName": regional, "RegionalHostedZoneId": "Z0000000000000"}
        return made

    def update(self, request: ResourceRequest[dict[str, Any]]) -> ProgressEvent[dict[str, Any]]:
        before = request.previous_state or {}
        if self._is_another(before, request.desired_state):
            return super().update(request)
        # moto cannot change one.
        return _done(request, {**before, **request.desired_state})


class ApiMapping(_Resource):
    """A domain's path that leads to an API. It is kept, and nothing is served there."""

    KIND, KEY, TELLS = "ApiMapping", "ApiMappingId", ("ApiMappingId",)
    FIXED = ("ApiId", "DomainName", "Stage", "ApiMappingKey")


def _document(request: ResourceRequest[dict[str, Any]]) -> str | None:
    """The document that describes the API; none without one."""
    body = request.desired_state.get("Body")
    if body is not None:
        return body if isinstance(body, str) else json.dumps(body)
    place = request.desired_state.get("BodyS3Location")
    if not place:
        return None
    found = request.aws_client_factory.s3.get_object(Bucket=place["Bucket"], Key=place["Key"])
    return str(found["Body"].read().decode())


class Plugin(CloudFormationResourceProviderPlugin):
    """How LocalStack finds what makes one type of resource."""

    def __init__(self, made_by: type[ResourceProvider[dict[str, Any]]]) -> None:
        self.name = made_by.SCHEMA["typeName"]
        self.factory: type[ResourceProvider[dict[str, Any]]] | None = None
        self._made_by = made_by

    def load(self, *_args: Any, **_kwargs: Any) -> None:
        self.factory = self._made_by
