"""``python -m bench.load [tasks]``: many tasks as fast as the engine takes them, 30 % of attempts failing, judged by every check.

Lateness alone is no fault here, since whoever hands in more than the consumers can do makes messages wait. It prints how fast
tasks came in and settled, what the memory of engine, functions and harness was at each quarter of the way, and where the
processors' time went, which names what limits.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from taskguard import session
from taskguard.history import TaskSubmitted
from taskguard.ingress.load import plain_load
from taskguard.run.events import SessionEvent
from taskguard.run.running import Run
from taskguard.run.watch import Progress
from taskguard.service.deployment import deploy
from taskguard.service.ours import failure_parameters
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES
from tests.terms import our_terms

SEED = "load"
RATE = 0.3
LATE_SECONDS = 3_600.0
_QUARTERS = 4
_LOOK_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Gauge:
    """What the processes of a run use: resident memory in MB by part, taken once a second, and processor time in seconds."""

    engine_pid: int
    settled: int = 0
    most_mb: dict[str, float] = field(default_factory=dict)
    at_quarters: dict[int, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def running(self, tasks: int) -> Iterator[None]:
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(_LOOK_EVERY_SECONDS):
                now = self.memory_mb()
                self.most_mb = {part: max(mb, self.most_mb.get(part, 0.0)) for part, mb in now.items()}
                self.at_quarters.setdefault(self.settled * _QUARTERS // tasks, now)

        thread = threading.Thread(target=look, name="gauge", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def memory_mb(self) -> dict[str, float]:
        return {part: sum(_mb(each) for each in found) for part, found in self._parts().items()}

    def processor_seconds(self) -> dict[str, float]:
        return {part: sum(_seconds(each) for each in found) for part, found in self._parts().items()}

    def _parts(self) -> dict[str, list[psutil.Process]]:
        engine = psutil.Process(self.engine_pid)
        return {"engine": [engine], "functions": engine.children(recursive=True), "harness": [psutil.Process()]}


def _mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_info().rss) / 1e6
    return 0.0


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def main(tasks: int) -> int:
    """Print what was measured and each verdict; the exit status is the grade's."""
    expected = our_terms(seed=SEED, rate=RATE, late_seconds=LATE_SECONDS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        LocalStack(Path(scratch), cache=PLACES.cache, functions_ready=True) as engine,
    ):
        endpoint = engine.start()
        stack = deploy(
            endpoint, "load", places=PLACES, parameters=failure_parameters(SEED, RATE), log=Path(scratch, "deploy.log")
        )
        gauge, answers = Gauge(engine.running.pid), list[float]()

        def told(event: SessionEvent) -> None:
            if isinstance(event, Progress):
                gauge.settled = event.settled
            elif isinstance(event, TaskSubmitted):
                answers.append(time.monotonic())

        run = Run(endpoint=endpoint, stack=stack, terms=expected)
        before, began = gauge.processor_seconds(), time.monotonic()
        with gauge.running(tasks):
            saved = session.record(run, plain_load(SEED, tasks), Path(scratch, "run"), tell=told)
            took = time.monotonic() - began
            after = gauge.processor_seconds()
            verdicts = session.judge(saved, Path(scratch, "run")).grade
    print(f"{tasks} tasks, {RATE:.0%} of attempts failing, seed {SEED!r}: {len(saved.history)} events")
    print(
        f"submitted in {answers[-1] - began:.0f} s ({tasks / (answers[-1] - began):.0f}/s), all settled after {took:.0f} s"
    )
    for quarter, mb in sorted(gauge.at_quarters.items()):
        print(
            f"memory at {quarter * 100 // _QUARTERS}% settled: "
            + ", ".join(f"{part} {found:.0f} MB" for part, found in mb.items())
        )
    print("memory at most: " + ", ".join(f"{part} {found:.0f} MB" for part, found in gauge.most_mb.items()))
    used = {part: after[part] - before[part] for part in after}
    share = sum(used.values()) / (took * (psutil.cpu_count() or 1))
    parts = ", ".join(f"{part} {found:.0f} s ({found / tasks * 1000:.0f} ms a task)" for part, found in used.items())
    print(f"processors: {parts}; {share:.0%} of them in use")
    for verdict in verdicts.verdicts:
        print(f"{verdict.check:20} {verdict.outcome:8} {verdict.observed}")
        for finding in verdict.findings[:3]:
            print(f"{'':20} {finding.message}")
    print(f"SUCCESS: {verdicts.success}\nFAILURE: {verdicts.failure}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
