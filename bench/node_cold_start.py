"""How long a Node.js function takes from its start until it asks for its first invocation, and how that compares to AWS's client alone.

Run as ``python -m bench.node_cold_start [rounds]``. Both load the same handler under the same client, in turns; ours adds what keeps the
function's process, leads AWS's names to the engine, and shows the engine's clock. What the client has as a native module is in either the
transport of ours, since it is not built here. No engine takes part. Processor time is told beside, since on a busy machine more
processes wait longer.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtime_api import RuntimeApi
from taskguard.engine.functions.runtimes import language_of, launch_of, node
from taskguard.engine.settings import FunctionRuntime
from taskguard.support import scaled_clock
from taskguard.support.waiting import wait_for
from taskguard.targets.runtimes import find_runtime

from tests.places import PLACES

MOST_RATIO = 1.2
ROUNDS = 30
_LONGEST_SECONDS = 30
_HANDLERS = {
    "nothing": "exports.handler = async () => 1;",
    "the SDK's client of SQS": "const { SQSClient } = require('@aws-sdk/client-sqs');\nexports.handler = async () => typeof SQSClient;",
    "that and DynamoDB's": "const { SQSClient } = require('@aws-sdk/client-sqs');\nconst { DynamoDBDocumentClient } = "
    "require('@aws-sdk/lib-dynamodb');\nexports.handler = async () => [SQSClient, DynamoDBDocumentClient].length;",
}
_BARE = """
const Module = require('module'), path = require('path'), { pathToFileURL } = require('url');
const [, , transport, client, handler] = process.argv;
const own = require(transport).transportTo(process.env.AWS_LAMBDA_RUNTIME_API);
const load = Module._load;
Module._load = function (request, ...others) { return request === './rapid-client.node' ? own : load.call(this, request, ...others); };
import(pathToFileURL(path.join(client, 'dist', 'index.mjs')).href).then(({ run }) => run(process.env.LAMBDA_TASK_ROOT, handler));
"""
_VARIABLES = {
    "AWS_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "cold-start",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/cold-start",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
}

Start = Callable[[Mapping[str, str]], Callable[[], None]]
"""Starts the process with these variables beside its own, and gives what ends it."""


def _as_by_the_engine(runtime: FunctionRuntime, task_root: Path, clock: Path) -> Start:
    def start(variables: Mapping[str, str]) -> Callable[[], None]:
        folders = Folders(task_root=task_root, home=Path(tempfile.mkdtemp(prefix="function-")), clock=clock)
        function = Function(
            runtime=runtime, handler="index.handler", variables=variables, endpoint="http://127.0.0.1:4566"
        )
        process = FunctionProcess(launch_of(function, folders), on_exit=lambda: None)

        def end() -> None:
            process.kill()
            # What its keeper used counts once that has been collected.
            wait_for(lambda: not psutil.pid_exists(process.pid), seconds=_LONGEST_SECONDS)

        return end

    return start


def _bare(runtime: FunctionRuntime, task_root: Path, script: Path) -> Start:
    transport = Path(node.__file__).with_name("node_bootstrap") / "transport.cjs"
    client, sdk = runtime.library_path
    command = [runtime.interpreter, str(script), str(transport), client, "index.handler"]
    own = {"LAMBDA_TASK_ROOT": str(task_root), "NODE_PATH": sdk, "PATH": os.environ["PATH"]}

    def start(variables: Mapping[str, str]) -> Callable[[], None]:
        process = subprocess.Popen(
            command, cwd=task_root, env={**own, **variables}, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

        def end() -> None:
            process.kill()
            process.wait()

        return end

    return start


@dataclass(frozen=True, slots=True)
class Took:
    """How long a start took, by the clock and by the processor, its end included."""

    milliseconds: float
    processor_milliseconds: float


def _started(start: Start) -> Took:
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


def measured(source: str, rounds: int) -> tuple[Took, Took]:
    """AWS's client alone and ours: the medians by the clock, the means by the processor."""
    runtime = find_runtime("nodejs20.x", PLACES.cache)
    with tempfile.TemporaryDirectory() as folder:
        task_root, clock, script = Path(folder, "task"), Path(folder, "clock"), Path(folder, "bare.cjs")
        task_root.mkdir()
        (task_root / "index.js").write_text(source)
        script.write_text(_BARE)
        scaled_clock.create(str(clock))
        language_of(runtime).prepare(runtime, task_root, None)
        starts = (_bare(runtime, task_root, script), _as_by_the_engine(runtime, task_root, clock))
        for each in starts:
            _started(each)
        taken = [(_started(starts[0]), _started(starts[1])) for _ in range(rounds)]
    return _typical([bare for bare, _ in taken]), _typical([ours for _, ours in taken])


def _typical(taken: Sequence[Took]) -> Took:
    return Took(
        statistics.median(each.milliseconds for each in taken),
        statistics.fmean(each.processor_milliseconds for each in taken),
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print(
        "| the handler loads | AWS's client alone | ours | ratio | by processor time |\n| --- | --- | --- | --- | --- |"
    )
    for name, source in _HANDLERS.items():
        bare, ours = measured(source, rounds)
        ratio = ours.milliseconds / bare.milliseconds
        of_processor = (
            f"{ours.processor_milliseconds / bare.processor_milliseconds:.2f} "
            f"({bare.processor_milliseconds:.0f} and {ours.processor_milliseconds:.0f} ms)"
        )
        print(
            f"| {name} | {bare.milliseconds:.0f} ms | {ours.milliseconds:.0f} ms | {ratio:.2f} | {of_processor} |",
            flush=True,
        )
    print(f"\nAim: a ratio of at most {MOST_RATIO} for a handler with the SDK.")


if __name__ == "__main__":
    main()
