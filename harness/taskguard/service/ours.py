"""What only our own service has: its stack's name, and the parameters of its ``serverless.yml``.

Nothing else in this package may know of them. The environment variables are those that ``serverless.yml`` gives the consumer.
"""

from __future__ import annotations

from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import DeploymentError
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

SERVICE = "TaskGuard"


class ApiAuth(StrEnum):
    """What ``serverless.yml``'s parameter ``apiAuth`` may be."""

    NONE = "none"
    API_KEY = "apiKey"  # pragma: allowlist secret
    IAM = "iam"


def stack_name(stage: str) -> str:
    """The CloudFormation stack's name, as Serverless makes it."""
    return f"{SERVICE}-{stage}"


def failure_parameters(seed: str | None, rate: float) -> dict[str, str]:
    """The parameters for failures decided by a seed (none: at random), at a rate."""
    return {"failureRate": str(rate)} | ({"failureSeed": seed} if seed else {})


def auth_parameters(api_auth: ApiAuth | None) -> dict[str, str]:
    """The parameters for who may call the API; none when that is left to ``serverless.yml``."""
    return {"apiAuth": str(api_auth)} if api_auth is not None else {}


def failure_settings(endpoint: Endpoint, stack: Stack) -> tuple[str | None, float]:
    """The seed and the rate that ``stack`` was deployed with, as its consumer's configuration has them.

    Raises:
        DeploymentError: when they cannot be read.
    """
    name = " and ".join(stack.work_queue.consumers)
    try:
        variables = endpoint.functions().get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        return variables.get("FAILURE_SEED") or None, float(variables["FAILURE_RATE"])
    except (ClientError, BotoCoreError, KeyError, ValueError) as error:
        raise DeploymentError(
            f"reading the failure settings of {name} at {endpoint.place}: {error!r}. "
            "Was it deployed from this project's serverless.yml?"
        ) from error


def api_auth_of(stack: Stack) -> ApiAuth:
    """How the API of ``stack`` lets its clients in."""
    route = stack.ingress.submit
    if route.api_key_required:
        return ApiAuth.API_KEY
    return ApiAuth.IAM if route.authorization == "AWS_IAM" else ApiAuth.NONE


def parameters_of(endpoint: Endpoint, stack: Stack) -> dict[str, str]:
    """The parameters that the stack was deployed with, read back from where it is: all but ``alarmTopicArn``, with which no
    run deploys."""
    [name] = stack.work_queue.consumers
    configuration = endpoint.functions().get_function_configuration(FunctionName=name)
    variables = configuration.get("Environment", {}).get("Variables", {})
    found = {
        "failureRate": variables.get("FAILURE_RATE", ""),
        "failureSeed": variables.get("FAILURE_SEED", ""),
        "backoffBaseSeconds": variables.get("BACKOFF_BASE_SECONDS", ""),
        "backoffFactor": variables.get("BACKOFF_FACTOR", ""),
        "tracing": "true" if configuration.get("TracingConfig", {}).get("Mode") == "Active" else "",
        "apiAuth": str(api_auth_of(stack)),
        "apiKeys": ",".join(_key_names(endpoint, stack)),
    }
    return {parameter: value for parameter, value in found.items() if value}


def _key_names(endpoint: Endpoint, stack: Stack) -> list[str]:
    """What the stack's API keys were called in the parameter, the first one, whose id is an output for people, in front."""
    if not stack.ingress.api.key_ids:
        return []
    description = endpoint.cloudformation().describe_stacks(StackName=stack.name)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description.get("Outputs", [])}
    ids = sorted(stack.ingress.api.key_ids, key=lambda each: each != outputs.get("ApiKeyId"))
    return [endpoint.apigateway().get_api_key(apiKey=each)["name"].removeprefix(f"{stack.name}-") for each in ids]
