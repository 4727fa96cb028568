"""One variant at work: it is given its load, and graded twice, by what the engine saw and by its logs alone.

It must not know which verdicts are hoped for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskguard.evidence.queues import Queues
from taskguard.evidence.records import Records
from taskguard.evidence.sources import log_source
from taskguard.history import Event, History, SavedRun, TaskSubmitted
from taskguard.ingress.client import Client
from taskguard.ingress.workload import Task
from taskguard.judging.grading import Grade, grade
from taskguard.run.backlog import Backlog
from taskguard.run.manifests import manifest_of
from taskguard.run.running import Run
from taskguard.run.watch import Pace, Progress, watch
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

from tests.mutants.loads import Load

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
    terms = load.terms()
    seen, logged = (
        Run(endpoint=endpoint, stack=stack, terms=terms, source=source)
        for source in (None, log_source(endpoint, stack))
    )
    tasks, waiting = load.tasks(), load.waiting
    client = Client(stack.api_url, clock=endpoint.clock)
    records, queues = Records(endpoint, stack, seen.dialect), Queues(endpoint, stack)

    def submit_and_watch(backlog: Backlog | None) -> tuple[list[TaskSubmitted], bool]:
        submitted = client.submit_all(tasks[:waiting])
        if backlog is not None:
            backlog.let_work_go()
        submitted += client.submit_all(tasks[waiting:])
        accepted = [event.task_id for event in submitted if event.accepted and event.task_id is not None]

        def look(progress: Progress) -> None:
            if backlog is not None:
                backlog.look(progress.depths)

        return submitted, watch(records, queues, accepted, terms, seconds=load.patience_seconds, pace=_PACE, tell=look)

    if waiting:
        with Backlog(endpoint, stack, terms, waiting=waiting) as backlog:
            submitted, settled = submit_and_watch(backlog)
        events: list[Event] = [*submitted, *backlog.events]
    else:
        submitted, settled = submit_and_watch(None)
        events = [*submitted]

    def graded(name: str, run: Run) -> Grade:
        history = run.history(events, deadline_reached=not settled)
        _keep(history, run, tasks, folder / name)
        return grade(history, terms)

    return Trial(seen=graded("seen", seen), from_logs=graded("from-logs", logged), folder=folder)


def _keep(history: History, run: Run, tasks: Sequence[Task], folder: Path) -> None:
    SavedRun(history=history, manifest=manifest_of(run, len(tasks), {})).write(folder)
