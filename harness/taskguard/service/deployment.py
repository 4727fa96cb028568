"""Deploys a service with the deployer that its folder asks for, and finds out what is deployed.

It knows nothing of what the pipeline does, nor of how it is deployed.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.account import lacking, provide
from taskguard.service.config import DeployerName, config_of
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.choosing import chosen
from taskguard.service.discovery import cannot_read, discover
from taskguard.service.ours import stack_name
from taskguard.service.resources import stacks_of
from taskguard.service.stack import Choices, Stack
from taskguard.targets.base import Endpoint

_NOTHING_CHOSEN = Choices()
_ARM = "arm64"


def deploy(
    endpoint: Endpoint,
    stage: str | None,
    *,
    places: Places,
    parameters: Mapping[str, str] | None = None,
    log: Path | None = None,
    abandoned: threading.Event | None = None,
    deployer: DeployerName | None = None,
    code_alone: bool = False,
) -> Stack:
    """Deploy the service in ``places`` to ``stage`` (none: the one that it has where none is named); the rest as for
    :class:`taskguard.service.deployers.base.Job`. It is deployed by the ``deployer`` that is named, else by the one that its folder
    asks for.

    Raises:
        SetupError: when what deploys it cannot be installed, or its deadline is no number.
        ConfigurationError: when it is not clear how to deploy it.
        OtherTemplate: when code alone is to be changed, and more than that differs.
        DeploymentError: when the deploy fails.
    """
    job = _job(endpoint, stage, places, parameters, log, abandoned, code_alone=code_alone)
    config = config_of(places.service)
    provide(endpoint, config)
    try:
        deployed = chosen(places.service, deployer).deploy(job)
    except DeploymentError as error:
        if (what_to_say := lacking(error, places.service, config)) is not None:
            raise DeploymentError(f"{error}\n{what_to_say}") from error
        raise
    stack = read_stack(
        endpoint,
        deployed.stage or job.stage_or_default,
        name=deployed.stack_name,
        choices=config.choices,
    )
    return replace(stack, set_aside=(*deployed.set_aside, *_by_claims(stack), *_for_another_processor(stack, endpoint)))


def at_home(
    endpoint: Endpoint,
    *,
    places: Places,
    stage: str | None = None,
    parameters: Mapping[str, str] | None = None,
    log: Path | None = None,
    abandoned: threading.Event | None = None,
    deployer: DeployerName | None = None,
) -> Endpoint:
    """The endpoint in the region that the service's own files name, where they name one: there it is deployed if the user names none.

    Raises:
        SetupError, ConfigurationError, DeploymentError: as :func:`deploy`.
    """
    job = _job(endpoint, stage, places, parameters, log, abandoned)
    region = chosen(places.service, deployer).region_of(job)
    return endpoint if region is None else endpoint.in_region(region)


def _job(
    endpoint: Endpoint,
    stage: str | None,
    places: Places,
    parameters: Mapping[str, str] | None,
    log: Path | None,
    abandoned: threading.Event | None,
    *,
    code_alone: bool = False,
) -> Job:
    return Job(
        endpoint=endpoint,
        stage=stage,
        places=places,
        parameters=parameters or {},
        log=log,
        abandoned=abandoned or threading.Event(),
        code_alone=code_alone,
    )


def _by_claims(stack: Stack) -> Iterator[str]:
    """A sentence for each way in by tokens: no engine here reaches who issues them."""
    for each in stack.ingresses:
        if each.submit.token is not None:
            issuer = each.submit.token.issuer
            yield (
                f"{each.submit}: tokens of {issuer} count by their claims, for their issuer's keys are not asked for, and tasks come with one of "
                "TaskGuard's own (headers of [ingress] go before it)"
            )


def _for_another_processor(stack: Stack, endpoint: Endpoint) -> Iterator[str]:
    """A sentence for functions that our own engine, which runs them as they are on this machine, runs on another processor than they name."""
    # The other one, x86_64, is also that of a function which names none.
    others = [each.label for each in stack.functions if each.processor == _ARM]
    here = platform.machine()
    if others and endpoint.recording is not None and here.lower() not in (_ARM, "aarch64"):
        yield f"Architectures {_ARM} of {', '.join(others)}: built for and run on this machine's processor, {here}"


def name_of(
    endpoint: Endpoint,
    stage: str,
    *,
    places: Places,
    parameters: Mapping[str, str] | None = None,
    log: Path | None = None,
    deployer: DeployerName | None = None,
) -> str:
    """What the stack is called that :func:`deploy` would make; nothing is deployed.

    Raises:
        SetupError, ConfigurationError, DeploymentError: as :func:`deploy`.
    """
    job = Job(endpoint=endpoint, stage=stage, places=places, parameters=parameters or {}, log=log)
    return chosen(places.service, deployer).name_of(job)


def remove(endpoint: Endpoint, stage: str, *, places: Places, name: str | None = None, log: Path | None = None) -> None:
    """Remove ``stage``, whose stack has this ``name``, and all it holds.

    Raises:
        SetupError, ConfigurationError, DeploymentError: as :func:`deploy`.
    """
    chosen(places.service).remove(Job(endpoint=endpoint, stage=stage, places=places, stack_name=name, log=log))


def is_deployed(endpoint: Endpoint, stage: str, *, name: str | None = None) -> bool:
    """Whether there is such a stage or a stack of it, in whatever state; ``name`` as in :func:`read_stack`.

    Raises:
        DeploymentError: when that cannot be found out.
    """
    return any(_is_there(endpoint, each) for each in stacks_of(name or stack_name(stage)))


def _is_there(endpoint: Endpoint, name: str) -> bool:
    try:
        endpoint.cloudformation().describe_stacks(StackName=name)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationError":
            return False
        raise cannot_read(name, endpoint, error) from error
    return True


def make_sure_is_free(endpoint: Endpoint, stage: str, *, name: str | None = None) -> None:
    """Look before deploying what is to be removed again: a stage that is there already is somebody's.

    Raises:
        DeploymentError: when there is such a stage.
    """
    if is_deployed(endpoint, stage, name=name):
        raise DeploymentError(
            f"deploying stage {stage} to {endpoint.place}: it is there already, and a run ends with removing its stage. "
            "Name another with --stage, or remove that one first, if it is yours."
        )


def read_stack(endpoint: Endpoint, stage: str, *, name: str | None = None, choices: Choices = _NOTHING_CHOSEN) -> Stack:
    """What is deployed on ``stage``. ``name`` is the stack's, or of several stacks
    (:mod:`taskguard.service.resources`); without one it is our own service's. ``choices`` are the user's.

    Raises:
        DiscoveryError: as :func:`taskguard.service.discovery.discover`.
    """
    return discover(endpoint, name or stack_name(stage), stage=stage, choices=choices)


def require_service(places: Places, deployer: DeployerName | None = None) -> None:
    """Look for the service.

    Raises:
        SetupError: when there is none in its folder.
        ConfigurationError: when it is not clear how to deploy it.
    """
    chosen(places.service, deployer)


def get_ready(places: Places, deployer: DeployerName | None = None) -> None:
    """Look for what a deploy needs, and install what can be installed: better missed now than when an engine is up.

    Raises:
        SetupError: when there is no service in its folder, or nothing to deploy it with.
        ConfigurationError: when it is not clear how to deploy it.
    """
    chosen(places.service, deployer).get_ready(places.cache)
