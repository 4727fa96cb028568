"""``python -m bench.throughput [--large]``: the comparison, as Markdown; with ``--large`` 10,000 tasks on our engine too."""

from __future__ import annotations

import platform
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import psutil
from taskguard.targets.localstack import LocalStack
from taskguard.targets.ministack import MiniStack

from bench.throughput.as_it_comes import AsItComes
from bench.throughput.measuring import Engine, Measured, measure
from bench.throughput.tables import aims, table
from tests.places import PLACES

SEED = "throughput"
DEADLINE_SECONDS = 150.0
CASES = ((100, 0.0), (1_000, 0.0), (1_000, 0.3))
LARGE = ((10_000, 0.0), (10_000, 0.3))


def engine_of(name: str, folder: Path) -> Engine:
    """A new engine, not started."""
    match name:
        case "taskguard":
            return LocalStack(folder, cache=PLACES.cache, functions_ready=True)
        case "localstack":
            return AsItComes(folder, cache=PLACES.cache)
        case _:
            return MiniStack(folder, cache=PLACES.cache)


def main(large: bool) -> None:
    """Print each measurement as it is made, then the tables."""
    cases = [(name, *case) for case in CASES for name in ("localstack", "ministack", "taskguard")]
    cases += [("taskguard", *case) for case in LARGE] if large else []
    found: list[Measured] = []
    for name, tasks, rate in cases:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            deadline = DEADLINE_SECONDS if tasks <= 1_000 else 900.0
            found.append(measure(name, engine_of(name, Path(scratch)), Path(scratch), SEED, tasks, rate, deadline))
        print(found[-1], file=sys.stderr, flush=True)
    print(table(found, DEADLINE_SECONDS))
    print()
    print(aims(found, DEADLINE_SECONDS))
    memory = psutil.virtual_memory().total / 2**30
    print(
        f"\n{psutil.cpu_count()} processors ({platform.machine()}), {memory:.0f} GiB, {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, LocalStack {metadata.version('localstack-core')}, seed {SEED!r}."
    )


if __name__ == "__main__":
    main("--large" in sys.argv[1:])
