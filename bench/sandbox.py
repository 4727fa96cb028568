"""What the sandbox adds to a function's cold start: new functions, invoked for the first time by turns with and without it.

Run as ``python -m bench.sandbox [rounds]``. The difference of two neighbours is what counts: both have the same load of the machine.
"""

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from taskguard.support.sandbox.availability import sandbox_here
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import create_function
from tests.places import PLACES

_SOURCE = "def handler(event, context):\n    return 1\n"


def main(rounds: int = 30) -> None:
    sandbox_here().require("measuring the sandbox")
    with ExitStack() as held:
        scratch = Path(held.enter_context(tempfile.TemporaryDirectory()))
        endpoints = {}
        for kind in ("open", "sandboxed"):
            engine = LocalStack(scratch / kind, cache=PLACES.cache, sandboxed=kind == "sandboxed")
            endpoints[kind] = held.enter_context(engine).start()
        taken = {kind: list[float]() for kind in endpoints}
        for number in range(rounds + 2):
            # Which one comes first changes.
            for kind in sorted(endpoints, reverse=bool(number % 2)):
                function = create_function(endpoints[kind], _SOURCE)
                begun = time.perf_counter()
                function.invoke()
                if number >= 2:
                    taken[kind].append((time.perf_counter() - begun) * 1000)
    print("| cold start | median, ms | quarter below, ms |\n| --- | --- | --- |")
    for kind, all_ms in taken.items():
        print(f"| {kind} | {statistics.median(all_ms):.1f} | {statistics.quantiles(all_ms, n=4)[0]:.1f} |")
    differences = [boxed - bare for bare, boxed in zip(*taken.values(), strict=True)]
    print(f"\nThe sandbox adds {statistics.median(differences):.1f} ms (median of {rounds} pairs).")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
