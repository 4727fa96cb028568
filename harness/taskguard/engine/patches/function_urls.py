"""LocalStack: the URLs of functions are served below the engine's own address, as Lambda documents, and can be changed by CloudFormation.

LocalStack's addresses need a name server. It asks nobody for permission, encodes text that is not ASCII, keeps what CORS is configured to from
browsers' requests, and leaves a URL as it was when a template changes it. The serving itself is in
:mod:`taskguard.engine.services.function_urls`.

Needed until LocalStack does all of that: ``tests/engine/test_function_urls.py`` fails without it.
"""

from typing import Any

from localstack.aws.handlers import cors
from localstack.http import Request, Response
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceRequest
from localstack.services.lambda_ import provider
from localstack.services.lambda_.invocation.lambda_models import FunctionUrlConfig
from localstack.services.lambda_.resource_providers.aws_lambda_url import LambdaUrlProvider
from localstack.services.lambda_.urlrouter import FunctionUrlRouter

from taskguard.engine.services import function_urls
from taskguard.engine.services.http_api import wire

_PARTS_BELOW = 3
_CHANGED = ("AuthType", "Cors", "InvokeMode")


def apply() -> None:
    FunctionUrlRouter.handle_lambda_url_invocation = _serve
    register = FunctionUrlRouter.register_routes

    def register_below(router: FunctionUrlRouter) -> None:
        if not router.registered:
            for path in ("<api_id>", "<api_id>/", "<api_id>/<path:path>"):
                router.router.add(function_urls.ADDRESS + path, endpoint=router.handle_lambda_url_invocation)
        register(router)

    FunctionUrlRouter.register_routes = register_below
    provider.FunctionUrlConfig = _served_here
    LambdaUrlProvider.update = _update
    _let_services_answer_browsers()


def _serve(_router: FunctionUrlRouter, request: Request, api_id: str, **_: Any) -> Response:
    cut = _PARTS_BELOW if request.path.startswith(function_urls.ADDRESS) else 0
    return wire.response(function_urls.answer(api_id, wire.incoming(request, cut)))


def _served_here(**fields: Any) -> FunctionUrlConfig:
    return FunctionUrlConfig(**{**fields, "url": function_urls.address(fields["url_id"])})


def _update(_provider: LambdaUrlProvider, request: ResourceRequest[Any]) -> ProgressEvent[Any]:
    before, model = request.previous_state or {}, dict(request.desired_state)
    changes = {name: model[name] for name in _CHANGED if name in model}
    if "Cors" in before and "Cors" not in model:
        changes["Cors"] = {}
    qualifier = {"Qualifier": model["Qualifier"]} if model.get("Qualifier") else {}
    told = request.aws_client_factory.lambda_.update_function_url_config(
        FunctionName=model["TargetFunctionArn"], **qualifier, **changes
    )
    model |= {"FunctionArn": told["FunctionArn"], "FunctionUrl": told["FunctionUrl"]}
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)


def _let_services_answer_browsers() -> None:
    """LocalStack answers browsers of other origins itself, but at APIs, where the API does."""
    is_api = cors.is_execute_api_call

    def is_api_or_url(context: Any) -> bool:
        path, host = context.request.path, context.request.host
        return bool(is_api(context) or path.startswith(function_urls.ADDRESS) or ".lambda-url." in host)

    cors.is_execute_api_call = is_api_or_url
