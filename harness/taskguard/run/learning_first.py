"""Learns a service's words before a run in which things are broken on purpose: of what is broken nothing could be learnt, and a fault that is
meant for a task is to know it by the service's words.

A few tasks are handed in and watched to their ends, two of which are made to die. They are in none of the run's numbers. It must not know which
faults will come.
"""

from __future__ import annotations

from taskguard.contract.dialect import Dialect
from taskguard.evidence.sources import source_at
from taskguard.faults.fates import Fated
from taskguard.ingress.load import Load
from taskguard.ingress.probes import wording_of
from taskguard.ingress.workload import Task, payload_of, prefix_of, random_seed, tasks
from taskguard.run.backlog import Backlog
from taskguard.run.events import Announced, Tell
from taskguard.run.injecting.fates import Fates
from taskguard.run.learning import can_learn
from taskguard.run.outside import Outside
from taskguard.run.running import Run

_OTHERS = 3
"""So many that are done show which state is that of the done."""
_DYING = (Fated.DIES, Fated.DIES_TOO)


def with_words_learnt(run: Run, tell: Tell) -> Run:
    """The run, by the words that its stack's service has; the same where all of them are stated, or nobody records what happens.

    Raises:
        IngressError: a task is taken in no words that are known.
        SubmissionError: the API cannot be reached.
    """
    load = _load(run.dialect)
    if not can_learn(run.endpoint, run.stack, run.dialect, load):
        return run
    tell(Announced(f"Learning the service's words from {len(load.tasks)} tasks, before anything is broken"))
    before = Run(
        endpoint=run.endpoint,
        stack=run.stack,
        terms=run.terms,
        alone=run.alone,
        source=source_at(run.endpoint, run.stack, run.dialect, since_ms=run.endpoint.clock.now_ms()),
    )
    before.of(
        load,
        outside=Outside(
            backlog=Backlog(run.endpoint, run.stack, run.terms, waiting=load.waiting),
            fates=Fates(run.endpoint, run.stack, load.fates, tell),
        ),
    )
    since_ms = run.endpoint.clock.now_ms()
    return Run(
        endpoint=run.endpoint,
        stack=run.stack,
        terms=before.terms,
        alone=run.alone,
        source=source_at(run.endpoint, run.stack, before.dialect, since_ms=since_ms),
        learnt=before.learnt,
    )


def _load(dialect: Dialect) -> Load:
    seed = random_seed()
    wording, prefix = wording_of(seed, dialect), prefix_of(seed)
    fates = {f"{prefix}-{each}": each for each in _DYING}
    dying = [
        Task(task_id=task_id, payload=payload_of(seed, number, exact_numbers=False), chosen=True, probe=str(fated))
        for number, (task_id, fated) in enumerate(fates.items(), _OTHERS + 1)
    ]
    all_of_them = (*wording, *tasks(seed, _OTHERS, exact_numbers=False), *dying)
    return Load(seed=seed, tasks=all_of_them, waiting=len(all_of_them), fates=fates, wording=len(wording))
