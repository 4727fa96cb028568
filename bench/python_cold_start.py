"""How long a Python function takes from its start until it asks for its first invocation: forked from an interpreter that has loaded what
Lambda brings, and started by its command.

Run as ``python -m bench.python_cold_start [rounds]``. Both are started in turns, with the same handler.
"""

import sys
import tempfile
from pathlib import Path

from taskguard.support import scaled_clock
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

from bench.function_starts import Took, by_the_engine, started, typical
from tests.places import PLACES

ROUNDS = 30
_HANDLERS = {
    "nothing": "def handler(event, context):\n    return 1\n",
    "clients of SQS and DynamoDB": (
        "import boto3\nqueue, table = boto3.client('sqs'), boto3.client('dynamodb')\n"
        "def handler(event, context):\n    return 1\n"
    ),
}


def measured(source: str, rounds: int) -> tuple[Took, Took]:
    """Started and forked: the medians by the clock, the means by the processor."""
    runtime = find_runtime(LAMBDA_RUNTIME, PLACES.cache)
    with tempfile.TemporaryDirectory() as folder:
        task_root, clock = Path(folder, "task"), Path(folder, "clock")
        task_root.mkdir()
        (task_root / "index.py").write_text(source)
        scaled_clock.create(str(clock))
        ways = [by_the_engine(runtime, task_root, clock, forks=forks) for forks in (False, True)]
        # The interpreters that are forked are two, and load first.
        for way in [*ways, *ways]:
            started(way)
        taken = [(started(ways[0]), started(ways[1])) for _ in range(rounds)]
    return typical([before for before, _ in taken]), typical([after for _, after in taken])


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print("| the handler loads | started | forked | ratio | by processor time |\n| --- | --- | --- | --- | --- |")
    for name, source in _HANDLERS.items():
        before, after = measured(source, rounds)
        of_processor = f"{before.processor_milliseconds:.0f} and {after.processor_milliseconds:.0f} ms"
        print(
            f"| {name} | {before.milliseconds:.0f} ms | {after.milliseconds:.0f} ms | "
            f"{after.milliseconds / before.milliseconds:.2f} | {of_processor} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
