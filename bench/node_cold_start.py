"""How long a Node.js function takes from its start until it asks for its first invocation, and how that compares to AWS's client alone.

Run as ``python -m bench.node_cold_start [rounds]``. Both load the same handler under the same client, in turns; ours adds what keeps the
function's process, leads AWS's names to the engine, and shows the engine's clock. What the client has as a native module is in either the
transport of ours, since it is not built here.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from taskguard.engine.functions.runtimes import language_of, node
from taskguard.engine.settings import FunctionRuntime
from taskguard.support import scaled_clock
from taskguard.targets.runtimes import find_runtime

from bench.function_starts import HANDLER, Start, Took, by_the_engine, started, typical
from tests.places import PLACES

MOST_RATIO = 1.2
ROUNDS = 30
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


def _bare(runtime: FunctionRuntime, task_root: Path, script: Path) -> Start:
    transport = Path(node.__file__).with_name("node_bootstrap") / "transport.cjs"
    client, sdk = runtime.library_path
    command = [runtime.interpreter, str(script), str(transport), client, HANDLER]
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
        starts = (_bare(runtime, task_root, script), by_the_engine(runtime, task_root, clock))
        for each in starts:
            started(each)
        taken = [(started(starts[0]), started(starts[1])) for _ in range(rounds)]
    return typical([bare for bare, _ in taken]), typical([ours for _, ours in taken])


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
