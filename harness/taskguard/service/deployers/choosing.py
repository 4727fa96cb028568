"""Chooses the deployer of a service: the one that is named, else the one that knows a file in the service's folder."""

from __future__ import annotations

from pathlib import Path

from taskguard.errors import ConfigurationError, SetupError
from taskguard.service.config import DeployerName, config_of
from taskguard.service.deployers.base import Deployer
from taskguard.service.deployers.cdk import Cdk
from taskguard.service.deployers.cloudformation import CloudFormation
from taskguard.service.deployers.command import Command
from taskguard.service.deployers.other_tools import what_else
from taskguard.service.deployers.sam import Sam
from taskguard.service.deployers.serverless.deployer import Serverless

DEPLOYERS: tuple[Deployer, ...] = (Serverless(), Sam(), Cdk(), CloudFormation(), Command())


def is_there(service: Path) -> bool:
    """Whether there is a service in this folder, of any kind."""
    return any(each.file_in(service) is not None for each in DEPLOYERS)


def chosen(service: Path, named: DeployerName | None = None) -> Deployer:
    """The deployer of the service in this folder: the one ``named`` by the user, else by the service's taskguard.toml, else the only one
    that knows a file there.

    Raises:
        SetupError: none knows a file there.
        ConfigurationError: several do, and none is named; or the one that is named knows none.
    """
    found = {each: file for each in DEPLOYERS if (file := each.file_in(service)) is not None}
    named = named or config_of(service).deployer
    if named is not None:
        return _named(service, named)
    if not found:
        looks_for = ", ".join(each.looks_for for each in DEPLOYERS)
        raise SetupError(f"looking for a service in {service}: there is no {looks_for}. {what_else(service, is_there)}")
    if len(found) > 1:
        candidates = " or ".join(f"{file} ({each.name})" for each, file in found.items())
        first = next(iter(found)).name
        raise ConfigurationError(
            f"looking for a service in {service}: it may be deployed by {candidates}. Say which with --deployer {first}, or in "
            f'taskguard.toml:\n  [service]\n  deployer = "{first}"'
        )
    return next(iter(found))


def _named(service: Path, name: DeployerName) -> Deployer:
    [deployer] = [each for each in DEPLOYERS if each.name == name]
    if deployer.file_in(service) is None:
        raise ConfigurationError(
            f"deploying {service} with {name}, which was asked for: there is no {deployer.looks_for}. Name another deployer, or none: it "
            "is found by what lies in the folder."
        )
    return deployer
