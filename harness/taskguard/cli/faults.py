"""What ``taskguard grade`` is asked to break on purpose, and a run that it is asked to repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from taskguard.cli.panels import RUN
from taskguard.cli.stack import unset
from taskguard.errors import FaultPlanError, HistoryError
from taskguard.faults.campaigns import CAMPAIGNS, faults_of
from taskguard.faults.kinds import FROM_OUTSIDE
from taskguard.faults.plan import Plan
from taskguard.history import MANIFEST_FILE, Manifest
from taskguard.history.wording import times
from taskguard.ingress.workload import random_seed
from taskguard.run.manifests import digests_of_service
from taskguard.run.stages import Asked
from taskguard.targets.names import TargetName

Faults = Annotated[
    str | None,
    unset(
        help=f"What to break on purpose: faults as docs/faults.md words them, a file of them, or one of {', '.join(CAMPAIGNS)}.",
        rich_help_panel=RUN,
    ),
]
FaultSeed = Annotated[str | None, unset(help="Decides where faults strike (default: a new one).", rich_help_panel=RUN)]
Replay = Annotated[
    Path | None,
    unset(help="Repeat the run in this folder: its tasks, seeds, rate, faults and clock.", rich_help_panel=RUN),
]

_DECIDED_BY_THE_FOLDER = ("tasks", "seed", "tasks_seed", "rate", "faults", "fault_seed", "clock_scale")
_INJECTED_AT = (TargetName.LOCALSTACK, TargetName.RUNNING)
_NOT_DEPLOYED_TO = {
    TargetName.RUNNING: "this checkout's code would replace what is deployed; leave it out (the campaigns stack and all have it)",
    TargetName.AWS: "a stage is used as it is; leave it out",
}


def plan_of(faults: str | None, seed: str | None, target: TargetName) -> Plan | None:
    """The faults that are asked for; none when none are.

    Raises:
        FaultPlanError: they cannot be read.
        typer.BadParameter: a seed without faults, or faults that strike inside an engine which is not ours.
    """
    if faults is None:
        if seed is not None:
            raise typer.BadParameter("--fault-seed decides where faults strike; give --faults too, or leave it out")
        return None
    plan = Plan(seed=seed or random_seed(), faults=faults_of(faults))
    refuse_what_is_not_possible(plan, target)
    return plan


def refuse_what_is_not_possible(plan: Plan, target: TargetName) -> None:
    """On other engines than ours only that can be done which anybody may do from outside, and what somebody else deployed, on AWS
    or by ``taskguard up``, is not deployed again.

    Raises:
        typer.BadParameter: something else is asked for.
    """
    inside = sorted({fault.kind for fault in plan.faults} - FROM_OUTSIDE)
    if inside and target not in _INJECTED_AT:
        raise typer.BadParameter(
            f"--faults: {', '.join(inside)} can only be injected inside LocalStack as a process; with --target {target} "
            f"there are {', '.join(sorted(FROM_OUTSIDE))}"
        )
    if target in _NOT_DEPLOYED_TO and any(fault.kind == "deploy" for fault in plan.faults):
        raise typer.BadParameter(f"--faults: deploy is not for --target {target}, where {_NOT_DEPLOYED_TO[target]}")


def repeated(folder: Path, context: typer.Context, asked: Asked) -> tuple[Asked, tuple[str, ...]]:
    """What is asked for, with all that decided the run in ``folder``; and what has been changed since in the service, of what was
    deployed for it.

    Raises:
        typer.BadParameter: there is no such run, or something is asked for that the folder decides.
    """
    given = [name for name in _DECIDED_BY_THE_FOLDER if _is_given(context, name)]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"--replay repeats a run as it was; leave out {options}")
    try:
        manifest = Manifest.read(folder / MANIFEST_FILE)
        target = TargetName(manifest.target)
        plan = manifest.plan
    except (HistoryError, FaultPlanError, ValueError) as problem:
        raise typer.BadParameter(
            f"--replay {folder}: there is no run in it that could be repeated. {problem}"
        ) from None
    tasks_seed = manifest.tasks_seed or manifest.seed
    if tasks_seed is None:
        raise typer.BadParameter(
            f"--replay {folder}: its tasks came from a seed that was not kept, so they cannot be handed in again"
        )
    if _is_given(context, "target"):
        target = asked.target
    if plan is not None:
        refuse_what_is_not_possible(plan, target)
    now = digests_of_service(asked.places.service, asked.deployer)
    changed = tuple(name for name, digest in manifest.digests.items() if now.get(name, digest) != digest)
    again = replace(
        asked,
        tasks=manifest.tasks,
        seed=manifest.seed,
        tasks_seed=tasks_seed,
        rate=manifest.rate,
        plan=plan,
        clock_scale=manifest.clock_scale,
        target=target,
        region=manifest.region,
    )
    return again, changed


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def told_first(plan: Plan | None, changed: Sequence[str]) -> Iterator[str]:
    """What the user is told before a run of faults, or one that is repeated though something has been changed since."""
    if changed:
        yield f"Since that run there were changes in {', '.join(changed)}"
    if plan is not None:
        kinds = list(dict.fromkeys(fault.kind for fault in plan.faults))
        faults, of = times(len(plan.faults), "fault"), times(len(kinds), "kind")
        yield f"Seed of the faults: {plan.seed}. {faults} of {of} will be injected: {', '.join(kinds)}"
