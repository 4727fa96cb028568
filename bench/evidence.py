"""Whether the logs tell what the flight recorder saw: both histories of the same runs, compared event by event.

Run as ``python -m bench.evidence [runs] [tasks]``: that many runs of our own pipeline, four at a time on one stage, and then
one of each broken pipeline of ``tests/mutants`` that is tried in real time, or
deceives the logs. It prints, for each, how many events were compared, what differs, how far
the times are apart, and the verdicts from either evidence.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from taskguard.evidence.sources import log_source
from taskguard.history import History
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.workload import tasks as workload
from taskguard.judging.grading import Grade, grade
from taskguard.run.running import Run
from taskguard.service.deployment import deploy
from taskguard.service.ours import failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.comparison import differences, times_apart_ms
from tests.mutants.variants import VARIANTS, FromLogs, Variant, broken_service
from tests.places import PLACES
from tests.terms import our_terms

TOLERANCE_MS = 250.0
SEED = "42"
AT_ONCE = 4
BROKEN = tuple(each for each in VARIANTS if each.real_time or each.from_logs is FromLogs.UNKNOWN)


@dataclass(frozen=True)
class Comparison:
    """One run, judged from either evidence."""

    name: str
    events: int
    apart_ms: float
    differences: list[str]
    recorder: Grade
    logs: Grade

    def verdicts(self) -> str:
        """The checks that did not pass, from the recorder and from the logs."""
        return " | ".join(
            ", ".join(f"{v.check}: {v.outcome}" for v in grade.verdicts if v.outcome != "pass") or "all pass"
            for grade in (self.recorder, self.logs)
        )


def compare(name: str, run: Run, logs: Run, seed: str, count: int) -> Comparison:
    """Make one run, and tell it twice."""
    submitted = HttpClient(run.stack.api_url).submit_all(workload(seed, count))
    ids = [event.task_id for event in submitted if event.accepted and event.task_id is not None]
    settled = run.watch(ids)
    only = None if run.alone else frozenset(ids)
    seen: list[History] = [each.history(submitted, deadline_reached=not settled, only=only) for each in (run, logs)]
    return Comparison(
        name,
        len(seen[0]),
        times_apart_ms(*seen),
        differences(*seen, tolerance_ms=TOLERANCE_MS),
        *(grade(history, run.terms) for history in seen),
    )


def runs_of_ours(endpoint: Endpoint, runs: int, count: int) -> list[Comparison]:
    """Runs of the unbroken pipeline, several at a time."""
    stack = deploy(endpoint, "ours", places=PLACES, parameters=failure_parameters(None, 0.3))

    def one(number: int) -> Comparison:
        made = [
            Run(endpoint=endpoint, stack=stack, terms=our_terms(), alone=False, source=source)
            for source in (None, log_source(endpoint, stack))
        ]
        return compare(f"run {number}", made[0], made[1], f"evidence-{number}", count)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(1, runs + 1)))


def broken(endpoint: Endpoint, count: int, variants: Sequence[Variant] = BROKEN) -> list[Comparison]:
    """One run of each broken pipeline, several at a time, once all are deployed: a deploy would make others late."""

    def deployed(numbered: tuple[int, Variant]) -> Stack:
        number, variant = numbered
        with broken_service(variant) as service:
            places = replace(PLACES, service=service)
            return deploy(endpoint, f"broken{number}", places=places, parameters=failure_parameters(SEED, 0.3))

    def one(variant: Variant, stack: Stack) -> Comparison:
        expected = our_terms(seed=SEED)
        made = [
            Run(endpoint=endpoint, stack=stack, terms=expected, source=source)
            for source in (None, log_source(endpoint, stack))
        ]
        return compare(variant.name, made[0], made[1], SEED, count)

    with ThreadPoolExecutor(2) as pool:
        stacks = list(pool.map(deployed, enumerate(variants)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, variants, stacks))


def main(runs: int, count: int) -> None:
    """Print a line for each run."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder), cache=PLACES.cache) as engine:
        endpoint = engine.start()
        ours = runs_of_ours(endpoint, runs, count) if runs else []
        for comparison in [*ours, *broken(endpoint, count)]:
            print(
                f"{comparison.name:<26} {comparison.events:5d} events, {len(comparison.differences)} differ, "
                f"{comparison.apart_ms:6.1f} ms apart at most; {comparison.verdicts()}"
            )
            for difference in comparison.differences[:5]:
                print(f"    {difference}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given or (20, 30)))
