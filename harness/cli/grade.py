"""``taskguard grade``: deploy, run, judge, report."""

from __future__ import annotations

import secrets
import shlex
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness import deployment
from harness.cli.on_aws import Asked, deployed_stage
from harness.cli.progress import ProgressLine
from harness.cli.stack import DEFAULT_RATE, Region
from harness.cli.state import RunningStack, from_env
from harness.expectations import Expectations
from harness.grading import grade as judge
from harness.history import History, SavedRun
from harness.manifests import digests_of_service, digests_of_stack, manifest_of
from harness.reports.as_json import GRADE_FILE, write_grade
from harness.reports.as_junit import write_junit
from harness.reports.console import print_grade
from harness.running import Run
from harness.targets.base import Endpoint, Target
from harness.targets.names import DEFAULT_REGION, HELP, TargetName
from harness.targets.registry import TargetOptions, make
from harness.workload import random_seed
from harness.workload import tasks as workload

MOST_TASKS = 100_000


def grade(
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
) -> None:
    """Deploy the pipeline, run tasks through it, and judge what happened."""
    console = Console(soft_wrap=not Console().is_terminal)
    seed = seed or None
    on_running = target is TargetName.RUNNING
    if on_running and (seed is not None or keep or stage is not None):
        raise typer.BadParameter(
            "--seed, --stage and --keep are decided by `taskguard up`; leave them out with --target running"
        )
    if target is TargetName.AWS and (keep or port or endpoint_url):
        raise typer.BadParameter(
            "--keep, --port and --endpoint-url are for engines; leave them out with --target aws (a rehearsal elsewhere "
            "is made with AWS_ENDPOINT_URL)"
        )
    if keep:
        RunningStack.make_sure_there_is_none()
    folder = _new_folder(out)
    with ExitStack() as cleanup, ProgressLine(console, tasks) as line:
        if on_running:
            # The ids of an earlier run would be known to the stack already.
            run, ids_seed, digests = _on_running_stack(), random_seed(), {}
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
            ids_seed = seed or random_seed()
            line.say(f"Seed of the tasks: {ids_seed}. {_about_failures(seed, rate)}")
            options = TargetOptions(folder=folder / "engine", port=port, region=region, endpoint_url=endpoint_url)
            engine = cleanup.enter_context(make(target, options))
            stacks = cleanup.enter_context(ExitStack())
            run, digests = _on_own_engine(line, engine, options, stage, seed, rate, stacks), digests_of_service()
        line.say(f"Submitting {tasks} tasks to {run.stack.api_url}")
        # SciPy takes a while to load, and there is time for it while the pipeline backs off.
        threading.Thread(target=import_module, args=("scipy.stats",), name="load-scipy", daemon=True).start()
        history = run.of(workload(ids_seed, tasks), line.listener)
        manifest = manifest_of(run, tasks, digests)
        SavedRun(history=history, manifest=manifest).write(folder)
        if keep:
            RunningStack(instance=engine.running, stage=run.stack.stage).save()
            engine.running.stay()
            engine.leave_running()
            stacks.pop_all()
    repeat = None if on_running else _command(tasks, seed, rate, target, endpoint_url, stage, region)
    _report(console, folder, history, run.expectations, manifest.target, repeat)


def _new_folder(out: Path | None) -> Path:
    folder = out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise typer.BadParameter(f"--out {folder}: it is there already; name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _about_failures(seed: str | None, rate: float) -> str:
    how = "at random" if seed is None else f'as the seed "{seed}" decides'
    return f"Attempts fail {how}, {rate:.0%} of them."


def _on_own_engine(
    line: ProgressLine,
    engine: Target,
    options: TargetOptions,
    stage: str | None,
    seed: str | None,
    rate: float,
    stacks: ExitStack,
) -> Run:
    """Deploy to ``engine``. What would outlive it is removed when ``stacks`` closes, however far the deploy came."""
    deployment.serverless_cli()  # better missed now than when an engine is up
    line.say(f"Starting the engine (its log: {options.folder})")
    endpoint = engine.start()
    if not engine.running.takes_stacks_along:
        stage = stage or f"run-{secrets.token_hex(3)}"
        deployment.make_sure_is_free(endpoint, stage)
        stacks.callback(_remove, line, endpoint, stage, options.folder / "remove.log")
    stage = stage or "dev"
    line.say(f"Deploying the pipeline to {endpoint.place}, stage {stage}")
    parameters = deployment.failure_parameters(seed, rate)
    stack = deployment.deploy(endpoint, stage, parameters=parameters, log=options.folder / "deploy.log")
    return Run(endpoint=endpoint, stack=stack, expectations=Expectations(failure_seed=seed, failure_rate=rate))


def _remove(line: ProgressLine, endpoint: Endpoint, stage: str, log: Path) -> None:
    if deployment.is_deployed(endpoint, stage):
        line.say(f"Removing stage {stage} from {endpoint.place}")
        deployment.remove(endpoint, stage, log=log)


def _on_running_stack() -> Run:
    endpoint, stack = from_env()
    seed, rate = deployment.failure_settings(endpoint, stack)
    expectations = Expectations(failure_seed=seed, failure_rate=rate)
    return Run(endpoint=endpoint, stack=stack, expectations=expectations, alone=False)


def _command(
    tasks: int,
    seed: str | None,
    rate: float | None,
    target: TargetName,
    endpoint_url: str | None,
    stage: str | None,
    region: str,
) -> str:
    given = [
        f"--tasks {tasks}",
        f"--seed {shlex.quote(seed)}" if seed else "",
        f"--rate {rate:g}" if rate not in (None, DEFAULT_RATE) else "",
        f"--target {target}" if target is not TargetName.LOCALSTACK else "",
        f"--endpoint-url {shlex.quote(endpoint_url)}" if endpoint_url else "",
        f"--stage {shlex.quote(stage)}" if stage else "",
        f"--region {shlex.quote(region)}" if region != DEFAULT_REGION else "",
    ]
    return " ".join(["taskguard grade", *filter(None, given)])


def _report(
    console: Console, folder: Path, history: History, expectations: Expectations, target: str, repeat: str | None
) -> None:
    verdicts = judge(history, expectations)
    write_grade(folder / GRADE_FILE, verdicts, history, expectations)
    write_junit(folder, verdicts, history, target)
    console.print(f"\nThe run is kept in {folder}; judge it again with `taskguard check {folder}`", highlight=False)
    if repeat is not None:
        console.print(f"Run it again with `{repeat}`", highlight=False)
    console.line()
    print_grade(console, verdicts, history)
    raise typer.Exit(verdicts.exit_code)
