"""One variant at work: it is given its load, and graded twice, by what the engine saw and by its logs alone.

It must not know which verdicts are hoped for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from taskguard.evidence.queues import Queues
from taskguard.evidence.records import Records
from taskguard.evidence.sources import LogSource
from taskguard.history import History, SavedRun
from taskguard.ingress.client import Client
from taskguard.ingress.workload import Task
from taskguard.judging.grading import Grade, grade
from taskguard.run.manifests import manifest_of
from taskguard.run.running import Run
from taskguard.run.watch import Pace, watch
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.mutants.loads import Load

_SWITCHING_SECONDS = 60.0
_PACE = Pace(look_every_seconds=0.4, quiet_seconds=6.0)
"""Slower than for a run that has the machine for itself: looking is work for the engine, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a pipeline was graded, by either evidence; its histories are in ``folder``, below the evidence's name."""

    seen: Grade
    from_logs: Grade
    folder: Path


def put_on_trial(endpoint: Endpoint, stack: Stack, load: Load, folder: Path) -> Trial:
    """Give a deployed pipeline its load, wait for its end, and grade it."""
    expectations = load.expectations()
    seen, logged = (
        Run(endpoint=endpoint, stack=stack, expectations=expectations, source=source)
        for source in (None, LogSource(endpoint, stack))
    )
    tasks = load.tasks()
    client = Client(stack.api_url, clock=endpoint.clock)
    with _held_back(endpoint, stack) if load.backlog else nullcontext():
        submitted = client.submit_all(tasks)
    accepted = [event.task_id for event in submitted if event.accepted and event.task_id is not None]
    records, queues = Records(endpoint, stack, seen.names), Queues(endpoint, stack)
    settled = watch(records, queues, accepted, expectations, seconds=load.patience_seconds, pace=_PACE)

    def graded(name: str, run: Run) -> Grade:
        history = run.history(submitted, deadline_reached=not settled)
        _keep(history, run, tasks, folder / name)
        return grade(history, expectations)

    return Trial(seen=graded("seen", seen), from_logs=graded("from-logs", logged), folder=folder)


@contextmanager
def _held_back(endpoint: Endpoint, stack: Stack) -> Iterator[None]:
    """Let nobody work on the queue for so long: afterwards its messages come in full batches."""
    functions = endpoint.functions()
    mappings = functions.list_event_source_mappings(EventSourceArn=stack.work_queue.arn)["EventSourceMappings"]

    def switched(uuid: str, state: str) -> bool:
        return functions.get_event_source_mapping(UUID=uuid)["State"] == state

    def switch(state: str) -> None:
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=state == "Enabled")
        for mapping in mappings:
            wait_for(partial(switched, mapping["UUID"], state), seconds=_SWITCHING_SECONDS)

    switch("Disabled")
    try:
        yield
    finally:
        switch("Enabled")


def _keep(history: History, run: Run, tasks: Sequence[Task], folder: Path) -> None:
    SavedRun(history=history, manifest=manifest_of(run, len(tasks), {})).write(folder)
