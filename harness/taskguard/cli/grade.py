"""``taskguard grade``: deploy, run, judge, report."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskguard.cli import faults as asked_faults
from taskguard.cli.engines import Wanted, on_engine_that_is_up, on_own_engine
from taskguard.cli.judge import AsJson, a_console, show
from taskguard.cli.on_aws import Asked, deployed_stage
from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import DEFAULT_RATE, ApiAuthOption, ClockScale, Region, ServiceFolder
from taskguard.contract.expectations import Expectations
from taskguard.faults.plan import Plan
from taskguard.history import SavedRun
from taskguard.ingress.access import ApiAuth
from taskguard.ingress.workload import Task, random_seed
from taskguard.ingress.workload import tasks as workload
from taskguard.judging.grading import Grade, grade_run
from taskguard.places import Places
from taskguard.reports.as_json import GRADE_FILE, write_grade
from taskguard.reports.as_junit import write_junit
from taskguard.reports.html import get_ready as get_ready_to_report
from taskguard.reports.html import write_report
from taskguard.reports.nemesis import write_nemesis
from taskguard.run.injecting.handing_over import end_all
from taskguard.run.injecting.planned_faults import Trouble
from taskguard.run.manifests import digests_of_service, digests_of_stack, manifest_of
from taskguard.run.running import Run
from taskguard.run.timings import Phase, Timings, slowest_schedule_seconds
from taskguard.service import deployment
from taskguard.service.kept import RunningStack, from_env
from taskguard.targets.base import Endpoint, Target
from taskguard.targets.names import DEFAULT_REGION, HELP, TargetName
from taskguard.targets.registry import TargetOptions, make

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
        TargetName, typer.Option(help="Where: " + "; ".join(f"{name}: {what}" for name, what in HELP.items()) + ".")
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
    on_running = target is TargetName.RUNNING
    repeat = (
        None
        if on_running
        else _command(service, tasks, seed, rate, target, endpoint_url, stage, region, clock_scale, api_auth)
    )
    if keep:
        RunningStack.make_sure_there_is_none(places)
    if target not in (TargetName.RUNNING, TargetName.AWS):
        deployment.require_service(places)
    folder = _new_folder(out, places.runs)
    repeat = (
        asked_faults.command_to_replay(service, folder, endpoint_url, stage, api_auth) if plan is not None else repeat
    )
    with ExitStack() as cleanup, ProgressLine(console, tasks) as line:
        for text in asked_faults.told_first(plan, again):
            line.say(text)
        if on_running:
            # The ids of an earlier run would be known to the stack already.
            run, ids_seed, digests = _on_running_stack(places), random_seed(), {}
        elif target is TargetName.AWS:
            asked = Asked(
                tasks=tasks,
                stage=stage or "dev",
                region=region,
                seed=seed,
                rate=rate,
                allow_production=allow_production,
                folder=folder,
            )
            run, ids_seed = cleanup.enter_context(deployed_stage(line, asked))
            digests = digests_of_stack(run)
        else:
            rate = DEFAULT_RATE if rate is None else rate
            ids_seed = again.tasks_seed if again is not None else seed or random_seed()
            line.say(f"Seed of the tasks: {ids_seed}. {_about_failures(seed, rate)}")
            options = TargetOptions(
                folder=folder / "engine",
                cache=places.cache,
                port=port,
                region=region,
                endpoint_url=endpoint_url,
                clock_scale=clock_scale,
                functions_ready=True,
            )
            wanted = Wanted(places=places, stage=stage, seed=seed, rate=rate, api_auth=api_auth)
            digests = digests_of_service(places.service)
            shared = not (fresh or keep or port or stage) and target is TargetName.LOCALSTACK
            ids = [task.task_id for task in workload(ids_seed, tasks)]
            found = on_engine_that_is_up(line, options, wanted, ids, timings) if shared else None
            if found is None:
                engine = cleanup.enter_context(make(target, options))
                stacks = cleanup.enter_context(ExitStack())
                found = on_own_engine(line, engine, options, wanted, stacks, timings)
            run = found
        saved = _make(
            run, workload(ids_seed, tasks), _Facts(places, digests, repeat, plan, ids_seed), folder, line, timings
        )
        if keep:
            _keep(places, engine, run.stack.stage)
            stacks.pop_all()
        stopping = timings.now()
    timings.phases.append(Phase("stop", stopping, timings.now()))
    verdicts = _judge(folder, saved, timings)
    table = _table_of(timings, verdicts, saved, folder)
    _tell(console, folder, table if show_timings else None)
    show(console, verdicts, saved, json_=json_)
    raise typer.Exit(verdicts.exit_code)


def _keep(places: Places, engine: Target, stage: str) -> None:
    RunningStack(instance=engine.running, stage=stage).save(places)
    engine.running.stay()
    engine.leave_running()


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a manifest tells of a run beyond the run itself."""

    places: Places
    digests: Mapping[str, str]
    repeat: str | None
    plan: Plan | None
    tasks_seed: str


def _make(
    run: Run, tasks: tuple[Task, ...], facts: _Facts, folder: Path, line: ProgressLine, timings: Timings
) -> SavedRun:
    line.say(f"Submitting {len(tasks)} tasks to {run.stack.api_url}")
    # There is time for what takes a while, while the pipeline backs off.
    threading.Thread(target=_get_ready_to_judge, args=(run.endpoint,), name="get-ready", daemon=True).start()
    # A run that was killed could not end its faults itself.
    end_all(run.endpoint, run.stack)
    trouble = None
    if facts.plan is not None:
        trouble = Trouble(
            run.endpoint, run.stack, facts.plan, folder / "engine" / "deploy-again.log", places=facts.places
        )
    history = run.of(tasks, replace(line.listener, phase=timings.phase), trouble)
    with timings.phase("manifest"):
        manifest = manifest_of(
            run, len(tasks), facts.digests, facts.repeat, plan=facts.plan, tasks_seed=facts.tasks_seed
        )
        saved = SavedRun(history=history, manifest=manifest)
        saved.write(folder)
    return saved


def _get_ready_to_judge(endpoint: Endpoint) -> None:
    import_module("scipy.stats")
    get_ready_to_report()
    for make_client in (endpoint.functions, endpoint.logs):
        make_client()
    for service in ("iam", "dynamodbstreams"):
        endpoint.client(service)


def _judge(folder: Path, saved: SavedRun, timings: Timings) -> Grade:
    history, manifest = saved.history, saved.manifest
    with timings.phase("judge"):
        verdicts = grade_run(history, manifest)
        write_grade(folder / GRADE_FILE, verdicts, history, manifest.expectations, manifest.clock_scale)
        write_junit(folder, verdicts, history, manifest.target)
        write_report(folder, verdicts, history, manifest)
        write_nemesis(folder, history, manifest)
    return verdicts


def _table_of(timings: Timings, verdicts: Grade, saved: SavedRun, folder: Path) -> Table:
    """Where the time went, which is kept in the run's folder too."""
    schedule_seconds = slowest_schedule_seconds(verdicts, saved.manifest.expectations)
    beyond = timings.now() - schedule_seconds / saved.manifest.clock_scale
    timings.write(folder, beyond)
    return timings.table(beyond)


def _tell(console: Console, folder: Path, timings: Table | None) -> None:
    console.print(f"\nThe run is kept in {folder}; judge it again with `taskguard check {folder}`", highlight=False)
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


def _about_failures(seed: str | None, rate: float) -> str:
    how = "at random" if seed is None else f'as the seed "{seed}" decides'
    return f"Attempts fail {how}, {rate:.0%} of them."


def _on_running_stack(places: Places) -> Run:
    endpoint, stack = from_env(places)
    seed, rate = deployment.failure_settings(endpoint, stack)
    expectations = Expectations(failure_seed=seed, failure_rate=rate)
    return Run(endpoint=endpoint, stack=stack, expectations=expectations, alone=False)


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
