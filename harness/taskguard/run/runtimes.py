"""What functions of a stack run on: which versions, and whether these are those of their Lambda runtimes.

Only our own engine runs them on what this machine has; of other engines, and of AWS, nothing is told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taskguard.history import StandIn
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.process import answered
from taskguard.targets.runtimes import interpreter_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOn:
    """What a Lambda runtime's functions run on (`Node.js 20.20.2`), and whether that is its own version."""

    runtime: str
    version: str
    is_own: bool


def runtimes_of(endpoint: Endpoint, stack: Stack) -> tuple[RunsOn, ...]:
    """Of each runtime that the stack's functions have, by its name."""
    if endpoint.url is None or endpoint.recording is None:
        return ()
    return tuple(_runtimes(endpoint.url, sorted({each.runtime for each in stack.functions if each.runtime})))


def stand_ins_of(runtimes: tuple[RunsOn, ...], stack: Stack) -> tuple[StandIn, ...]:
    """The functions that run on another version than their runtime's."""
    return tuple(
        StandIn(
            runtime=each.runtime,
            runs_on=each.version,
            functions=tuple(function.label for function in stack.functions if function.runtime == each.runtime),
        )
        for each in runtimes
        if not each.is_own
    )


def _runtimes(url: str, names: list[str]) -> Iterator[RunsOn]:
    told = answered(f"{url}/_taskguard/runtimes", "runtimes") if names else None
    by_engine = told if isinstance(told, dict) else {}
    for name in names:
        if (of_it := by_engine.get(name)) is not None:
            yield RunsOn(runtime=name, version=of_it["runs_on"], is_own=of_it["own"])
        elif (found := interpreter_of(name)) is not None:
            # An engine that has ended cannot be asked; it looked where this looks.
            yield RunsOn(runtime=name, version=found.runs_on, is_own=found.is_own)
