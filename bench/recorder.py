"""What the flight recorder costs: the same tasks through the same pipeline, with it and without it, in turns.

Run as ``python -m bench.recorder [rounds] [tasks]``. The figure that matters is the engine's processor time for a task,
the ratio of the two its cost; wall-clock time is shown beside it.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.workload import tasks as workload
from taskguard.run.running import Run
from taskguard.service.deployment import deploy
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES
from tests.terms import our_terms


@dataclass(frozen=True)
class Measurement:
    """Milliseconds for a task: of the engine's processor time, and by the clock; bytes recorded for a task."""

    cpu_ms: float
    wall_ms: float
    recorded_bytes: float


def measure(tasks: int, *, recording: bool) -> Measurement:
    """Run ``tasks`` tasks, none of which fails, on an engine of their own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder), cache=PLACES.cache, recording=recording) as engine,
    ):
        endpoint = engine.start()
        stack = deploy(endpoint, "bench", places=PLACES, parameters={"failureRate": "0"})
        run = Run(endpoint=endpoint, stack=stack, terms=our_terms(rate=0.0))
        run_tasks(run, "warm-up", 20)
        process = psutil.Process(engine.running.pid)
        size_before = size_of(endpoint.recording)
        cpu_before, started = sum(process.cpu_times()[:2]), time.perf_counter()
        run_tasks(run, "measured", tasks)
        wall, cpu = time.perf_counter() - started, sum(process.cpu_times()[:2]) - cpu_before
        return Measurement(cpu * 1000 / tasks, wall * 1000 / tasks, (size_of(endpoint.recording) - size_before) / tasks)


def run_tasks(run: Run, seed: str, count: int) -> None:
    """Submit tasks and wait until they have settled."""
    submitted = HttpClient(run.stack.api_url).submit_all(workload(seed, count))
    if not run.watch([event.task_id for event in submitted if event.accepted and event.task_id is not None]):
        raise SystemExit("the tasks did not settle; there is nothing to measure")


def size_of(path: Path | None) -> int:
    """The file's size in bytes, 0 when there is none."""
    return path.stat().st_size if path is not None and path.exists() else 0


def main(rounds: int, tasks: int) -> None:
    """Print a table of ``rounds`` pairs of runs."""
    pairs = [(measure(tasks, recording=True), measure(tasks, recording=False)) for _ in range(rounds)]
    print(f"{tasks} tasks, {rounds} rounds; engine CPU ms a task | wall ms a task | bytes recorded a task")
    for on, off in pairs:
        print(
            f"  on  {on.cpu_ms:7.1f} | {on.wall_ms:7.1f} | {on.recorded_bytes:7.0f}"
            f"    off {off.cpu_ms:7.1f} | {off.wall_ms:7.1f}    CPU on/off {on.cpu_ms / off.cpu_ms:.3f}"
        )
    ratio = statistics.median(on.cpu_ms / off.cpu_ms for on, off in pairs)
    print(f"median ratio of CPU, with the recorder to without: {ratio:.3f}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given or (3, 200)))
