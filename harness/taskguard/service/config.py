"""`taskguard.toml`, beside a service: which contract it is judged by, which part of it is which, and by which words it speaks of tasks.

All of it is optional, and so is the file. It must not know what is deployed, nor what a run did.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from taskguard.contract.contract import Contract
from taskguard.contract.dialect import BUILT_IN, Dialect
from taskguard.contract.draws import Draws
from taskguard.contract.files import AS_DEPLOYED, contract_named
from taskguard.contract.terms import Terms
from taskguard.contract.tolerances import Tolerances
from taskguard.errors import ConfigurationError
from taskguard.service.stack import Choices
from taskguard.support.typed import Refused, Strict, nearest, parsed_toml, sentence, typed, unreadable, untyped

CONFIG_FILE = "taskguard.toml"
_TABLES = ("ingress", "message", "record", "log")
"""Those that hold words of the dialect; each is called there as in the file."""


class DeployerName(StrEnum):
    """How a service is deployed: by what kind of infrastructure as code."""

    SERVERLESS = "serverless"
    SAM = "sam"
    CLOUDFORMATION = "cloudformation"
    CDK = "cdk"
    COMMAND = "command"


class Config(Strict, frozen=True, kw_only=True):
    """What a service's file says, with what holds where it says nothing. ``contract`` is named as in the file, ``choices`` decide which queue, table and route are meant,
    ``deployer`` says how it is deployed (none: by what lies in the folder), by which command (``deploy``), from which ``template`` (none:
    one of a usual name), with which ``parameters``, and ``without_plugins`` of these names; ``environment`` is for what deploys it; ``ssm``, ``secrets``, ``outputs`` and ``exports`` are the values of parameters,
    secrets, other stacks' outputs (`stack.Output`) and exports that its account is to have beside the stack, by name; ``stage`` is the stage where none is asked for (none: any), and ``failure_rate`` the
    variable of its functions' environment that holds the rate of the failures that it simulates (none: it simulates none, or nobody said)."""

    contract: str
    dialect: Dialect
    choices: Choices = Choices()
    deployer: DeployerName | None = None
    deploy: str | None = None
    template: str | None = None
    parameters: Mapping[str, str] = {}
    without_plugins: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    ssm: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}
    exports: Mapping[str, str] = {}
    stage: str | None = None
    failure_rate: str | None = None


def config_of(folder: Path) -> Config:
    """What the file in the service's ``folder`` says.

    Raises:
        ConfigurationError: it cannot be read; names the file and the place.
    """
    path = folder / CONFIG_FILE
    try:
        document = parsed_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Reading {path}: {unreadable(error)}.") from error
    except Refused as refused:
        raise ConfigurationError(f"Reading {path}: {sentence(refused)}") from None
    try:
        file = typed(_File, document)
        dialect, service = _dialect(file), file.service
        return Config(
            contract=file.contract,
            dialect=dialect,
            choices=Choices(
                work_queue=service.work_queue,
                table=service.table,
                route=dialect.ingress.route,
                records=dialect.record is not None,
            ),
            deployer=service.deployer or (DeployerName.COMMAND if service.deploy else None),
            deploy=service.deploy,
            template=service.template,
            parameters=service.parameters,
            without_plugins=service.without_plugins,
            environment=service.environment,
            ssm=service.ssm,
            secrets=service.secrets,
            outputs=service.outputs,
            exports=service.exports,
            stage=service.stage,
            failure_rate=service.failure_rate,
        )
    except Refused as refused:
        raise ConfigurationError(f"Reading {path}: {sentence(refused)} docs/contract.md has all keys.") from None


def terms_of(
    folder: Path, draws: Draws, tolerances: Tolerances | None = None, contract: Contract | None = None
) -> Terms:
    """The terms on which a run of the service in ``folder`` is judged: by this ``contract``, or by the one that its file names, by a path
    from there where it is no built-in one.

    Raises:
        ConfigurationError: its file, or the contract that this names, cannot be read.
    """
    config = config_of(folder)
    return Terms(
        contract=contract or contract_named(config.contract, folder),
        dialect=config.dialect,
        tolerances=tolerances or Tolerances(),
        draws=draws,
    )


class _Service(Strict, frozen=True, kw_only=True):
    """The file's table of what the service is made of, and how it is deployed."""

    work_queue: str | None = None
    table: str | None = None
    deployer: DeployerName | None = None
    deploy: str | None = None
    template: str | None = None
    parameters: Mapping[str, str] = {}
    without_plugins: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    ssm: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {}
    exports: Mapping[str, str] = {}
    stage: str | None = None
    failure_rate: str | None = None

    def __post_init__(self) -> None:
        if nameless := [name for name in self.outputs if not all(name.rpartition("."))]:
            raise ValueError(f'outputs are named as "stack.Output", not "{nameless[0]}"')


class _File(Strict, frozen=True, kw_only=True):
    """The file, as it is written."""

    contract: str = AS_DEPLOYED
    dialect: str | None = None
    service: _Service = _Service()
    ingress: Mapping[str, Any] = {}
    message: Mapping[str, Any] = {}
    record: Mapping[str, Any] = {}
    log: Mapping[str, Any] = {}


def _dialect(file: _File) -> Dialect:
    """The dialect that the file names, with what it states itself."""
    if file.dialect is not None and file.dialect not in BUILT_IN:
        raise Refused(f'dialect: there is no "{file.dialect}"; {nearest(file.dialect, BUILT_IN)}')
    dialect = BUILT_IN[file.dialect] if file.dialect is not None else Dialect()
    stated: dict[str, Any] = {}
    for name in _TABLES:
        if given := getattr(file, name):
            stated[name] = {**(untyped(getattr(dialect, name)) or {}), **given}
    completed = typed(Dialect, stated)
    return msgspec.structs.replace(dialect, **{name: getattr(completed, name) for name in stated})
