"""``taskguard grade``: deploy, run, judge, report."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness import deployment
from harness.cli.progress import ProgressLine
from harness.cli.stack import DEFAULT_RATE
from harness.cli.state import RunningStack
from harness.deployment import Stack
from harness.errors import TargetError
from harness.expectations import Expectations
from harness.grading import grade as judge
from harness.history import History, SavedRun
from harness.manifests import manifest_of
from harness.reports.as_json import write_grade
from harness.reports.console import print_grade
from harness.running import Run
from harness.targets.base import Endpoint
from harness.targets.localstack import LocalStack
from harness.workload import random_seed
from harness.workload import tasks as workload

GRADE_FILE = "grade.json"
MOST_TASKS = 100_000


class TargetName(StrEnum):
    """Where a graded run takes place."""

    LOCALSTACK = "localstack"
    RUNNING = "running"


def grade(
    tasks: Annotated[int, typer.Option(min=1, max=MOST_TASKS, help="How many tasks to submit.")] = 30,
    seed: Annotated[
        str | None,
        typer.Option(help="Decides each task's fate; without one, failures are random.", show_default=False),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.0, max=1.0, help="How often an attempt is made to fail.")] = DEFAULT_RATE,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, new or empty (default: one below runs/).", show_default=False)
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running afterwards, as `up` does.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="LocalStack's port; 0 takes a free one.")] = 0,
    target: Annotated[
        TargetName,
        typer.Option(help="localstack: an engine of this run's own; running: the one that `up` started."),
    ] = TargetName.LOCALSTACK,
) -> None:
    """Deploy the pipeline, run tasks through it, and judge what happened."""
    console = Console(soft_wrap=not Console().is_terminal)
    folder = _new_folder(out)
    with ExitStack() as cleanup, ProgressLine(console, tasks) as line:
        if target is TargetName.RUNNING:
            run, failure_seed = _on_running_stack(seed, keep)
            ids_seed = random_seed()
        else:
            failure_seed, ids_seed = seed, seed if seed is not None else random_seed()
            line.say(f"Seed of the tasks: {ids_seed}. " + _about_failures(failure_seed, rate))
            expectations = Expectations(failure_seed=failure_seed, failure_rate=rate)
            engine = cleanup.enter_context(LocalStack(folder / "engine", port=port))
            line.say(f"Starting LocalStack (log: {folder / 'engine' / 'engine.log'})")
            endpoint = engine.start()
            stack = _deploy(line, endpoint, folder, failure_seed, rate)
            run = Run(endpoint=endpoint, stack=stack, expectations=expectations)
        # SciPy takes a while to load, and there is time for it while the pipeline backs off.
        threading.Thread(target=import_module, args=("scipy.stats",), name="load-scipy", daemon=True).start()
        line.say(f"Submitting {tasks} tasks to {run.stack.api_url}")
        history = run.of(workload(ids_seed, tasks), line.listener)
        if keep and target is TargetName.LOCALSTACK:
            _leave_running(engine, run, failure_seed, rate)
    SavedRun(history=history, manifest=manifest_of(run, tasks)).write(folder)
    _report(console, folder, history, run.expectations)


def _new_folder(out: Path | None) -> Path:
    folder = out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise typer.BadParameter(f"--out {folder}: it is there already; name a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _about_failures(seed: str | None, rate: float) -> str:
    how = "at random" if seed is None else f'as the seed "{seed}" decides'
    return f"Attempts fail {how}, {rate:.0%} of them."


def _deploy(line: ProgressLine, endpoint: Endpoint, folder: Path, seed: str | None, rate: float) -> Stack:
    line.say(f"Deploying the pipeline to {endpoint.url}")
    log = folder / "engine" / "deploy.log"
    return deployment.deploy(endpoint, "dev", parameters=deployment.failure_parameters(seed, rate), log=log)


def _on_running_stack(seed: str | None, keep: bool) -> tuple[Run, str | None]:
    if seed is not None or keep:
        raise typer.BadParameter(
            "--seed and --keep are decided by `taskguard up`; leave them out with --target running"
        )
    running = RunningStack.require()
    endpoint = running.instance.endpoint()
    stack = deployment.read_stack(endpoint, running.stage)
    expectations = Expectations(failure_seed=running.failure_seed, failure_rate=running.failure_rate)
    return Run(endpoint=endpoint, stack=stack, expectations=expectations, alone=False), running.failure_seed


def _leave_running(engine: LocalStack, run: Run, seed: str | None, rate: float) -> None:
    if (other := RunningStack.load()) is not None:
        raise TargetError(f"keeping the stack: another one is up on port {other.instance.port}; `taskguard down` first")
    RunningStack(instance=engine.running, stage=run.stack.stage, failure_seed=seed, failure_rate=rate).save()
    engine.running.stay()
    engine.leave_running()


def _report(console: Console, folder: Path, history: History, expectations: Expectations) -> None:
    verdicts = judge(history, expectations)
    write_grade(folder / GRADE_FILE, verdicts, history, expectations)
    console.print(f"\nThe run is kept in {folder}; judge it again with `taskguard check {folder}`\n", highlight=False)
    print_grade(console, verdicts, history)
    raise typer.Exit(verdicts.exit_code)
