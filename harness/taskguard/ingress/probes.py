"""The probes: tasks that a graded run hands in beside those that it was asked for, each to give a kind of fault its chance.

docs/workload.md describes them one by one. They follow from seeds alone. It must not know how or when they are handed in, but for the
moment at which a task is to be handed in again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from taskguard.contract.contract import Weight
from taskguard.contract.dialect import Dialect
from taskguard.contract.draws import Fate, find_task_id
from taskguard.contract.terms import Terms
from taskguard.faults.fates import Fated
from taskguard.ingress.workload import Task, payload_of, prefix_of
from taskguard.support.json_values import Json

_TRIES = 100_000
_PAYLOADS_OF_THE_DYING = (8, 6)
"""By their numbers in the workload: text that is not ASCII, and 1.0, which is not 1. What is logged of a dead task must keep both."""

SIZE_LIMIT = "size-limit"
"""The probe whose payload is just below the smallest limit on its way, which is known only when the stack is."""

SENDS_REFUSED = "send-is-refused"
"""The probe whose API is not allowed to send anything on."""

_ENVELOPE_BYTES = 2048
"""What a service may add to a payload on its way."""

_USUAL: Final[dict[str, Json]] = {"job": "build-report", "number": 0}
"""What every payload of a run's tasks has."""

_WORDING = 3
"""Two would tell what is the same in all from what is each one's own; a third tells whether they agree."""

_DEEP = 24
"""Levels of nesting; DynamoDB keeps 32: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html."""


class Moment(StrEnum):
    """When a task is handed in again."""

    AT_ONCE = "at once"
    IN_A_ROW = "in a row"
    BACKING_OFF = "while it backs off"
    COMPLETED = "after it was completed"
    DEAD = "after it was dead-lettered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A task of the load that is handed in again at some moment: the same, or under its id another `payload`."""

    task: Task
    moment: Moment
    payload: dict[str, Json] | None = None

    @property
    def repeated(self) -> Task:
        """What is handed in then."""
        return self.task if self.payload is None else replace(self.task, payload=self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The probes of a run: those that are handed in before work begins, those that come later, what is handed in again, and the one that is
    ``unsent``: while it is handed in the API may send nothing."""

    waiting: tuple[Task, ...] = ()
    later: tuple[Task, ...] = ()
    again: tuple[Again, ...] = ()
    unsent: Task | None = None


class _Making:
    """Makes the tasks of one run's probes. Fates are chosen where the failures have a seed, else they are whatever comes."""

    def __init__(self, seed: str, terms: Terms) -> None:
        self._prefix, self._seed, self._rate = prefix_of(seed), terms.seed, terms.rate
        self.receives = terms.contract.attempts.highest or 3

    def task(self, probe: str, payload: dict[str, Json], fate: Fate | None = None) -> Task:
        task_id, seed, rate = f"{self._prefix}-{probe}", self._seed, self._rate
        if fate is not None and seed is not None and rate is not None and self.knows(fate):
            task_id = find_task_id(seed, rate, fate, task_id, max_receives=self.receives, tries=50 * _TRIES)
        return Task(task_id=task_id, payload=payload, chosen=True, probe=probe)

    def knows(self, fate: Fate) -> bool:
        """Whether a task with this fate can be found."""
        if self._seed is None or self._rate is None:
            return False
        # So many tries would hardly be enough.
        return self._rate**fate.failures * (1 if fate.dead else 1 - self._rate) * _TRIES >= 1


def probes_of(seed: str, terms: Terms, fated: Sequence[Task] = ()) -> Probes:
    """All probes that these terms leave room for. ``seed`` decides the ids, the terms' draws the fates: without a seed of failures, and
    at a rate at which hardly any task dies, there are none that are sure to die. Then a task that is ``fated`` to die, or to fail, is handed
    in again."""
    making = _Making(seed, terms)
    dying = tuple(_dying(seed, making))
    again = tuple(_again(making, dying, {task.probe: task for task in fated}, terms))
    waiting = [each.task for each in again if each.moment is Moment.IN_A_ROW]
    later = [each.task for each in again if each.moment in (Moment.BACKING_OFF, Moment.COMPLETED)]
    later = [task for task in later if task not in fated]
    later += [*_sizes(making, terms), *_texts(making)]
    if terms.dialect.ingress.id == "request":
        later += _alike(making)
    unsent = None if terms.dialect.ingress.route == "queue" else making.task(SENDS_REFUSED, dict(_USUAL), Fate(0))
    return Probes(waiting=(*dying, *waiting), later=tuple(later), again=again, unsent=unsent)


def wording_of(seed: str, dialect: Dialect) -> tuple[Task, ...]:
    """The probes by which a service's words for the id and the payload in a message are learnt; none where they are stated. Their payloads
    are such as any JSON keeps."""
    message = dialect.message
    if dialect.ingress.route == "queue" or None not in (message.id, message.payload):
        return ()
    prefix = prefix_of(seed)
    return tuple(
        Task(
            task_id=f"{prefix}-wording-{number}",
            payload=_USUAL | {"number": number, "text": f"marked {prefix} {number}"},
            chosen=True,
            probe="wording",
        )
        for number in range(1, _WORDING + 1)
    )


def beside(seed: str, count: int) -> Iterator[Task]:
    """So many tasks that share the fate of another's batch."""
    for number in range(1, count + 1):
        task_id = f"{prefix_of(seed)}-beside-{number}"
        yield Task(task_id=task_id, payload=_USUAL | {"number": number}, chosen=True, probe="beside")


def fitted(task: Task, largest_bytes: int) -> Task:
    """The task, of the probe `size-limit`, with as much text as a message of ``largest_bytes`` takes beside what a service adds."""
    room = largest_bytes - _ENVELOPE_BYTES - len(json.dumps(task.payload))
    return replace(task, payload=task.payload | {"text": "x" * max(0, room)})


def _dying(seed: str, making: _Making) -> Iterator[Task]:
    fate = Fate(making.receives, dead=True)
    for place, number in enumerate(_PAYLOADS_OF_THE_DYING, 1) if making.knows(fate) else ():
        yield making.task(f"dies-{place}", payload_of(seed, number), fate)


def _again(making: _Making, dying: tuple[Task, ...], fated: Mapping[str | None, Task], terms: Terms) -> Iterator[Again]:
    if terms.contract.api.idempotent is Weight.OFF or terms.dialect.ingress.id != "request":
        return
    # Of two waits one is long enough to be noticed in time, however fast the clock.
    done, retried = Fate(0), Fate(min(2, making.receives - 1))
    payload = dict(_USUAL)
    yield Again(task=making.task("again-at-once", payload, done), moment=Moment.AT_ONCE)
    yield Again(task=making.task("again-in-a-row", payload, retried), moment=Moment.IN_A_ROW)
    other = making.task("again-with-another-payload", payload, done)
    yield Again(task=other, moment=Moment.IN_A_ROW, payload=_USUAL | {"number": 1})
    failing = fated.get(Fated.FAILS_ONCE) or making.task("again-while-it-backs-off", payload, retried)
    yield Again(task=failing, moment=Moment.BACKING_OFF)
    yield Again(task=making.task("again-when-completed", payload, done), moment=Moment.COMPLETED)
    if (dies := next(iter(dying), fated.get(Fated.DIES))) is not None:
        yield Again(task=dies, moment=Moment.DEAD)


def _sizes(making: _Making, terms: Terms) -> Iterator[Task]:
    yield making.task("size-2k", _USUAL | {"text": "x" * 2_000})
    yield making.task("size-64k", _USUAL | {"text": "x" * 64_000})
    # A log line that tells of such a death is longer than a log takes.
    if making.knows(Fate(0)) or not terms.contract.dead_letter.log:
        yield making.task(SIZE_LIMIT, _USUAL | {"text": ""}, Fate(0))


def _texts(making: _Making) -> Iterator[Task]:
    yield making.task("text-long", _USUAL | {"text": "A sentence of many. " * 60})
    # Composed, or replaced by what they are compatible with, these would be others.
    yield making.task("text-not-normalised", _USUAL | {"text": "Cafe\u0301 \u212b \ufb01 \u2460", "e\u0301": "a name"})
    nested: Json = "the end"
    for _ in range(_DEEP):
        nested = {"in": nested}
    yield making.task("nested-deeply", _USUAL | {"in": nested})


def _alike(making: _Making) -> Iterator[Task]:
    for name in ("like-1", "like-10", "like-2", "like-a", "like-A"):
        yield making.task(name, dict(_USUAL))
