"""Each thing that can go wrong at each place of each story: the cases, one fault and one task of its own for each.

Generated from what was seen, so that a call is struck in every way from the day it is made. It must not know how a case is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from taskguard.contract.draws import find_task_id
from taskguard.faults.kinds import KINDS, Site
from taskguard.faults.plan import Fault, Phase
from taskguard.ingress.workload import Task
from taskguard.support.json_values import Json

from tests.faults.stories import STORIES, Call, Scene

_OF_A_BATCH = ("unknown-id",)
"""A request to the API is no batch."""

_AT_A_START = ("no-init", "skew")
"""These strike a process before it knows of any task."""

_TRIED_AGAIN = ("throttle", "error", "disconnect")
"""After these a client tries again by itself: one try is struck, or all of them, so that the call fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task that lives through ``story`` while one ``fault`` strikes it."""

    name: str
    story: str
    fault: Fault
    task: Task


def cases_of(scenes: Iterable[Scene], seed: str, rate: float) -> list[Case]:
    """Every case; ``seed`` and ``rate`` are those of the simulated failures, which decide what a task lives through."""
    return [_case(scene.story, fault, seed, rate) for scene in scenes for fault in _faults(scene)]


def _faults(scene: Scene) -> Iterator[Fault]:
    for call in scene.calls:
        yield from _at(scene, call)
    for kind in KINDS.values():
        if kind.site is Site.FUNCTION and kind.name not in _AT_A_START:
            if scene.queue is not None or kind.name not in _OF_A_BATCH:
                yield Fault(kind=kind.name, function=scene.function, receive=scene.receive)
        elif kind.site is Site.MESSAGE and scene.queue is not None and (kind.name != "again" or _is_last(scene)):
            for when in Phase if kind.two_phases else (None,):
                # A success is overridden: there is one only at the last receive of a task that does not die.
                if kind.name != "fail" or when is Phase.BEFORE or _is_last(scene):
                    yield Fault(kind=kind.name, when=when, function=scene.queue, receive=scene.receive)


def _is_last(scene: Scene) -> bool:
    """Whether the message is deleted after it: the task is done, or buried."""
    fate = STORIES[scene.story]
    return scene.queue == "dead-letter" or (not fate.dead and scene.receive == fate.attempts)


def _at(scene: Scene, call: Call) -> Iterator[Fault]:
    for kind in KINDS.values():
        if kind.site is not Site.CALL or (kind.name == "refuse" and not call.conditional):
            continue
        for when in Phase:
            for every_try in (False, True) if kind.name in _TRIED_AGAIN else (False,):
                yield Fault(
                    kind=kind.name,
                    when=when,
                    function=scene.function,
                    call=call.operation,
                    number=call.number,
                    receive=scene.receive,
                    every_try=every_try,
                    seconds=0.2 if kind.seconds is not None else None,
                )


def _case(story: str, fault: Fault, seed: str, rate: float) -> Case:
    number = f"{fault.call}.{fault.number}" if fault.call else None
    parts = (story, fault.function, f"{fault.receive}", number, fault.kind, fault.when, "every-try" * fault.every_try)
    name = ".".join(part for part in parts if part)
    task_id = find_task_id(seed, rate, STORIES[story], name)
    payload: dict[str, Json] = {"story": story, "fault": name, "ratio": 1.0}
    struck = replace(fault, task=task_id)
    return Case(name=name, story=story, fault=struck, task=Task(task_id=task_id, payload=payload))
