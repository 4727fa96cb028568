"""How a service records its tasks: by which key, in which attribute the state stands, and which states are final.

Learnt from items as a table's stream told of them, of tasks whose end was seen from outside. A state that any task left again is not final,
whoever ended in it: a record that was never brought to its end teaches nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal

from taskguard.contract.learning.learnt import Learnt, decided, holds, times
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds

_RECORD = "record"
_FEWEST = 3
"""Fewer tasks that succeeded at once end in one state by chance."""
_MOST_STATES = 12
"""More are no states, but texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The record of a task as its table had it, change by change (``images``, empty: there is none), and how the task ended by what was seen
    of it from outside; none where it did not, or not in one way. It did so ``at_once`` where no attempt of it had failed. ``sent`` is the
    payload of a probe's request, else none."""

    task_id: str
    ended: Literal["completed", "dead"] | None
    images: tuple[Mapping[str, Json], ...]
    sent: Json = None
    at_once: bool = True


def words_of_records(key: str, tasks: Sequence[Kept]) -> tuple[Learnt, ...]:
    """What is to be learnt of the records that a table has under these tasks' ids, as its partition ``key``; nothing without any."""
    ended = [each for each in tasks if each.ended is not None]
    kept = [each for each in ended if each.images]
    if not kept:
        return ()
    if len(kept) * 2 < len(ended):
        evidence = f"{len(kept)} of {times(len(ended), 'task')} have an item under their id"
        return (Learnt(table="record", key="key", candidates=(key,), evidence=evidence),)
    learnt = [Learnt(table="record", key="key", value=key, evidence=f"the ids of {times(len(kept), 'task')} are in it")]
    learnt += _states(kept)
    probes = [each for each in kept if each.sent is not None]
    if probes:
        found = [
            frozenset(name for name, value in each.images[-1].items() if holds(_read(value), each.sent))
            for each in probes
        ]
        # What one record has right is the payload; where others have another, that is for a check to tell.
        found = [names for names in found if names] or found
        learnt.append(decided("record", "payload", found, what="the payload", where=_RECORD))
    return tuple(learnt)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """One attribute that may be the state: the values that some task left, and those with which tasks ended; of those that were completed
    after a failure which ended ``later``, by their states."""

    name: str
    left: frozenset[str]
    completed: Counter[str]
    dead: Counter[str]
    later: Mapping[str, Sequence[str]]

    @property
    def finals(self) -> tuple[frozenset[str], frozenset[str]]:
        """Those of the completed and of the dead that nobody left."""
        return frozenset(self.completed) - self.left, frozenset(self.dead) - self.left

    @property
    def unlike(self) -> Mapping[str, Sequence[str]]:
        """The tasks that were completed after a failure, by states in which none was that had not failed; none where too few had not."""
        at_once = self.completed.total() - sum(map(len, self.later.values()))
        own = {state: tasks for state, tasks in self.later.items() if len(tasks) == self.completed[state]}
        return own if at_once >= _FEWEST else {}

    @property
    def moves(self) -> bool:
        """Whether it says how far a task is."""
        return bool(self.left)

    @property
    def may_be_state(self) -> bool:
        """Whether it may be the state at all: it tells tasks apart by how far they are, and has few values."""
        several = len(self.left | self.completed.keys() | self.dead.keys())
        told_apart = self.moves or (bool(self.dead) and not self.completed.keys() & self.dead.keys())
        repeated = max(self.completed.values(), default=0) > 1
        return bool(self.completed) and repeated and told_apart and several <= _MOST_STATES

    @property
    def is_clear(self) -> bool:
        """Whether one state stands for all completed tasks, and at most one other for the dead."""
        completed, dead = self.finals
        return len(completed) == 1 and len(dead) <= 1 and not completed & dead


def _states(kept: Sequence[Kept]) -> Iterator[Learnt]:
    names = sorted({name for each in kept for image in each.images for name in image})
    possible = [each for name in names if (each := _attribute(name, kept)).may_be_state]
    # A state is on the record of each task that succeeded; what went wrong with it before is on some.
    everywhere = max((each.completed.total() for each in possible), default=0)
    possible = [each for each in possible if each.completed.total() == everywhere]
    # What moves says more than what is set once.
    moving = [each for each in possible if each.moves] or possible
    clear = [each for each in moving if each.is_clear]
    if len(clear) == 1:
        yield from _of_clear(clear[0])
    elif clear:
        told = tuple(each.name for each in clear)
        yield Learnt(
            table="record", key="status", candidates=told, evidence="several attributes tell how far a task is"
        )
    else:
        for each in moving:
            yield from _of_unclear(each)
        if not moving:
            evidence = "no attribute tells tasks that are done from others"
            yield Learnt(table="record", key="status", evidence=evidence)


def _of_clear(found: _Attribute) -> Iterator[Learnt]:
    completed, dead = found.finals
    left = f"; {', '.join(sorted(found.left))} was left again" if found.left else ""
    yield Learnt(table="record", key="status", value=found.name, evidence=f"it tells how far a task is{left}")
    number = sum(found.completed[state] for state in completed)
    yield Learnt(
        table="record",
        key="completed",
        value=tuple(sorted(completed)),
        evidence=f"{times(number, 'task')} that succeeded ended so",
    )
    if dead:
        evidence = f"{times(sum(found.dead[state] for state in dead), 'dead task')} ended so"
        yield Learnt(table="record", key="dead", value=tuple(sorted(dead)), evidence=evidence)
    elif found.dead:
        evidence = (
            f"{times(sum(found.dead.values()), 'dead task')} ended as {_counted(found.dead)}, which others left again: no state was seen "
            "that is a dead task's alone"
        )
        yield Learnt(table="record", key="dead", candidates=tuple(sorted(found.dead)), evidence=evidence)
    else:
        evidence = "no record was seen of a dead task that the run itself had not disturbed"
        yield Learnt(table="record", key="dead", evidence=evidence)


def _of_unclear(found: _Attribute) -> Iterator[Learnt]:
    completed, dead = found.finals
    if alike := completed & dead:
        later = {state: tasks for state, tasks in found.unlike.items() if state in alike}
        evidence = (
            f"in {found.name} tasks that succeeded and dead ones ended alike, as {', '.join(sorted(alike))}{_of(later)}"
        )
        yield Learnt(
            table="record",
            key="dead",
            candidates=tuple(sorted(dead)),
            evidence=evidence,
            inconsistent=True,
            unlike=tuple(sorted(chain.from_iterable(later.values()))),
        )
        return
    for key, finals, counts in (("completed", completed, found.completed), ("dead", dead, found.dead)):
        if len(finals) > 1:
            whose = "tasks that succeeded" if key == "completed" else "dead tasks"
            spelt = len({each.casefold() for each in finals}) < len(finals)
            evidence = f"in {found.name} {whose} ended as {_counted(counts)}"
            evidence += ", one word in several spellings" if spelt else ""
            unlike = found.unlike if key == "completed" and not spelt else {}
            evidence += _of(unlike)
            yield Learnt(
                table="record",
                key=key,
                candidates=tuple(sorted(finals)),
                evidence=evidence,
                inconsistent=spelt,
                unlike=tuple(sorted(chain.from_iterable(unlike.values()))),
            )
    if not completed:
        evidence = f"in {found.name} tasks that succeeded ended as {_counted(found.completed)}, which others left again"
        yield Learnt(table="record", key="completed", candidates=tuple(sorted(found.completed)), evidence=evidence)


def _of(unlike: Collection[str]) -> str:
    return f"; as {' and '.join(sorted(unlike))} none that succeeded at once" if unlike else ""


def _attribute(name: str, kept: Iterable[Kept]) -> _Attribute:
    left: set[str] = set()
    ends: dict[str | None, Counter[str]] = {"completed": Counter(), "dead": Counter()}
    later: dict[str, list[str]] = {}
    for each in kept:
        values = [value for image in each.images if (value := _state(image.get(name), each.task_id)) is not None]
        left.update(before for before, after in pairwise(values) if before != after)
        if values and each.ended is not None and _state(each.images[-1].get(name), each.task_id) is not None:
            ends[each.ended][values[-1]] += 1
            if each.ended == "completed" and not each.at_once:
                later.setdefault(values[-1], []).append(each.task_id)
    return _Attribute(name, frozenset(left), ends["completed"], ends["dead"], later)


def _state(value: Json, task_id: str) -> str | None:
    return value if isinstance(value, str) and value and value != task_id and milliseconds(value) is None else None


def _read(value: Json) -> Json:
    """What an attribute has: a payload may be kept as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        document: Json = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return document


def _counted(counts: Counter[str]) -> str:
    return " and ".join(f"{state} ({count})" for state, count in sorted(counts.items()))
