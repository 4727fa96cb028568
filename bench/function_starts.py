"""How long a function's process takes from its start until it asks for its first invocation, measured as the engine starts it, or otherwise.

No engine takes part. Processor time is told beside, since on a busy machine more processes wait longer.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtime_api import RuntimeApi
from taskguard.engine.functions.runtimes import launch_of
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


def by_the_engine(runtime: FunctionRuntime, task_root: Path, clock: Path, *, forks: bool = True) -> Start:
    """As the engine does; unless it ``forks``, by the command."""

    def start(variables: Mapping[str, str]) -> Callable[[], None]:
        folders = Folders(task_root=task_root, home=Path(tempfile.mkdtemp(prefix="function-")), clock=clock)
        function = Function(runtime=runtime, handler=HANDLER, variables=variables, endpoint="http://127.0.0.1:4566")
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
    """How long a start took, by the clock and by the processor, its end included."""

    milliseconds: float
    processor_milliseconds: float


def started(start: Start) -> Took:
    """Start one, wait until it asks, and end it."""
    api, before = RuntimeApi(), _processor_seconds()
    began = time.perf_counter()
    end = start({**_VARIABLES, "AWS_LAMBDA_RUNTIME_API": api.address})
    try:
        if api.ready.result(_LONGEST_SECONDS) is not None:
            raise RuntimeError("the handler could not be loaded")
        took = time.perf_counter() - began
    finally:
        end()
        api.close()
    return Took(took * 1000, (_processor_seconds() - before) * 1000)


def _processor_seconds() -> float:
    """What has been used below this process. It is told in hundredths of a second: only the mean of many differences is exact."""
    own = psutil.Process()
    used = own.cpu_times()
    below = [each.cpu_times() for each in own.children()]
    return (
        used.children_user
        + used.children_system
        + sum(each.user + each.system + each.children_user + each.children_system for each in below)
    )


def typical(taken: Sequence[Took]) -> Took:
    """The median by the clock, the mean by the processor."""
    return Took(
        statistics.median(each.milliseconds for each in taken),
        statistics.fmean(each.processor_milliseconds for each in taken),
    )
