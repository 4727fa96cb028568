"""What only our own service has: its stack's name, and the parameters of its ``serverless.yml``.

Nothing else in this package may know of them. The environment variables are those that ``serverless.yml`` gives the consumer.

A service is ours when its ``serverless.yml`` reads the parameter ``failureRate``: that is what these parameters are for, and no
copy or variant of ours lacks it. Whoever's folder it is, the others get none of them, and what they simulate has no seed.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.draws import Draws
from taskguard.errors import DeploymentError
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

SERVICE = "TaskGuard"
SEED = "failureSeed"
"""The parameter that decides which tasks fail: a function is given it as it is, and nothing else follows from it."""
_PARAMETER = "${param:failureRate"


class ApiAuth(StrEnum):
    """What ``serverless.yml``'s parameter ``apiAuth`` may be."""

    NONE = "none"
    API_KEY = "apiKey"  # pragma: allowlist secret
    IAM = "iam"


def is_ours(service: Path) -> bool:
    """Whether the service in this folder takes the parameters of ours."""
    try:
        return _PARAMETER in (service / "serverless.yml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def stack_name(stage: str) -> str:
    """Our stack's name, as Serverless makes it: for a stage of which nothing was packaged here."""
    return f"{SERVICE}-{stage}"


def failure_parameters(seed: str | None, rate: float) -> dict[str, str]:
    """The parameters for failures decided by a seed (none: at random), at a rate."""
    return {"failureRate": str(rate)} | ({SEED: seed} if seed else {})


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


def draws_of(endpoint: Endpoint, stack: Stack, service: Path) -> Draws:
    """The draws of a stage that is there; what is not ours has none that are known.

    Raises:
        DeploymentError: as :func:`failure_settings`.
    """
    if not is_ours(service):
        return Draws()
    seed, rate = failure_settings(endpoint, stack)
    return Draws(seed=seed, rate=rate)


def api_auth_of(stack: Stack) -> ApiAuth:
    """How the API of ``stack`` lets its clients in."""
    route = stack.ingress.submit
    if route.api_key_required:
        return ApiAuth.API_KEY
    return ApiAuth.IAM if route.authorization == "AWS_IAM" else ApiAuth.NONE
