"""LocalStack: CloudFormation can change a stage of a REST API.

It says that it cannot, and goes on: after an update the stage has the former deployment, which the update removes, and none of the API's
methods is there any more.

Needed until LocalStack can: ``tests/engine/test_rest_apis.py`` fails without it.
"""

from typing import Any

from localstack.services.apigateway.resource_providers.aws_apigateway_stage import ApiGatewayStageProvider
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceRequest


def apply() -> None:
    ApiGatewayStageProvider.update = _update


def _update(provider: ApiGatewayStageProvider, request: ResourceRequest[Any]) -> ProgressEvent[Any]:
    before, after = request.previous_state or {}, request.desired_state
    after.setdefault("StageName", before.get("StageName", "default"))
    if any(before.get(name) != after.get(name) for name in ("RestApiId", "StageName")):
        return provider.create(request)
    variables = {**dict.fromkeys(before.get("Variables") or {}), **(after.get("Variables") or {})}
    changes: Any = [
        {"op": "replace", "path": "/deploymentId", "value": after["DeploymentId"]},
        *(
            {"op": "remove", "path": f"/variables/{name}"}
            if value is None
            else {"op": "replace", "path": f"/variables/{name}", "value": str(value)}
            for name, value in variables.items()
        ),
    ]
    client = request.aws_client_factory.apigateway
    client.update_stage(restApiId=after["RestApiId"], stageName=after["StageName"], patchOperations=changes)
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=after, custom_context=request.custom_context)
