"""How long a function's process takes from its start until it asks for its first invocation, measured as the engine starts it, or otherwise.

No engine takes part. Processor time is told beside, since on a busy machine more processes wait longer.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtime_api import RuntimeApi
from taskguard.engine.functions.runtimes import launch_of
from taskguard.engine.functions.sandbox import launch_in_box
from taskguard.engine.network import network
from taskguard.engine.settings import FunctionRuntime
from taskguard.support.waiting import wait_for

_LONGEST_SECONDS = 30
HANDLER = "index.handler"
_VARIABLES = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "cold-start",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/cold-start",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
}

Start = Callable[[Mapping[str, str]], Callable[[], None]]
"""Starts the process with these variables beside its own, and gives what ends it."""


def by_the_engine(
    runtime: FunctionRuntime, task_root: Path, clock: Path, *, forks: bool = True, boxed: bool = False
) -> Start:
    """As the engine does; unless it ``forks``, by the command. What is ``boxed`` is in a sandbox."""

    def start(variables: Mapping[str, str]) -> Callable[[], None]:
        folders = Folders(task_root=task_root, home=Path(tempfile.mkdtemp(prefix="function-")), clock=clock)
        function = Function(runtime=runtime, handler=HANDLER, variables=variables, endpoint="http://127.0.0.1:4566")
        if boxed:
            launch = launch_in_box(function, folders, task_root.parent if forks else None)
        else:
            launch = launch_of(function, folders)
            launch = launch if forks else replace(launch, fork_server=None)
        process = FunctionProcess(launch, on_exit=lambda: None)

        def end() -> None:
            process.kill()
            # What its keeper used counts once that has been collected.
            wait_for(lambda: not psutil.pid_exists(process.pid), seconds=_LONGEST_SECONDS)

        return end

    return start


@dataclass(frozen=True, slots=True)
class Took:
    """How long a start took, by the clock and by the processor."""

    milliseconds: float
    processor_milliseconds: float


def started(start: Start, *, boxed: bool = False) -> Took:
    """Start one, wait until it asks, and end it."""
    api, before = RuntimeApi(network().listener() if boxed else None), _processor_seconds()
    began = time.perf_counter()
    end = start({**_VARIABLES, "AWS_LAMBDA_RUNTIME_API": api.address})
    try:
        if api.ready.result(_LONGEST_SECONDS) is not None:
            raise RuntimeError("the handler could not be loaded")
        took = time.perf_counter() - began
        used = _processor_seconds() - before
    finally:
        end()
        api.close()
    return Took(took * 1000, used * 1000)


def _processor_seconds() -> float:
    """What has been used by all that runs below this process, and by what they have collected; that is told in hundredths of a second: only
    the mean of many differences is exact."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, OSError):
            collected = process.cpu_times()
            seconds += collected.children_user + collected.children_system
            tasks = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
            seconds += sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    return seconds


def typical(taken: Sequence[Took]) -> Took:
    """The median by the clock, the mean by the processor."""
    return Took(
        statistics.median(each.milliseconds for each in taken),
        statistics.fmean(each.processor_milliseconds for each in taken),
    )


def added(before: Sequence[Took], after: Sequence[Took]) -> Took:
    """What one way takes more than another, of neighbours that have the same load of the machine: the median by the clock, the mean by the
    processor."""
    pairs = list(zip(before, after, strict=True))
    return typical(
        [
            Took(more.milliseconds - less.milliseconds, more.processor_milliseconds - less.processor_milliseconds)
            for less, more in pairs
        ]
    )
