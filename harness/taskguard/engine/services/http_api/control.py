"""The control plane of HTTP APIs: moto's, with what moto lacks.

moto keeps APIs, routes, integrations, authorizers and stages. Here stages can be changed, deployments are made, authorizers are listed, APIs
are made of OpenAPI documents, and an API's endpoint is the address at which this engine serves it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.moto import call_moto
from localstack.services.plugins import Service
from localstack.utils.urls import localstack_host
from moto.apigatewayv2.models import Api, Stage, apigatewayv2_backends

from taskguard.engine.services.http_api import openapi
from taskguard.engine.services.http_api.published import Published, published
from taskguard.engine.services.http_api.routing import DEFAULT

ADDRESS = "/_aws/execute-api/"
"""Below it stands an API's id, and below that its paths."""


@dataclass(frozen=True, slots=True)
class Found:
    """An API of moto's, and where it is."""

    account: str
    region: str
    api: Any


@dataclass(frozen=True, slots=True)
class _Deployment:
    id: str
    description: str
    made_at: datetime
    serves: Published

    def told(self) -> dict[str, Any]:
        return {
            "AutoDeployed": False,
            "CreatedDate": self.made_at,
            "DeploymentId": self.id,
            "DeploymentStatus": "DEPLOYED",
            "Description": self.description,
        }


_deployments: dict[str, dict[str, _Deployment]] = {}
"""By the ids of APIs, and their own."""


def create_service() -> Service:
    model = load_service("apigatewayv2")
    own = {
        "CreateApi": _create_api,
        "DeleteApi": _delete_api,
        "ImportApi": _import_api,
        "ReimportApi": _reimport_api,
        "CreateStage": _create_stage,
        "UpdateStage": _update_stage,
        "GetAuthorizers": _get_authorizers,
        "CreateDeployment": _create_deployment,
        "GetDeployment": _get_deployment,
        "GetDeployments": _get_deployments,
        "DeleteDeployment": _delete_deployment,
    }
    by_moto = {name: lambda context, _: call_moto(context) for name in model.operation_names if name in _MOTOS}
    return Service(name="apigatewayv2", skeleton=Skeleton(model, by_moto | own))


_MOTOS = frozenset(
    f"{verb}{kind}"
    for verb, kinds in {
        "Create": (
            "ApiMapping Authorizer DomainName Integration IntegrationResponse Model Route RouteResponse VpcLink"
        ),
        "Delete": (
            "ApiMapping Authorizer CorsConfiguration DomainName Integration IntegrationResponse Model Route "
            "RouteRequestParameter RouteResponse Stage VpcLink"
        ),
        "Get": (
            "Api Apis ApiMapping ApiMappings Authorizer DomainName DomainNames Integration IntegrationResponse "
            "IntegrationResponses Integrations Model Route RouteResponse Routes Stage Stages Tags VpcLink VpcLinks"
        ),
        "Update": "Api Authorizer Integration IntegrationResponse Model Route VpcLink",
        "Tag": "Resource",
        "Untag": "Resource",
    }.items()
    for kind in kinds.split()
)
"""The operations that moto answers."""


def find(api_id: str) -> Found | None:
    """The API with this id, in any account and region; none when there is none."""
    for account, regions in list(apigatewayv2_backends.items()):
        for region, backend in list(regions.items()):
            if (api := backend.apis.get(api_id)) is not None:
                return Found(account, region, api)
    return None


def published_of(found: Found, stage: str) -> Published:
    """What a stage serves; nothing, as long as nothing has been deployed to it."""
    config = found.api.stages[stage].config
    if _is_true(config.get("autoDeploy")):
        return published(found.api)
    made = _deployments.get(found.api.api_id, {}).get(config.get("deploymentId") or "")
    return made.serves if made is not None else Published(routes={})


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _backend(context: RequestContext) -> Any:
    return apigatewayv2_backends[context.account_id][context.region]


def _api(context: RequestContext, request: Mapping[str, Any]) -> Any:
    api = _backend(context).apis.get(request["ApiId"])
    if api is None:
        raise _not_found("API", request["ApiId"])
    return api


def _not_found(kind: str, name: str) -> CommonServiceException:
    return CommonServiceException("NotFoundException", f"Unable to find {kind} with id {name}", status_code=404)


def _lower(value: Any) -> Any:
    """As moto has it: keys that begin with a small letter."""
    if isinstance(value, Mapping):
        return {f"{key[:1].lower()}{key[1:]}": _lower(each) for key, each in value.items()}
    return value


def _create_api(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    told = call_moto(context)
    api = _backend(context).apis[told["ApiId"]]
    api.api_endpoint = _address(api.api_id)
    if request.get("Target"):
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html: made quickly, with a default stage.
        _route_to(api, request["Target"], request.get("RouteKey") or DEFAULT, request.get("CredentialsArn"))
    return {**told, "ApiEndpoint": api.api_endpoint}


def _address(api_id: str) -> str:
    return f"http://{localstack_host().host_and_port()}{ADDRESS}{api_id}"


def _route_to(api: Any, target: str, key: str, role: str | None) -> None:
    is_function = ":lambda:" in target
    integration = api.create_integration(
        connection_type="INTERNET",
        description="",
        integration_method="POST" if is_function else "ANY",
        integration_type="AWS_PROXY" if is_function else "HTTP_PROXY",
        integration_uri=target,
        credentials_arn=role,
        payload_format_version="2.0" if is_function else "1.0",
    )
    api.create_route(
        api_key_required=False, authorization_scopes=[], route_key=key, target=f"integrations/{integration.id}"
    )
    api.create_stage({"stageName": DEFAULT, "autoDeploy": True})


def _delete_api(context: RequestContext, request: Mapping[str, Any]) -> None:
    _api(context, request)
    call_moto(context)
    _deployments.pop(request["ApiId"], None)


def _import_api(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    made = _document(request)
    api = _backend(context).create_api(
        api_key_selection_expression="",
        cors_configuration=None,
        description=made.description,
        disable_schema_validation=False,
        disable_execute_api_endpoint=False,
        name=made.name,
        protocol_type="HTTP",
        route_selection_expression="",
        tags={},
        version=made.version,
    )
    api.api_endpoint = _address(api.api_id)
    return _filled(api, made)


def _reimport_api(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return _filled(_api(context, request), _document(request))


def _document(request: Mapping[str, Any]) -> openapi.ImportedApi:
    try:
        return openapi.read(request["Body"])
    except ValueError as error:
        raise CommonServiceException("BadRequestException", str(error), status_code=400, sender_fault=True) from error


def _filled(api: Api, made: openapi.ImportedApi) -> Mapping[str, Any]:
    """The API with what the document describes, in place of the routes that it had. Its stages stay."""
    for kept in (api.routes, api.integrations, api.authorizers):
        kept.clear()
    api.name, api.description, api.version = made.name, made.description, made.version
    api.cors_configuration = made.cors
    authorizers = {name: api.create_authorizer(**each) for name, each in made.authorizers.items()}
    for route in made.routes:
        target = ""
        if route.integration is not None:
            target = f"integrations/{api.create_integration(**route.integration).id}"
        by = authorizers.get(route.authorizer or "")
        api.create_route(
            api_key_required=False,
            authorization_scopes=list(route.scopes),
            route_key=route.key,
            target=target,
            authorization_type=_authorization(by, route.authorizer),
            authorizer_id=by.id if by is not None else None,
        )
    told = {"ApiId": api.api_id, "ApiEndpoint": api.api_endpoint, "Name": api.name, "ProtocolType": api.protocol_type}
    return {**told, "Description": api.description, "Version": api.version}


def _authorization(authorizer: Any, name: str | None) -> str:
    if authorizer is not None:
        return "JWT" if authorizer.authorizer_type == "JWT" else "CUSTOM"
    return "NONE" if name in (None, "NONE") else "AWS_IAM"


def _create_stage(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    api = _api(context, request)
    if request["StageName"] in api.stages:
        raise CommonServiceException("ConflictException", "Stage already exists", status_code=409, sender_fault=True)
    return {**call_moto(context), "DeploymentId": request.get("DeploymentId")}


def _update_stage(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    api, name = _api(context, request), request["StageName"]
    if name not in api.stages:
        raise _not_found("Stage", name)
    changes = {key: value for key, value in request.items() if key not in ("ApiId", "StageName")}
    stage = api.stages[name] = Stage(api, {**api.stages[name].config, **_shallow(changes)})
    return {
        "StageName": name,
        "AutoDeploy": _is_true(stage.auto_deploy),
        "DeploymentId": stage.config.get("deploymentId"),
        "StageVariables": stage.stage_variables,
    }


def _shallow(changes: Mapping[str, Any]) -> dict[str, Any]:
    # The keys of stage variables and of routes' settings are their author's.
    kept = ("StageVariables", "RouteSettings", "Tags")
    return {f"{key[:1].lower()}{key[1:]}": each if key in kept else _lower(each) for key, each in changes.items()}


def _get_authorizers(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    made = [each.to_json() for each in _api(context, request).authorizers.values()]
    return {
        "Items": [_capitalised(each | {"jwtConfiguration": _capitalised(each["jwtConfiguration"])}) for each in made]
    }


def _capitalised(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if told is None:
        return None
    return {f"{name[:1].upper()}{name[1:]}": each for name, each in told.items() if each is not None}


def _create_deployment(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    api = _api(context, request)
    made = _Deployment(secrets.token_hex(3), request.get("Description") or "", datetime.now(UTC), published(api))
    _deployments.setdefault(api.api_id, {})[made.id] = made
    if (name := request.get("StageName")) is not None:
        if name not in api.stages:
            raise _not_found("Stage", name)
        api.stages[name] = Stage(api, {**api.stages[name].config, "deploymentId": made.id})
    return made.told()


def _deployment(context: RequestContext, request: Mapping[str, Any]) -> _Deployment:
    found = _deployments.get(_api(context, request).api_id, {}).get(request["DeploymentId"])
    if found is None:
        raise _not_found("Deployment", request["DeploymentId"])
    return found


def _get_deployment(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return _deployment(context, request).told()


def _get_deployments(context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Items": [each.told() for each in _deployments.get(_api(context, request).api_id, {}).values()]}


def _delete_deployment(context: RequestContext, request: Mapping[str, Any]) -> None:
    _deployments[request["ApiId"]].pop(_deployment(context, request).id)
