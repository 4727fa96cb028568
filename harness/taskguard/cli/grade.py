"""``taskguard grade``: deploy, run, judge, report."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskguard import session
from taskguard.cli import faults as asked_faults
from taskguard.cli.judge import AsJson, a_console, show
from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import ApiAuthOption, ClockScale, Region, ServiceFolder
from taskguard.contract.draws import DEFAULT_RATE
from taskguard.places import Places
from taskguard.reports.files import write_reports
from taskguard.run.events import Graded, SessionEvent, phase
from taskguard.run.timings import Timings, slowest_schedule_seconds
from taskguard.service.deployment import require_service
from taskguard.service.kept import RunningStack
from taskguard.service.ours import ApiAuth
from taskguard.session import Asked
from taskguard.support.this_command import runnable
from taskguard.targets.names import DEFAULT_REGION, HELP, TargetName

MOST_TASKS = 100_000


def grade(
    context: typer.Context,
    service: ServiceFolder = Path(),
    tasks: Annotated[int, typer.Option(min=1, max=MOST_TASKS, help="How many tasks to submit.")] = 30,
    seed: Annotated[
        str | None,
        typer.Option(help="Decides each task's fate; without one, failures are random.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help=f"How often an attempt is made to fail (default: {DEFAULT_RATE}).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, new or empty (default: one below runs/).", show_default=False)
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running afterwards, as `up` does.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The engine's port; 0 takes a free one.")] = 0,
    target: Annotated[
        TargetName,
        typer.Option(
            metavar="<target>",
            help="Where: " + "; ".join(f"{name}: {what}" for name, what in HELP.items()) + ".",
        ),
    ] = TargetName.LOCALSTACK,
    endpoint_url: Annotated[
        str | None, typer.Option(help="The engine's address, for --target endpoint.", show_default=False)
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="The stage (default: dev; on an engine of others, one of the run's own).", show_default=False
        ),
    ] = None,
    region: Region = DEFAULT_REGION,
    allow_production: Annotated[
        bool,
        typer.Option("--allow-production", help="With --target aws: also on a stage whose name looks like production."),
    ] = False,
    clock_scale: ClockScale = 1.0,
    api_auth: ApiAuthOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start an engine for this run, even if one is up (`taskguard up`).")
    ] = False,
    faults: asked_faults.Faults = None,
    fault_seed: asked_faults.FaultSeed = None,
    replay: asked_faults.Replay = None,
    show_timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
    json_: AsJson = False,
) -> None:
    """Deploy the pipeline, run tasks through it, and judge what happened."""
    timings = Timings.of_this_process()
    console = a_console(stderr=json_)
    places, seed = Places.of(service), seed or None
    plan = asked_faults.plan_of(faults, fault_seed, target)
    again = None if replay is None else asked_faults.repeated(replay, context, places.service)
    if again is not None:
        tasks, seed, rate, plan, clock_scale, target, region = again.decided
    _refuse_what_does_not_fit(target, seed, stage, clock_scale, keep=keep, on_engine=bool(port or endpoint_url))
    _refuse_auth(target, api_auth)
    repeat = None
    if target is not TargetName.RUNNING:
        repeat = _command(service, tasks, seed, rate, target, endpoint_url, stage, region, clock_scale, api_auth)
    # Before the folder is made, which would be left empty.
    if keep:
        RunningStack.make_sure_there_is_none(places)
    if target not in (TargetName.RUNNING, TargetName.AWS):
        require_service(places)
    folder = _new_folder(out, places.runs)
    repeat = (
        asked_faults.command_to_replay(service, folder, endpoint_url, stage, api_auth) if plan is not None else repeat
    )
    asked = Asked(
        places=places,
        folder=folder,
        tasks=tasks,
        seed=seed,
        rate=rate,
        tasks_seed=again.tasks_seed if again is not None else None,
        target=target,
        stage=stage,
        region=region,
        port=port,
        endpoint_url=endpoint_url,
        clock_scale=clock_scale,
        api_auth=api_auth,
        allow_production=allow_production,
        keep=keep,
        fresh=fresh,
        plan=plan,
        repeat=repeat,
    )
    with ProgressLine(console) as line:
        for text in asked_faults.told_first(plan, again):
            line.say(text)

        def tell(event: SessionEvent) -> None:
            timings.handle(event)
            line.handle(event)
            if isinstance(event, Graded):
                with phase(timings.handle, "report"):
                    write_reports(event.folder, event.grade, event.saved)

        graded = session.grade(asked, tell)
    beyond_seconds = _beyond_seconds(timings, graded)
    _tell(console, folder, timings.table(beyond_seconds) if show_timings else None)
    show(console, graded.grade, graded.saved, folder, json_=json_)
    raise typer.Exit(graded.grade.exit_code)


def _beyond_seconds(timings: Timings, graded: Graded) -> float:
    """What the run cost more than its slowest task's schedule; kept in the run's folder too."""
    manifest = graded.saved.manifest
    beyond = timings.now() - slowest_schedule_seconds(graded.grade, manifest.terms) / manifest.clock_scale
    timings.write(graded.folder, beyond)
    return beyond


def _tell(console: Console, folder: Path, timings: Table | None) -> None:
    again = runnable("taskguard check", folder)
    console.print(f"\nThe run is kept in {folder}; judge it again with `{again}`", highlight=False, markup=False)
    console.line()
    if timings is not None:
        console.print(timings)


def _refuse_what_does_not_fit(
    target: TargetName, seed: str | None, stage: str | None, clock_scale: float, *, keep: bool, on_engine: bool
) -> None:
    if target is TargetName.RUNNING and (seed is not None or keep or stage is not None):
        raise typer.BadParameter(
            "--seed, --stage and --keep are decided by `taskguard up`; leave them out with --target running"
        )
    if clock_scale != 1 and target is not TargetName.LOCALSTACK:
        raise typer.BadParameter(f"--clock-scale is for LocalStack as a process; leave it out with --target {target}")
    if target is TargetName.AWS and (keep or on_engine):
        raise typer.BadParameter(
            "--keep, --port and --endpoint-url are for engines; leave them out with --target aws (a rehearsal elsewhere "
            "is made with AWS_ENDPOINT_URL)"
        )


def _refuse_auth(target: TargetName, api_auth: ApiAuth | None) -> None:
    if api_auth is not None and target in (TargetName.RUNNING, TargetName.AWS):
        raise typer.BadParameter(
            f"--api-auth is decided when the stage is deployed, and read from it; leave it out with --target {target}"
        )


def _new_folder(out: Path | None, runs: Path) -> Path:
    folder = out or runs / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise typer.BadParameter(f"--out {folder}: it is there already; name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _command(
    service: Path,
    tasks: int,
    seed: str | None,
    rate: float | None,
    target: TargetName,
    endpoint_url: str | None,
    stage: str | None,
    region: str,
    clock_scale: float,
    api_auth: ApiAuth | None,
) -> str:
    given = [
        shlex.quote(str(service)) if service != Path() else "",
        f"--tasks {tasks}",
        f"--seed {shlex.quote(seed)}" if seed else "",
        f"--rate {rate:g}" if rate not in (None, DEFAULT_RATE) else "",
        f"--target {target}" if target is not TargetName.LOCALSTACK else "",
        f"--endpoint-url {shlex.quote(endpoint_url)}" if endpoint_url else "",
        f"--stage {shlex.quote(stage)}" if stage else "",
        f"--region {shlex.quote(region)}" if region != DEFAULT_REGION else "",
        f"--clock-scale {clock_scale:g}" if clock_scale != 1 else "",
        f"--api-auth {api_auth}" if api_auth is not None else "",
    ]
    return " ".join(["taskguard grade", *filter(None, given)])
