"""What a faster clock does to a pipeline's times and verdicts, on our own pipeline and on broken ones.

Run as ``python -m bench.clock [tasks]``: for each scale, how long a task that is dead-lettered takes by the machine's clock, how long
a run of so many tasks takes, and how late messages come back by the pipeline's clock; then the verdicts on broken pipelines, in
real time and faster.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from taskguard.history import BackoffRequested, DeadLettered, Delivered, History
from taskguard.ingress.load import plain_load
from taskguard.judging.grading import Grade, grade
from taskguard.run.running import Run
from taskguard.service.deployment import deploy
from taskguard.service.ours import failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack
from taskguard.testing.pipeline import Pipeline

from tests.mutants.variants import VARIANTS, Variant, broken_service
from tests.places import PLACES
from tests.terms import our_terms

SEED = "2026"
SCALES = (1.0, 10.0, 60.0, 600.0, 10_000.0, 1_000_000.0)
COMPARED = (1.0, 60.0)
BROKEN = (
    "constant-backoff",
    "says-ten-asks-nine",
    "deletes-on-failure",
    "wrong-draw",
    "two-receives",
    "log-without-payload",
    "accepts-without-sending",
)
BROKEN_TASKS = 20
AT_ONCE = 4
EXPECTED = our_terms(seed=SEED)


def lateness_seconds(history: History) -> Iterator[float]:
    """How much later than it was due each message came back, in pipeline time."""
    came: list[Delivered | DeadLettered] = [*history.of_kind(Delivered), *history.of_kind(DeadLettered)]
    for asked in history.of_kind(BackoffRequested):
        later = [each.at_ms for each in came if each.message_id == asked.message_id and each.at_ms > asked.answered_ms]
        if later:
            yield (min(later) - asked.answered_ms) / 1000 - asked.delay_seconds


def verdicts(judged: Grade) -> str:
    """The checks that did not pass."""
    return ", ".join(f"{v.check}: {v.outcome}" for v in judged.verdicts if v.outcome != "pass") or "all pass"


def our_pipeline(scale: float, tasks: int) -> str:
    """A row of the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder), cache=PLACES.cache, clock_scale=scale) as engine,
    ):
        endpoint = engine.start()
        stack = deploy(endpoint, "clock", places=PLACES, parameters=failure_parameters(SEED, 0.3))
        run = Run(endpoint=endpoint, stack=stack, terms=EXPECTED, alone=False)
        pipeline, took = Pipeline(run=run, prefix="dead", folder=Path(folder)), []
        for _ in range(4):
            began, dead = time.monotonic(), pipeline.task(failures=3)
            pipeline.submit(dead)
            pipeline.settle(dead)
            took.append(time.monotonic() - began)
        began = time.monotonic()
        history = run.of(plain_load(SEED, tasks))
        seconds, late = time.monotonic() - began, list(lateness_seconds(history))
        # The first one finds no function initialised.
        return (
            f"| {scale:,.0f} | {statistics.median(took[1:]):.2f} s | {seconds:.1f} s | {statistics.median(late) * 1000:.0f} ms "
            f"| {max(late) * 1000:.0f} ms | {verdicts(grade(history, EXPECTED))} |"
        )


def broken_pipelines(scale: float, variants: Sequence[Variant]) -> list[str]:
    """The verdicts on each variant."""

    def deployed(numbered: tuple[int, Variant]) -> Stack:
        with broken_service(numbered[1]) as service:
            parameters = failure_parameters(SEED, 0.3)
            return deploy(
                endpoint, f"broken{numbered[0]}", places=replace(PLACES, service=service), parameters=parameters
            )

    def judged(stack: Stack) -> str:
        run = Run(endpoint=endpoint, stack=stack, terms=EXPECTED)
        return verdicts(grade(run.of(plain_load(SEED, BROKEN_TASKS)), EXPECTED))

    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder), cache=PLACES.cache, clock_scale=scale) as engine,
    ):
        endpoint: Endpoint = engine.start()
        with ThreadPoolExecutor(2) as pool:
            stacks = list(pool.map(deployed, enumerate(variants)))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(judged, stacks))


def main(tasks: int) -> None:
    """Print both tables as Markdown."""
    print(f"| clock scale | a dead-lettered task | {tasks} tasks | late, median | late, most | verdicts |")
    print("| --- | --- | --- | --- | --- | --- |")
    for scale in SCALES:
        print(our_pipeline(scale, tasks), flush=True)
    variants = [variant for variant in VARIANTS if variant.name in BROKEN]
    columns = [broken_pipelines(scale, variants) for scale in COMPARED]
    print("\n| broken pipeline |" + "".join(f" at {scale:g} |" for scale in COMPARED))
    print("| --- |" + " --- |" * len(COMPARED))
    for variant, *found in zip(variants, *columns, strict=True):
        print(f"| {variant.name}: {variant.sentence} | " + " | ".join(found) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
