"""How long a Python function takes from its start until it asks for its first invocation: forked from an interpreter that has loaded what
Lambda brings, and started by its command, each with and without a sandbox.

Run as ``python -m bench.python_cold_start [rounds]``. All are started in turns, with the same handler.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from taskguard.support import scaled_clock
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

from bench.function_starts import Took, added, by_the_engine, started, typical
from tests.places import PLACES

MOST_ADDED_MILLISECONDS = 10
ROUNDS = 30
_HANDLERS = {
    "nothing": "def handler(event, context):\n    return 1\n",
    "clients of SQS and DynamoDB": (
        "import boto3\nqueue, table = boto3.client('sqs'), boto3.client('dynamodb')\n"
        "def handler(event, context):\n    return 1\n"
    ),
}


def measured(source: str, rounds: int) -> tuple[list[Took], ...]:
    """Started and forked, and the same in the sandbox: what each round took."""
    runtime = find_runtime(LAMBDA_RUNTIME, PLACES.cache)
    with tempfile.TemporaryDirectory() as folder:
        task_root, clock = Path(folder, "packages", "task"), Path(folder, "clock")
        task_root.mkdir(parents=True)
        (task_root / "index.py").write_text(source)
        scaled_clock.create(str(clock))
        ways = [
            (by_the_engine(runtime, task_root, clock, forks=forks, boxed=boxed), boxed)
            for boxed in (False, True)
            for forks in (False, True)
        ]
        # The interpreters that are forked are two, and load first.
        for way, boxed in [*ways, *ways]:
            started(way, boxed=boxed)
        taken = [[started(way, boxed=boxed) for way, boxed in ways] for _ in range(rounds)]
    return tuple(map(list, zip(*taken, strict=True)))


def _row(name: str, where: str, before: Sequence[Took], after: Sequence[Took]) -> str:
    started_, forked = typical(before), typical(after)
    return (
        f"| {name} | {where} | {started_.milliseconds:.0f} ms | {forked.milliseconds:.0f} ms | "
        f"{forked.milliseconds / started_.milliseconds:.2f} | "
        f"{started_.processor_milliseconds:.0f} and {forked.processor_milliseconds:.0f} ms |"
    )


def main() -> None:
    sandbox_here().require("measuring the sandbox")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print(
        "| the handler loads | | started | forked | ratio | by processor time |\n| --- | --- | --- | --- | --- | --- |"
    )
    told = []
    for name, source in _HANDLERS.items():
        started_, forked, started_in_box, forked_in_box = measured(source, rounds)
        print(_row(name, "open", started_, forked))
        print(_row(name, "sandboxed", started_in_box, forked_in_box), flush=True)
        told.append((name, added(forked, forked_in_box)))
    print()
    for name, adds in told:
        print(
            f"The sandbox adds {adds.milliseconds:.1f} ms to a start that is forked and loads {name}, "
            f"{adds.processor_milliseconds:.1f} ms by processor time."
        )
    print(f"Aim: at most {MOST_ADDED_MILLISECONDS} ms.")


if __name__ == "__main__":
    main()
