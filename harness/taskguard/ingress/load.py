"""What a graded run hands in, and in which order: its tasks, the probes beside them, and how many of all wait.

It all follows from seeds. It must not know how tasks are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from taskguard.contract.terms import Terms
from taskguard.faults.fates import Fated
from taskguard.ingress.probes import SIZE_LIMIT, Again, Moment, beside, fitted, probes_of, wording_of
from taskguard.ingress.workload import Task, payload_of, prefix_of
from taskguard.ingress.workload import tasks as workload

_MOST_WAITING = 20
"""Two batches of the worker's. More would only keep others waiting."""

_BESIDE = 9
"""The others of a batch of the worker's."""

_FIRST_PAYLOAD_OF_THE_FATED = 5
"""So that the dying ones have text that is not ASCII, and awkward numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The ``tasks`` in the order in which they are handed in; the first ``waiting`` of them wait until all of these are on the
    queue, and the first ``wording`` are handed in before all others, to learn the service's words of them. Those that were ``chosen`` are probes, beside
    those that were asked for; some tasks are handed in ``again``, and some have ``fates`` that the run has to bring about itself, by the
    task's id. While the one that is ``unsent`` is handed in the API may send nothing. What is no task is made from the ``seed``."""

    seed: str
    tasks: tuple[Task, ...]
    waiting: int = 0
    again: tuple[Again, ...] = ()
    fates: Mapping[str, Fated] = field(default_factory=dict)
    wording: int = 0
    unsent: Task | None = None

    @property
    def task_ids(self) -> list[str]:
        """The ids of all of them."""
        return list(dict.fromkeys(task.task_id for task in (*self.tasks, *self.apart)))

    @property
    def apart(self) -> tuple[Task, ...]:
        """The tasks that are handed in again, or while the API may send nothing."""
        again = tuple(each.task for each in self.again)
        return again if self.unsent is None else (*again, self.unsent)

    @property
    def clients(self) -> int:
        """As many of them hand in tasks at the same moment in any case."""
        return 2 if any(each.moment is Moment.AT_ONCE for each in self.again) else 1

    @property
    def asked_for(self) -> int:
        """How many tasks are none of the probes."""
        return sum(not task.chosen for task in self.tasks)

    @property
    def chosen(self) -> int:
        """How many tasks are handed in beside them."""
        return len(self.task_ids) - self.asked_for

    @property
    def probes(self) -> bool:
        """Whether there is anything beside the tasks that were asked for."""
        return bool(self.chosen)

    def fitted(self, largest_bytes: int | None) -> Load:
        """The load with the probe of the largest payload made for messages of ``largest_bytes``, or without it where that is not known."""
        tasks = [
            fitted(task, largest_bytes) if task.probe == SIZE_LIMIT and largest_bytes is not None else task
            for task in self.tasks
            if task.probe != SIZE_LIMIT or largest_bytes is not None
        ]
        return replace(self, tasks=tuple(tasks))


def load_with(tasks: Sequence[Task]) -> Load:
    """These tasks, and nothing else."""
    return Load(seed="", tasks=tuple(tasks))


def plain_load(seed: str, count: int, *, exact_numbers: bool = True) -> Load:
    """``count`` tasks as they come, and nothing else."""
    return Load(seed=seed, tasks=workload(seed, count, exact_numbers=exact_numbers))


def load_of(seed: str, count: int, terms: Terms, *, fated: bool = False) -> Load:
    """``count`` tasks, half of which wait, and the probes that these terms leave room for. ``seed`` decides the ids, the terms' draws
    the fates. Where the tasks are ``fated`` there are others among those that wait, and the run has to bring their fates about."""
    exact = terms.contract.payload.numbers == "exact"
    tasks = workload(seed, count, exact_numbers=exact)
    half = min(_MOST_WAITING, (count + 1) // 2)
    fates = {f"{prefix_of(seed)}-{each}": each for each in Fated} if fated else {}
    others = [
        Task(
            task_id=task_id,
            payload=payload_of(seed, number, exact_numbers=exact),
            chosen=True,
            probe=str(fates[task_id]),
        )
        for number, task_id in enumerate(fates, _FIRST_PAYLOAD_OF_THE_FATED)
    ]
    probes = probes_of(seed, terms, others)
    # What is broken off or denied takes its batch with it: both come before all tasks that were asked for, a batch apart.
    wording, struck, later = wording_of(seed, terms.dialect), tuple[Task, ...](), probes.later
    if fated:
        broken_off, *others, denied = others
        again = {each.task.task_id for each in probes.again}
        with_denied = [task for task in later if task.task_id not in again and task.probe != SIZE_LIMIT][:_BESIDE]
        later = tuple(task for task in later if task not in with_denied)
        fillers = tuple(beside(seed, 2 * _BESIDE - len(wording) - len(with_denied)))
        apart = _BESIDE - len(wording)
        struck = (broken_off, *fillers[:apart], denied, *with_denied, *fillers[apart:])
    waiting = (*wording, *struck, *_mixed(tasks[:half], (*probes.waiting, *others)))
    return Load(
        seed=seed,
        tasks=(*waiting, *_dying_early(_mixed(tasks[half:], later), terms)),
        waiting=len(waiting),
        again=probes.again,
        fates=fates,
        wording=len(wording),
        unsent=probes.unsent,
    )


def _dying_early(tasks: Sequence[Task], terms: Terms) -> tuple[Task, ...]:
    """Those that die by their draws are among the first: nothing takes a run longer than all of their waits."""
    attempts = range(1, (terms.contract.attempts.highest or 1) + 1)
    dying = [task for task in tasks if all(terms.drawn_to_fail(task.task_id, each) for each in attempts)]
    return _mixed([task for task in tasks if task not in dying], dying)


def shared_load(seed: str, count: int, terms: Terms) -> Load:
    """The same for a stack that others use, too: nothing waits there, and nothing is refused."""
    return replace(load_of(seed, count, terms), waiting=0, unsent=None)


def _mixed(tasks: Sequence[Task], probes: Sequence[Task]) -> tuple[Task, ...]:
    """Behind one another's back: a batch has those that fail between those that do not."""
    return tuple(task for task in chain.from_iterable(zip_longest(tasks, probes)) if task is not None)
