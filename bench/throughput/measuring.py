"""One measurement: so many tasks, handed in as fast as the API takes them, and watched until all have settled."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from taskguard.contract.dialect import RECORD, TASKGUARD
from taskguard.evidence.queues import Queues
from taskguard.evidence.records import Records
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.workload import tasks as workload
from taskguard.run.watch import all_empty
from taskguard.service.deployment import deploy
from taskguard.service.ours import failure_parameters
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.ministack import MiniStackInstance
from taskguard.targets.process import ProcessTarget

from tests.places import PLACES

Engine = ProcessTarget[LocalStackInstance] | ProcessTarget[MiniStackInstance]
WARM_UP = 40
_LOOK_EVERY_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run took. Rates are tasks a second; ``settle_seconds`` is from the first submission until nothing was left (none:
    not within the deadline), ``first_receive_seconds`` from the API's answer to the start of the first attempt, median and
    most; ``engine_ms`` and ``functions_ms`` are processor time for a task, ``engine_mb`` and ``harness_mb`` resident memory."""

    engine: str
    tasks: int
    rate: float
    submit_rate: float
    settle_seconds: float | None
    first_receive_seconds: tuple[float, float]
    engine_ms: float
    functions_ms: float
    engine_mb: float
    harness_mb: float

    @property
    def settle_rate(self) -> float:
        return self.tasks / self.settle_seconds if self.settle_seconds is not None else 0.0


def measure(name: str, engine: Engine, folder: Path, seed: str, tasks: int, rate: float, deadline: float) -> Measured:
    """Start ``engine``, deploy our pipeline to it with the Serverless CLI, warm it up, and run ``tasks`` tasks through it."""
    with engine:
        endpoint = engine.start()
        stack = deploy(
            endpoint, "bench", places=PLACES, parameters=failure_parameters(seed, rate), log=folder / "deploy.log"
        )
        client, queues, records = (
            HttpClient(stack.api_url),
            Queues(endpoint, stack),
            Records(endpoint, stack, TASKGUARD),
        )
        client.submit_all(workload(f"{seed}-warm-up", WARM_UP))
        _wait_until_settled(queues, records, [task.task_id for task in workload(f"{seed}-warm-up", WARM_UP)], deadline)

        wanted = workload(seed, tasks)
        before, began = dict(_processor_seconds(engine.running.pid)), time.monotonic()
        submitted = client.submit_all(wanted)
        submit_seconds = time.monotonic() - began
        ids = [event.task_id for event in submitted if event.accepted and event.task_id is not None]
        if len(ids) != tasks:
            raise RuntimeError(f"{name} accepted {len(ids)} of {tasks} tasks")
        settled_at = _wait_until_settled(queues, records, ids, deadline)
        after = dict(_processor_seconds(engine.running.pid))
        answered = {event.task_id: event.answered_ms for event in submitted}
        firsts = [
            max(0.0, (record.attempts[0].started_at_ms or 0.0) - answered[record.task_id]) / 1000
            for record in records.records(ids)
            if record.attempts
        ]
        return Measured(
            engine=name,
            tasks=tasks,
            rate=rate,
            submit_rate=tasks / submit_seconds,
            settle_seconds=settled_at - began if settled_at is not None else None,
            first_receive_seconds=(statistics.median(firsts), max(firsts)) if firsts else (0.0, 0.0),
            engine_ms=(after["engine"] - before["engine"]) / tasks * 1000,
            functions_ms=(after["functions"] - before["functions"]) / tasks * 1000,
            engine_mb=psutil.Process(engine.running.pid).memory_info().rss / 1e6,
            harness_mb=psutil.Process().memory_info().rss / 1e6,
        )


def _wait_until_settled(queues: Queues, records: Records, ids: list[str], deadline: float) -> float | None:
    """When all had settled, by ``time.monotonic``; none when that took longer than ``deadline`` seconds."""
    end, unsettled = time.monotonic() + deadline, set(ids)
    while time.monotonic() < end:
        # Records are read only once there is nothing in the queues: reading thousands would itself take its time.
        if all_empty(queues.queue_depths()):
            now = time.monotonic()
            unsettled -= {i for i, status in records.statuses(unsettled).items() if status in RECORD.finals}
            if not unsettled:
                return now
        time.sleep(_LOOK_EVERY_SECONDS)
    return None


def _processor_seconds(pid: int) -> Iterator[tuple[str, float]]:
    """What the engine and its functions have used up to now; functions that have ended are not counted."""
    engine = psutil.Process(pid)
    yield "engine", _seconds(engine)
    yield "functions", sum(map(_seconds, engine.children(recursive=True)))


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
