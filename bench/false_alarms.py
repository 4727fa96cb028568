"""Whether a right pipeline is ever accused: our own, graded again and again with other seeds and with none.

Run as ``python -m bench.false_alarms [seeded] [unseeded] [tasks] [clock scale]``: so many runs of each kind on one engine, three at a time, each on a
stage that was deployed anew with the run's seed, with all that a graded run hands in. Every verdict that is not *pass* is printed with its
findings and the seed that repeats it, and the count of the runs with a *fail* is the exit code.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from taskguard import session
from taskguard.evidence.sources import source_at
from taskguard.ingress.load import load_of
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome
from taskguard.run.running import Run
from taskguard.service.deployment import deploy
from taskguard.service.ours import failure_parameters
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES
from tests.terms import our_terms

RATE = 0.3
AT_ONCE = 3
KEPT = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One run of the right pipeline. ``seed`` is the seed of its task ids, and of its failures where they are ``seeded``."""

    seed: str
    seeded: bool
    grade: Grade

    @property
    def alarms(self) -> list[str]:
        """The checks that did not pass, with the first of what they found."""
        return [
            f"{verdict.check}: {verdict.outcome}: {verdict.findings[0].message if verdict.findings else verdict.observed}"
            for verdict in self.grade.verdicts
            if verdict.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)
        ]

    def __str__(self) -> str:
        kind = "seeded" if self.seeded else "random"
        numbers = f"{self.grade.success}/{self.grade.failure}, {self.grade.dead} dead"
        return f"{kind} {self.seed}: {numbers}: {'; '.join(self.alarms) or 'all pass'}"


def graded(endpoint: Endpoint, stages: SimpleQueue[str], seed: str, tasks: int, *, seeded: bool) -> Graded:
    """Deploy a free stage anew for ``seed``, and grade a run on it; one that is accused is kept."""
    stage, failures = stages.get(), seed if seeded else None
    try:
        stack = deploy(endpoint, stage, places=PLACES, parameters=failure_parameters(failures, RATE))
        run = Run(
            endpoint=endpoint,
            stack=stack,
            terms=our_terms(seed=failures, rate=RATE),
            source=source_at(endpoint, stack, since_ms=endpoint.clock.now_ms()),
        )
        folder = KEPT / f"run-{seed}"
        load = load_of(seed, tasks, run.terms, fated=not seeded)
        judged = session.judge(session.record(run, load, folder), folder)
        found = Graded(seed=seed, seeded=seeded, grade=judged.grade)
        if not found.alarms:
            shutil.rmtree(folder)
        return found
    finally:
        stages.put(stage)


def all_runs(endpoint: Endpoint, seeded: int, unseeded: int, tasks: int) -> Iterator[Graded]:
    """All runs, in the order in which they were begun."""
    stages: SimpleQueue[str] = SimpleQueue()
    for number in range(AT_ONCE):
        stages.put(f"clean{number}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        kinds = [True] * seeded + [False] * unseeded
        yield from pool.map(
            lambda number, is_seeded: graded(endpoint, stages, f"clean-{number}", tasks, seeded=is_seeded),
            count(1),
            kinds,
        )


def main(seeded: int = 50, unseeded: int = 20, tasks: int = 30, clock_scale: float = 60.0) -> int:
    """Print a line for each run, then the count; return how many runs were accused."""
    accused = unknown = runs = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder), cache=PLACES.cache, clock_scale=clock_scale, functions_ready=True) as engine,
    ):
        for found in all_runs(engine.start(), seeded, unseeded, tasks):
            runs, accused = runs + 1, accused + (found.grade.outcome is Outcome.FAIL)
            unknown += found.grade.outcome is Outcome.UNKNOWN
            print(found, flush=True)
    print(
        f"{runs} runs of {tasks} tasks ({seeded} seeded, {unseeded} not) at clock scale {clock_scale:g}: {accused} accused, {unknown} unknown"
    )
    return accused


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(*map(int, arguments[:3]), *map(float, arguments[3:])))
