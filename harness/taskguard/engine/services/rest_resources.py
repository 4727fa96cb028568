"""What CloudFormation makes the authorizers of REST APIs by, which LocalStack's community edition has no part for: a method that names
one could not be made either, and no such stack be deployed.

It must not know how an authorizer is asked (:mod:`taskguard.engine.services.rest_authorizers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

_ID = "AuthorizerId"
_ARGUMENTS: Mapping[str, str] = {
    "RestApiId": "restApiId",
    "Name": "name",
    "Type": "type",
    "ProviderARNs": "providerARNs",
    "AuthType": "authType",
    "AuthorizerUri": "authorizerUri",
    "AuthorizerCredentials": "authorizerCredentials",
    "IdentitySource": "identitySource",
    "IdentityValidationExpression": "identityValidationExpression",
    "AuthorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
}
"""The arguments of ``CreateAuthorizer`` by the names of properties."""
_MADE_ANEW = ("RestApiId", "ProviderARNs")

_State = dict[str, Any]


class Authorizer(ResourceProvider[_State]):
    """An authorizer, known by its id."""

    SCHEMA = {  # noqa: RUF012  as its base class has it
        "typeName": "AWS::ApiGateway::Authorizer",
        "primaryIdentifier": [f"/properties/{_ID}"],
        "readOnlyProperties": [f"/properties/{_ID}"],
        "createOnlyProperties": [],
        "properties": {},
    }

    def create(self, request: ResourceRequest[_State]) -> ProgressEvent[_State]:
        wanted = {_ARGUMENTS[name]: value for name, value in request.desired_state.items() if name in _ARGUMENTS}
        if (seconds := wanted.get("authorizerResultTtlInSeconds")) is not None:
            wanted["authorizerResultTtlInSeconds"] = int(seconds)
        made = request.aws_client_factory.apigateway.create_authorizer(**wanted)
        return _done(request, {**request.desired_state, _ID: made["id"]})

    def update(self, request: ResourceRequest[_State]) -> ProgressEvent[_State]:
        before, after = request.previous_state or {}, request.desired_state
        if any(before.get(name) != after.get(name) for name in _MADE_ANEW):
            self._remove(request, before)
            return self.create(request)
        changes: Any = [
            {"op": "replace", "path": f"/{argument}", "value": str(after.get(name, ""))}
            for name, argument in _ARGUMENTS.items()
            if before.get(name) != after.get(name)
        ]
        client = request.aws_client_factory.apigateway
        client.update_authorizer(restApiId=before["RestApiId"], authorizerId=before[_ID], patchOperations=changes)
        return _done(request, {**after, _ID: before[_ID]})

    def delete(self, request: ResourceRequest[_State]) -> ProgressEvent[_State]:
        self._remove(request, request.desired_state)
        return _done(request, {})

    def _remove(self, request: ResourceRequest[_State], state: _State) -> None:
        client = request.aws_client_factory.apigateway
        # Its API may be gone already.
        with suppress(client.exceptions.NotFoundException):
            if _ID in state:
                client.delete_authorizer(restApiId=state["RestApiId"], authorizerId=state[_ID])


def _done(request: ResourceRequest[_State], model: _State) -> ProgressEvent[_State]:
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)
