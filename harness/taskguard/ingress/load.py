"""What a graded run hands in, and in which order: its tasks, those beside them that are sure to die, and how many of all wait.

It all follows from seeds. Fates are known only where the failures have a seed. It must not know how tasks are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from taskguard.contract.draws import Fate, find_task_id
from taskguard.faults.fates import Fated
from taskguard.ingress.workload import Task, payload_of, prefix_of
from taskguard.ingress.workload import tasks as workload

_MOST_WAITING = 20
"""Two batches of the worker's. More would only keep others waiting."""

_OF_A_BATCH = 10

_PAYLOADS_OF_THE_DYING = (8, 6)
"""By their numbers in the workload: text that is not ASCII, and 1.0, which is not 1. What is logged of a dead task must keep both."""

_FIRST_PAYLOAD_OF_THE_FATED = 5
"""So that the dying ones have text that is not ASCII, and awkward numbers."""

_TRIES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The ``tasks`` in the order in which they are handed in; the first ``waiting`` of them wait until all of these are on the
    queue. ``chosen`` of all were chosen for their fate, beside those that were asked for; ``fates`` are those that the run has to bring
    about itself, by the task's id."""

    tasks: tuple[Task, ...]
    waiting: int
    fates: Mapping[str, Fated] = field(default_factory=dict)

    @property
    def task_ids(self) -> list[str]:
        """The ids of all of them."""
        return [task.task_id for task in self.tasks]

    @property
    def chosen(self) -> int:
        """How many were chosen for their fate."""
        return sum(task.chosen for task in self.tasks)


def plain_load(seed: str, count: int, *, exact_numbers: bool = True) -> Load:
    """``count`` tasks as they come, and nothing else."""
    return Load(tasks=workload(seed, count, exact_numbers=exact_numbers), waiting=0)


def load_of(
    seed: str,
    count: int,
    *,
    failure_seed: str | None,
    rate: float,
    max_receives: int = 3,
    exact_numbers: bool = True,
    fated: bool = False,
) -> Load:
    """``count`` tasks, half of which wait, and where fates are known two more among those that wait, which die.

    ``seed`` decides the ids, ``failure_seed`` the fates. At a rate at which hardly any task dies there are none of these. Where the tasks
    are ``fated`` there are others among those that wait, and the run has to bring their fates about.
    """
    tasks = workload(seed, count, exact_numbers=exact_numbers)
    half = min(_MOST_WAITING, (count + 1) // 2)
    beside = () if failure_seed is None else _dying(seed, failure_seed, rate, max_receives)
    fates = {f"{prefix_of(seed)}-{each}": each for each in Fated} if fated else {}
    others = [
        Task(task_id=task_id, payload=payload_of(seed, number, exact_numbers=exact_numbers), chosen=True)
        for number, task_id in enumerate(fates, _FIRST_PAYLOAD_OF_THE_FATED)
    ]
    # What is broken off or denied takes its batch with it: they are at the two ends, and the others in between.
    first, others, last = others[:1], others[1:-1], others[1:][-1:]
    apart = min(_OF_A_BATCH - 1, half * 2 // 3) if first else 0
    # Behind one another's back: a batch has those that fail between those that do not.
    mixed = chain(first, tasks[:apart], chain.from_iterable(zip_longest(tasks[apart:half], (*beside, *others))), last)
    waiting = tuple(task for task in mixed if task is not None)
    return Load(tasks=(*waiting, *tasks[half:]), waiting=len(waiting), fates=fates)


def _dying(seed: str, failure_seed: str, rate: float, max_receives: int) -> tuple[Task, ...]:
    fate = Fate(max_receives, dead=True)
    # So many tries would hardly be enough.
    if rate**max_receives * _TRIES < 1:
        return ()
    return tuple(
        Task(
            task_id=find_task_id(
                failure_seed,
                rate,
                fate,
                f"{prefix_of(seed)}-dies-{place}",
                max_receives=max_receives,
                tries=50 * _TRIES,
            ),
            payload=payload_of(seed, number),
            chosen=True,
        )
        for place, number in enumerate(_PAYLOADS_OF_THE_DYING, 1)
    )
