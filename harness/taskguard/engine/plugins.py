"""The entry points through which LocalStack finds the engine's parts.

Kept apart from the parts, and free of their imports, because LocalStack loads this module to see what there is.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from localstack.runtime.hooks import on_infra_ready, on_infra_start
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.plugins import Service, aws_provider
from plux import PluginSpec

if TYPE_CHECKING:
    from taskguard.engine.functions.executor import ProcessExecutor


def _is_ours() -> bool:
    return "TASKGUARD_ENGINE" in os.environ


def _sees_calls() -> bool:
    from taskguard.engine.settings import EngineSettings

    return _is_ours() and not EngineSettings.from_environment().as_it_comes


class LoopbackServerPlugin(RuntimeServerPlugin):
    """Selected with ``GATEWAY_SERVER=taskguard``."""

    name = "taskguard"

    def load(self, *_args: Any, **_kwargs: Any) -> RuntimeServer:
        from taskguard.engine.server import LoopbackServer

        return LoopbackServer()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Selected with ``LAMBDA_RUNTIME_EXECUTOR=taskguard``."""

    name = "taskguard"

    def load(self, *_args: Any, **_kwargs: Any) -> "type[ProcessExecutor]":
        from taskguard.engine.functions.executor import ProcessExecutor

        return ProcessExecutor


def _provider(api: str, module: str | None = None) -> Any:
    """Selected with ``PROVIDER_OVERRIDE_<API>=taskguard``."""

    def create() -> Service:
        return import_module(f"taskguard.engine.services.{module or api}").create_service()

    return aws_provider(api=api, name="taskguard")(create)


apigateway, dynamodb, dynamodbstreams = map(_provider, ("apigateway", "dynamodb", "dynamodbstreams"))
apigatewayv2 = _provider("apigatewayv2", "http_api.control")


def _resource(kind: str, family: str = "ApiGatewayV2", module: str = "http_api.resources") -> PluginSpec:
    """What CloudFormation makes a type of an API's resources by."""

    def create() -> Any:
        resources = import_module(f"taskguard.engine.services.{module}")
        return import_module("taskguard.engine.services.http_api.resources").Plugin(getattr(resources, kind))

    return PluginSpec("localstack.cloudformation.resource_providers", f"AWS::{family}::{kind}", create)


http_api, http_stage, http_route, http_integration, http_authorizer, http_deployment, http_domain, http_mapping = map(
    _resource, ("Api", "Stage", "Route", "Integration", "Authorizer", "Deployment", "DomainName", "ApiMapping")
)
rest_authorizer = _resource("Authorizer", "ApiGateway", "rest_resources")


@on_infra_start(name="taskguard-flight-recorder", should_load=_sees_calls)
def record_aws_calls() -> None:
    """Let the flight recorder see each AWS call."""
    from localstack.aws.handlers import run_custom_response_handlers, serve_custom_service_request_handlers

    from taskguard.engine.clock.pacer import note_call
    from taskguard.engine.faults import calls
    from taskguard.engine.recorder import stalls
    from taskguard.engine.recorder.flight_recorder import note_arrival, record_answer

    stalls.watch()

    for of_request in (note_call, note_arrival, calls.strike_before):
        serve_custom_service_request_handlers.append(of_request)
    for of_response in (calls.strike_after, record_answer, calls.tell_otherwise):
        run_custom_response_handlers.append(of_response)


@on_infra_start(name="taskguard-preloading", should_load=_sees_calls)
def preload() -> None:
    """Make now, before anybody asks, what would be made at the first request to each service."""
    from taskguard.engine import preloading

    preloading.preload()


@on_infra_ready(name="taskguard-garbage-collection", should_load=_sees_calls)
def expect_work() -> None:
    """Collect garbage as befits an engine at work."""
    from taskguard.engine.patches import garbage_collection

    garbage_collection.expect_work()


@on_infra_ready(name="taskguard-instance", should_load=_is_ours)
def answer_as_instance() -> None:
    """Say whose engine this is, so that a target knows that the one that answers is its own, and why it could not keep all that
    happened, if that is so; and stay when told to."""
    from localstack.services.edge import ROUTER
    from rolo import Request, Response

    from taskguard.engine import ownership
    from taskguard.engine.faults import injector
    from taskguard.engine.functions import available
    from taskguard.engine.recorder.flight_recorder import recorder
    from taskguard.engine.settings import EngineSettings

    token = EngineSettings.from_environment().instance

    def tell(_request: Request) -> Response:
        failure = recorder().failure
        told = None if failure is None else [failure.errno, failure.strerror, failure.filename]
        return Response.for_json({"instance": token, "failure": told})

    def stay(_request: Request) -> Response:
        ownership.released.set()
        return Response.for_json({"instance": token})

    ROUTER.add("/_taskguard/instance", tell, methods=["GET"])
    ROUTER.add("/_taskguard/runtimes", available.tell, methods=["GET"])
    ROUTER.add("/_taskguard/stay", stay, methods=["POST"])
    ROUTER.add("/_taskguard/faults", injector.hand_over, methods=["POST"])
    ROUTER.add("/_taskguard/faults", injector.end_of_stack, methods=["DELETE"])
    ROUTER.add("/_taskguard/faults/<plan_id>", injector.end, methods=["DELETE"])
