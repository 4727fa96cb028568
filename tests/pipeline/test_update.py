"""A stage is updated in place while tasks are in their backoffs: none is lost, none done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from taskguard.history import DeadLettered, Delivered, History
from taskguard.ingress.workload import Task
from taskguard.run.running import Run
from taskguard.service import deployment
from taskguard.service.ours import failure_parameters, failure_settings
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.testing.pipeline import Pipeline
from taskguard.testing.shared_engine import SharedEngine

from tests.pipeline.judging import not_passed
from tests.places import PLACES, copy_of_service
from tests.terms import our_terms

pytestmark = [pytest.mark.heavy, pytest.mark.long]

STAGE, SEED, RATE, NEW_RATE = "update", "an update", 0.3, 0.4
SAID, SAYS_NOW = "attempt succeeded", "attempt succeeded, says the new handler"
# Long enough for a deploy to end meanwhile. It keeps the machine busy, so that messages come back late; they must not come
# back early.
BACKOFF_SECONDS = 15
EXPECTED = our_terms(
    seed=SEED,
    rate=RATE,
    waits=(BACKOFF_SECONDS,) * 3,
    late_seconds=60,
)
# Which attempts fail is decided by two rates there, the old one and the new.
DECIDED_BY_THE_RATE = ("first_failure_rate", "later_failure_rate", "independence")
FATES = (3, 1, 2, 3, 0, 2, 1, 3)


def test_an_update_in_place_loses_no_task_in_flight(
    endpoint: Endpoint, deploy: Callable[..., Stack], shared_engine: SharedEngine, tmp_path: Path
) -> None:
    stack = deploy(STAGE, **parameters(RATE))
    run = Run(endpoint=endpoint, stack=stack, terms=EXPECTED, alone=False)
    pipeline = Pipeline(run=run, prefix="update", folder=shared_engine.folder / "histories")
    before = [pipeline.task(failures=failures) for failures in FATES]
    pipeline.submit(*before)
    in_backoff = {task.task_id for task, failures in zip(before, FATES, strict=True) if failures}
    wait_for(lambda: in_backoff <= failed_once(pipeline, before), seconds=60)

    during = submitting_meanwhile(pipeline, lambda: update(endpoint, changed_service(tmp_path), shared_engine.folder))
    updated_at_ms = max(event.answered_ms for event in pipeline.submitted)
    after = [pipeline.task() for _ in range(4)]
    pipeline.submit(*after)

    assert failure_settings(endpoint, stack) == (SEED, NEW_RATE)
    tasks = [*before, *during, *after]
    history = pipeline.settle(*tasks)
    seen: list[Delivered | DeadLettered] = [*history.of_kind(Delivered), *history.of_kind(DeadLettered)]
    assert {event.task_id for event in seen if event.at_ms > updated_at_ms} & in_backoff
    at_once = {task.task_id for task in after if completed_at_once(history, task)}
    assert at_once
    wait_for(lambda: says_now(pipeline) >= at_once, seconds=15)  # logs arrive a moment later
    assert not_passed(history, EXPECTED, leaving_out=DECIDED_BY_THE_RATE) == {}


def failed_once(pipeline: Pipeline, tasks: list[Task]) -> set[str]:
    records = (pipeline.record(task.task_id) for task in tasks)
    return {record.task_id for record in records if record.last_error is not None}


def changed_service(folder: Path) -> Path:
    """A copy of the service, whose handler logs something else."""
    service = copy_of_service(folder / "service")
    handler = service / "handlers" / "process_task.py"
    source = handler.read_text()
    assert source.count(f'"{SAID}"') == 1
    handler.write_text(source.replace(f'"{SAID}"', f'"{SAYS_NOW}"'))
    return service


def parameters(rate: float) -> dict[str, str]:
    return failure_parameters(SEED, rate) | {"backoffBaseSeconds": str(BACKOFF_SECONDS), "backoffFactor": "1"}


def update(endpoint: Endpoint, service: Path, folder: Path) -> None:
    places = replace(PLACES, service=service)
    deployment.deploy(endpoint, STAGE, places=places, parameters=parameters(NEW_RATE), log=folder / "update.log")


def submitting_meanwhile(pipeline: Pipeline, work: Callable[[], None]) -> list[Task]:
    """Hand in a task now and then until ``work`` is done; each must be accepted."""
    submitted: list[Task] = []
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)

        def submit_one() -> bool:
            submitted.append(pipeline.task(failures=len(submitted) % 2))
            pipeline.submit(submitted[-1])
            return working.done()

        wait_for(submit_one, seconds=180, every=0.5, at_most_every=0.5)
        working.result()
    return submitted


def completed_at_once(history: History, task: Task) -> bool:
    return [attempt.succeeded is not None for attempt in history.attempts_of(task.task_id)] == [True]


def says_now(pipeline: Pipeline) -> set[str]:
    """The tasks of which the new handler's words were logged."""
    name = pipeline.run.stack.function("processTask").name
    pages = pipeline.run.endpoint.logs().get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    lines = [event["message"] for page in pages for event in page["events"] if SAYS_NOW in event["message"]]
    ids = (task.task_id for task in pipeline.submitted if task.task_id is not None)
    return {task_id for task_id in ids if any(f'"{task_id}"' in line for line in lines)}
