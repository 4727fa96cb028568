"""What a variant is given to do: which tasks, whether they wait before anybody works on them, and how they are judged.

Small loads, since there are many variants: each has the fates that a fault needs to show. It must not know any variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from taskguard.contract.draws import Fate, find_task_id
from taskguard.contract.terms import Terms
from taskguard.ingress.load import Load as RunLoad
from taskguard.ingress.load import load_of
from taskguard.ingress.workload import Task
from taskguard.ingress.workload import tasks as workload

from tests.terms import our_terms

SEED = "mutants"
"""Of the workload and of the failures: each run of a variant has the same tasks and the same draws."""

RATE = 0.3

LATE_SECONDS = 10.0
"""No variant is about lateness, and the engine is busy with a dozen of them."""

_FATES = (0, 1, 0, 2, 0, 3, 1, 3)
"""How often each of the tasks fails. The sixth and the eighth die; the payload of one is not ASCII, the other's has 1.0."""

_MORE_FATES = (*_FATES, 0, 2, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``fates`` are how often each task fails, none for ``count`` tasks as they come. With ``backlog`` all of them are on the
    queue before the consumer begins, so that they come in batches; ``graded`` it is what a graded run hands in. Judged ``seeded`` each attempt is compared with its draw, else the draws are not known to the checks, though they are the same each time. It is watched for ``patience_seconds``, on the
    machine's clock: long enough, since the pipeline's runs fast only while no other variant is at work."""

    fates: tuple[int, ...] = ()
    count: int = 0
    backlog: bool = False
    graded: bool = False
    seeded: bool = True
    patience_seconds: float = 300.0

    @property
    def is_large(self) -> bool:
        """Whether it keeps an engine busy for a while."""
        return self.count >= 60

    def of_run(self) -> RunLoad:
        """What is handed in, and how much of it waits."""
        if self.graded:
            return load_of(SEED, self.count, self.terms())
        tasks = tuple(self._tasks())
        return RunLoad(seed=SEED, tasks=tasks, waiting=len(tasks) if self.backlog else 0)

    def _tasks(self) -> Sequence[Task]:
        if not self.fates:
            return workload(SEED, self.count)
        payloads = [task.payload for task in workload(SEED, len(self.fates))]
        return [
            Task(
                task_id=find_task_id(SEED, RATE, Fate(failures, dead=failures == 3), f"task-{number:02d}"),
                payload=payload,
            )
            for number, (failures, payload) in enumerate(zip(self.fates, payloads, strict=True), 1)
        ]

    def terms(self) -> Terms:
        """What is expected of a pipeline that is given this load: as of any, but for lateness, since many share the machine."""
        return our_terms(seed=SEED if self.seeded else None, rate=RATE, late_seconds=LATE_SECONDS)


FATES = Load(fates=_FATES, backlog=True)
"""Eight tasks of which two die, one fails twice and two once. In a batch, since each that comes alone wants a function of its
own, whose cold start costs more than all else."""

BACKLOG = Load(fates=_MORE_FATES, backlog=True)
"""Twenty tasks in batches, of which two die, two fail twice and six once."""

NEVER_SETTLES = replace(FATES, patience_seconds=75.0)
"""For pipelines that do not end what they were given."""

PROBES = Load(count=6, graded=True)
"""A few tasks, and all the probes that a graded run hands in beside them."""

GRADED = Load(count=30, graded=True)
"""What `taskguard grade` hands in when it is told nothing else."""

FEW = Load(fates=(0,))
"""For faults that show in what is deployed, not in what it does."""


def as_they_come(count: int, *, seeded: bool = True, backlog: bool = False) -> Load:
    """``count`` tasks whose fates nobody chose."""
    return Load(count=count, seeded=seeded, backlog=backlog)
