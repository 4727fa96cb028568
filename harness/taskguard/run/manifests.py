"""Finds out what a manifest tells of a run: versions, settings, and digests of what was deployed."""

from __future__ import annotations

import base64
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from taskguard import __version__
from taskguard.contract.draws import Draws
from taskguard.faults.plan import Plan
from taskguard.history import EngineLimit, Manifest
from taskguard.run.running import Run
from taskguard.run.runtimes import runtimes_of, stand_ins_of
from taskguard.service.config import DeployerName
from taskguard.service.deployers.choosing import chosen
from taskguard.service.files import deployed_files, digest_of
from taskguard.service.stack import Stack
from taskguard.service.template_lines import template_lines

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

_NO_CODE = ("package.json",)


def digests_of_service(service: Path, deployer: DeployerName | None = None) -> dict[str, str]:
    """What a deploy by ``deployer`` (none: the one that the folder asks for) sends now: SHA-256, hexadecimal, by the name of a file or
    folder of the service; and of what deploys it."""
    names = [name for name in deployed_files(service) if name not in _NO_CODE]
    return {name: digest_of(service / name) for name in names} | dict(chosen(service, deployer).digests())


def digests_of_stack(run: Run) -> dict[str, str]:
    """What is deployed, where it was not deployed for the run: the SHA-256 of each function's package, hexadecimal."""
    return {
        name: base64.b64decode(configuration["CodeSha256"]).hex() for name, configuration in _functions(run).items()
    }


def manifest_of(
    run: Run,
    tasks: int,
    digests: Mapping[str, str],
    repeat: str | None = None,
    *,
    plan: Plan | None = None,
    tasks_seed: str | None = None,
    ended_early: str | None = None,
    engine_limits: Sequence[EngineLimit] = (),
    fates: Sequence[str] = (),
    service: Path | None = None,
) -> Manifest:
    """The manifest of a run of ``tasks`` tasks that has just ended; ``digests`` are of what was deployed for it, ``repeat`` is
    the command that makes such a run again. ``plan`` is what was broken on purpose, ``tasks_seed`` the seed of the task ids.
    ``ended_early`` says why the run broke off, where it did: then nobody may be there who tells the functions' settings.
    ``engine_limits`` are what the engine has wrong of what the service uses, ``fates`` what the run made of a few tasks.
    ``service`` is the folder of what was deployed."""
    terms, runtimes = run.terms, runtimes_of(run.endpoint, run.stack)
    return Manifest(
        taskguard_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        tasks=tasks,
        target=run.endpoint.target,
        stage=run.stack.stage,
        region=run.stack.region,
        contract=terms.contract,
        dialect=terms.dialect,
        tolerances=terms.tolerances,
        draws=Draws(seed=terms.draws.seed, rate=terms.rate),
        clock_scale=run.endpoint.clock.scale,
        machine_clock_set_seconds=run.machine_clock.set_by_seconds(),
        versions={
            "python": platform.python_version(),
            "boto3": metadata.version("boto3"),
            **dict(run.endpoint.versions),
            **{each.runtime: each.version for each in runtimes},
        },
        settings={} if ended_early else _settings(run),
        digests=digests,
        repeat=repeat,
        faults=tuple(str(fault) for fault in plan.faults) if plan else (),
        fault_seed=plan.seed if plan else None,
        tasks_seed=tasks_seed if tasks_seed != terms.draws.seed else None,
        ended_early=ended_early,
        engine_limits=tuple(engine_limits),
        fates=tuple(fates),
        unsupported=run.stack.unsupported,
        set_aside=run.stack.set_aside,
        stand_ins=stand_ins_of(runtimes, run.stack),
        learnt=run.learnt,
        template=template_lines(service, _names(run.stack)) if service is not None else {},
    )


def _names(stack: Stack) -> set[str]:
    """What the template calls the parts of the stack that a finding may speak of."""
    ids = {each.logical_id for each in (*stack.queues.values(), *stack.beside)}
    ids |= {name for each in stack.functions for name in (each.logical_id, each.label)}
    return (ids | ({stack.table.logical_id} if stack.table is not None else set())) - {""}


def _settings(run: Run) -> dict[str, dict[str, str]]:
    return {
        name: dict(sorted(configuration.get("Environment", {}).get("Variables", {}).items()))
        for name, configuration in _functions(run).items()
    }


def _functions(run: Run) -> dict[str, FunctionConfigurationResponseTypeDef]:
    """Each deployed function's configuration, by its name."""
    names = sorted(each.name for each in run.stack.functions)
    return {name: run.endpoint.functions().get_function_configuration(FunctionName=name) for name in names}
