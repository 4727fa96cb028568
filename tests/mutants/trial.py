"""One variant at work: it is given its load, and graded twice, by what the engine saw and by its logs alone.

It must not know which verdicts are hoped for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from taskguard.evidence.sources import log_source
from taskguard.history import History, SavedRun
from taskguard.judging.grading import Grade, grade
from taskguard.run.backlog import Backlog
from taskguard.run.injecting.fates import Fates
from taskguard.run.manifests import manifest_of
from taskguard.run.outside import Outside
from taskguard.run.probing import fitted_to_stack
from taskguard.run.running import Run
from taskguard.run.watch import Pace
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

from tests.mutants.loads import Load

_PACE = Pace(look_every_seconds=1.0, quiet_seconds=6.0)
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
    # They are the same by either evidence.
    logged.configuration = seen.configuration
    given = fitted_to_stack(load.of_run(), endpoint, stack)

    backlog = Backlog(endpoint, stack, terms, waiting=given.waiting) if given.waiting else None
    outside = Outside(backlog=backlog, fates=Fates(endpoint, stack, given.fates) if given.unsent is not None else None)
    with outside.active():
        answers, settled, _ = seen.submit_and_watch(given, outside=outside, pace=_PACE, seconds=load.patience_seconds)
    events = [*answers, *outside.events]

    def graded(name: str, run: Run) -> Grade:
        history = run.history(events, deadline_reached=not settled)
        _keep(history, run, given.asked_for, folder / name)
        return grade(history, terms)

    return Trial(seen=graded("seen", seen), from_logs=graded("from-logs", logged), folder=folder)


def _keep(history: History, run: Run, tasks: int, folder: Path) -> None:
    SavedRun(history=history, manifest=manifest_of(run, tasks, {})).write(folder)
