"""``taskguard grade``: deploy, run, judge, report."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from taskguard import session
from taskguard.cli import faults as asked_faults
from taskguard.cli.judge import AsJson, Quiet, Verbose, a_console, show
from taskguard.cli.no_grade import telling_programs
from taskguard.cli.panels import PLACE, RUN, SHOWN
from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import (
    ApiAuthOption,
    ClockScale,
    ContractOption,
    DeployerOption,
    Rate,
    Region,
    SandboxOption,
    ServiceFolder,
    Tasks,
    refuse_parameters,
    unset,
)
from taskguard.cli.summary import SummaryOption, name_of, telling_failures
from taskguard.contract.draws import DEFAULT_RATE
from taskguard.contract.files import contract_named
from taskguard.ingress.workload import random_seed
from taskguard.places import Places
from taskguard.reports.files import write_reports
from taskguard.reports.summary import append, summary_of_run
from taskguard.run.events import Graded, SessionEvent, phase
from taskguard.run.not_made import keeping_why
from taskguard.run.stages import Asked
from taskguard.run.timings import Timings, slowest_schedule_seconds
from taskguard.service.config import config_of
from taskguard.service.deployers.choosing import is_there
from taskguard.service.deployment import require_service
from taskguard.service.kept import RunningStack
from taskguard.service.ours import is_ours
from taskguard.service.sandboxing import is_sandboxed
from taskguard.support.this_command import runnable
from taskguard.targets.names import HELP, TargetName


def grade(
    context: typer.Context,
    service: ServiceFolder = Path(),
    tasks: Tasks = 30,
    seed: Annotated[
        str | None,
        unset(
            help="Of the example service alone: decides which attempts fail (default: a new one; an empty one makes failures random).",
            rich_help_panel=RUN,
        ),
    ] = None,
    tasks_seed: Annotated[
        str | None,
        unset(
            help="Decides the ids of the tasks, so that a run can be repeated (default: as --seed, or a new one).",
            rich_help_panel=RUN,
        ),
    ] = None,
    rate: Rate = None,
    contract: ContractOption = None,
    out: Annotated[
        Path | None,
        unset(help="The folder for the run, new or empty (default: a new one in runs/).", rich_help_panel=SHOWN),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave the engine and the stack running, as taskguard up does.", rich_help_panel=PLACE
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port for the engine; 0 takes a free one.", rich_help_panel=PLACE)
    ] = 0,
    target: Annotated[
        TargetName,
        typer.Option(
            help="Where the service runs. " + " ".join(f"{name}: {what}." for name, what in HELP.items()),
            rich_help_panel=PLACE,
        ),
    ] = TargetName.LOCALSTACK,
    endpoint_url: Annotated[
        str | None, unset(help="The address of the engine, with --target endpoint.", rich_help_panel=PLACE)
    ] = None,
    stage: Annotated[
        str | None,
        unset(
            help="The stage (default: dev; on an engine that others started, one of the run's own).",
            rich_help_panel=PLACE,
        ),
    ] = None,
    region: Region = None,
    allow_production: Annotated[
        bool,
        typer.Option(
            "--allow-production",
            help="With --target aws: allow a stage whose name looks like production.",
            rich_help_panel=PLACE,
        ),
    ] = False,
    clock_scale: ClockScale = 1.0,
    api_auth: ApiAuthOption = None,
    sandbox: SandboxOption = None,
    deployer: DeployerOption = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Start an engine for this run even if one is up (taskguard up).", rich_help_panel=PLACE
        ),
    ] = False,
    redrive: Annotated[
        bool,
        typer.Option(
            "--redrive",
            help="At the end, put what is in the dead-letter queue back to work, by SQS's own redrive.",
            rich_help_panel=RUN,
        ),
    ] = False,
    faults: asked_faults.Faults = None,
    fault_seed: asked_faults.FaultSeed = None,
    replay: asked_faults.Replay = None,
    show_timings: Annotated[
        bool, typer.Option("--timings", help="Show where the time went.", rich_help_panel=SHOWN)
    ] = False,
    summary: SummaryOption = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    json_: AsJson = False,
) -> None:
    """Deploy a service, send it tasks, and judge what happens to them.

    Exits with 0 when all checks pass, 1 when one fails, 2 when something could not be judged, and 3 when there was no run to judge.
    """
    timings = Timings.of_this_process()
    console = a_console(stderr=json_)
    places = Places.of(service)
    asked = Asked(
        places=places,
        folder=out or places.runs / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}",
        tasks=tasks,
        tasks_seed=tasks_seed,
        seed=seed,
        rate=rate,
        contract=None if contract is None else contract_named(contract),
        target=target,
        stage=stage,
        region=region,
        port=port,
        endpoint_url=endpoint_url,
        clock_scale=clock_scale,
        api_auth=api_auth,
        deployer=deployer,
        sandboxed=sandbox,
        allow_production=allow_production,
        keep=keep,
        fresh=fresh,
        redrive=redrive,
        plan=asked_faults.plan_of(faults, fault_seed, target),
    )
    changed: tuple[str, ...] = ()
    if replay is not None:
        asked, changed = asked_faults.repeated(replay, context, asked)
    with telling_programs(asked.folder, json_=json_), telling_failures(summary, service):
        _refuse(asked)
        if replay is None:
            asked = _with_a_seed(asked)
        _make_folder(asked.folder)
        asked = replace(asked, repeat=_command(service, asked, contract))
        with keeping_why(asked.folder):
            told_first = asked_faults.told_first(asked.plan, changed)
            graded = _graded(asked, told_first, console, timings, quiet=quiet)
    beyond_seconds = _beyond_seconds(timings, graded)
    if not quiet:
        console.line()
    if show_timings:
        console.print(timings.table(beyond_seconds))
    if summary is not None:
        append(summary, summary_of_run(graded.grade, graded.saved.manifest.contract, name_of(service)))
    show(console, graded.grade, graded.saved, asked.folder, json_=json_, verbose=verbose, quiet=quiet)
    raise typer.Exit(graded.grade.exit_code)


def _graded(asked: Asked, told_first: Iterable[str], console: Console, timings: Timings, *, quiet: bool) -> Graded:
    """Make the run, show how it goes on, and write its reports."""
    status = Status("", console=console) if console.is_terminal and not quiet else None
    with status or nullcontext():
        line = ProgressLine(console, status, quiet=quiet)
        for text in told_first:
            line.say(text)

        def tell(event: SessionEvent) -> None:
            timings.handle(event)
            line.handle(event)
            if isinstance(event, Graded):
                with phase(timings.handle, "report"):
                    write_reports(event.folder, event.grade, event.saved)

        return session.grade(asked, tell)


def _beyond_seconds(timings: Timings, graded: Graded) -> float:
    """What the run cost more than its slowest task's schedule; kept in the run's folder too."""
    manifest = graded.saved.manifest
    beyond = timings.now() - slowest_schedule_seconds(graded.grade, manifest.terms) / manifest.clock_scale
    timings.write(graded.folder, beyond)
    return beyond


def _refuse(asked: Asked) -> None:
    """Refuse what cannot be done before the run's folder is made, which would be left empty."""
    _refuse_what_does_not_fit(asked)
    if asked.keep:
        RunningStack.make_sure_there_is_none(asked.places)
    if asked.target not in (TargetName.RUNNING, TargetName.AWS):
        require_service(asked.places, asked.deployer)
    refuse_parameters(asked.places.service, asked.seed, asked.rate, asked.api_auth)
    _refuse_without_evidence(asked)
    # So that nobody waits for what cannot be.
    is_sandboxed(asked.places.service, asked.sandboxed, asked.target)


def _refuse_what_does_not_fit(asked: Asked) -> None:
    target = asked.target
    refused = (
        (
            target is TargetName.RUNNING and (asked.seed is not None or asked.keep or asked.stage is not None),
            f"--seed, --stage and --keep are decided by `{runnable('taskguard up')}`; leave them out with --target running",
        ),
        (
            asked.clock_scale != 1 and target is not TargetName.LOCALSTACK,
            f"--clock-scale is for LocalStack as a process; leave it out with --target {target}",
        ),
        (
            target is TargetName.AWS and (asked.keep or asked.port or asked.endpoint_url),
            "--keep, --port and --endpoint-url are for engines; leave them out with --target aws (a rehearsal elsewhere "
            "is made with AWS_ENDPOINT_URL)",
        ),
        (
            asked.redrive and (target in (TargetName.RUNNING, TargetName.AWS) or asked.plan is not None),
            "--redrive is for a stack of the run's own without faults; leave it out with --target running or aws, --faults and --replay",
        ),
        (
            asked.tasks_seed is not None and target in (TargetName.RUNNING, TargetName.AWS),
            f"--tasks-seed is for a stack of the run's own; leave it out with --target {target}",
        ),
        (
            asked.api_auth is not None and target in (TargetName.RUNNING, TargetName.AWS),
            f"--api-auth is decided when the stage is deployed, and read from it; leave it out with --target {target}",
        ),
    )
    for does_not_fit, message in refused:
        if does_not_fit:
            raise typer.BadParameter(message)


def _with_a_seed(asked: Asked) -> Asked:
    """With a new seed where the service is deployed for the run and nobody gave one, so that the command which is shown repeats it: of our own
    service it decides each fate, of another the tasks' ids alone. An empty one is none."""
    decides = asked.plan is None and asked.target not in (TargetName.RUNNING, TargetName.AWS)
    if not decides or asked.seed is not None:
        return replace(asked, seed=asked.seed or None)
    if is_ours(asked.places.service):
        return replace(asked, seed=random_seed())
    return replace(asked, tasks_seed=asked.tasks_seed or random_seed())


def _refuse_without_evidence(asked: Asked) -> None:
    """Where there is no flight recorder, only the trail in the logs of our own handlers tells what happened."""
    elsewhere, service = (TargetName.MINISTACK, TargetName.ENDPOINT, TargetName.AWS), asked.places.service
    if asked.target in elsewhere and is_there(service) and config_of(service).dialect.trail is None:
        raise typer.BadParameter(
            f"--target {asked.target}: only the example service leaves evidence there; grade another on localstack or docker"
        )


def _make_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise typer.BadParameter(f"--out {folder}: it is there already; name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)


def _command(service: Path, asked: Asked, contract: str | None) -> str | None:
    """The command that makes such a run again, where there is one; a run of faults is repeated from its folder."""
    given: dict[str, object] = {
        "tasks": asked.tasks,
        # Without one there would be a new one.
        "seed": asked.seed or ("" if is_ours(asked.places.service) and asked.target is not TargetName.AWS else None),
        "tasks-seed": asked.tasks_seed,
        "contract": contract,
        "rate": f"{asked.rate:g}" if asked.rate not in (None, DEFAULT_RATE) else None,
        "target": asked.target if asked.target is not TargetName.LOCALSTACK else None,
        "endpoint-url": asked.endpoint_url,
        "stage": asked.stage,
        "deployer": asked.deployer,
        "region": asked.region,
        "clock-scale": f"{asked.clock_scale:g}" if asked.clock_scale != 1 else None,
        "api-auth": asked.api_auth,
    }
    if asked.plan is not None:
        given = {"replay": asked.folder} | {
            name: given[name] for name in ("contract", "endpoint-url", "stage", "api-auth")
        }
    elif asked.target is TargetName.RUNNING:
        return None
    options = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
    flags = ["--redrive"] if asked.redrive else []
    if asked.sandboxed is not None:
        flags.append("--sandbox" if asked.sandboxed else "--no-sandbox")
    return shlex.join(["taskguard", "grade", *([str(service)] if service != Path() else []), *options, *flags])
