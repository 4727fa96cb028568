"""A stack for the nemesis, with mappings that are switched and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskguard.faults.plan import Plan, parse
from taskguard.history import FaultInjected
from taskguard.run.injecting.nemesis import Nemesis
from taskguard.support.clocks import Clock
from taskguard.support.waiting import wait_for

from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import DEAD_ARN, STACK, WORK_ARN


@dataclass(frozen=True)
class Moving(Clock):
    """A clock that shows what it is told, in milliseconds."""

    shown: list[float] = field(default_factory=lambda: [1_000_000.0])
    seen: list[float] = field(default_factory=list)
    """What those who looked have seen, in order."""

    def now_ms(self) -> float:
        self.seen.append(self.shown[0])
        return self.seen[-1]

    def go_on(self, seconds: float) -> None:
        self.shown[0] += seconds * 1000


class Busy(Exception):
    """As `lambda.exceptions.ResourceInUseException`."""


@dataclass
class Mappings:
    """Lambda's event source mappings: one of the work queue, one of the dead-letter queue, and one that its owner has switched
    off. ``busy`` refuses so many changes; a change takes one look to be done, and while one ``is_stuck`` no look helps, and no
    other change is accepted."""

    states: dict[str, str] = field(default_factory=lambda: {"work": "Enabled", "dead": "Enabled", "off": "Disabled"})
    busy: int = 0
    is_stuck: bool = False
    listed: int = 0
    asked: list[tuple[str, bool]] = field(default_factory=list)

    class exceptions:  # noqa: N801  # as on a client of boto3
        ResourceInUseException = Busy

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_event_source_mappings"
        return type("Paginator", (), {"paginate": self._mappings})

    def _mappings(self, *, EventSourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        ids = {WORK_ARN: ["work", "off"], DEAD_ARN: ["dead"]}[EventSourceArn]
        self.listed += 1
        yield {"EventSourceMappings": [{"UUID": each, "State": self.states[each]} for each in ids]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            raise Busy
        if self.states[UUID].endswith("ing"):
            raise Busy
        self.asked.append((UUID, Enabled))
        self.states[UUID] = "Enabling" if Enabled else "Disabling"

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, str]:  # noqa: N803
        state = self.states[UUID]
        if self.is_stuck:
            return {"State": state}
        self.states[UUID] = {"Enabling": "Enabled", "Disabling": "Disabled"}.get(state, state)
        return {"State": state}


@dataclass
class Place:
    """A stack with a clock that is moved by hand."""

    mappings: Mappings = field(default_factory=Mappings)
    clock: Moving = field(default_factory=Moving)

    def nemesis(self, lines: str, folder: Path | None = None) -> Nemesis:
        endpoint = Fakes(lambdas=self.mappings, clock=self.clock)  # type: ignore[arg-type]
        return Nemesis(endpoint, STACK, Plan(seed="s", faults=parse(lines)), folder)

    def go_on_to(self, seconds: float) -> None:
        """Let it be so many seconds after the beginning, and wait until somebody has seen it."""
        at_ms = 1_000_000.0 + seconds * 1000
        self.clock.shown[0] = at_ms
        soon(lambda: at_ms in self.clock.seen)

    def seen(self, **states: str) -> None:
        """Wait until the mappings are so."""
        soon(lambda: states.items() <= self.mappings.states.items())

    def seen_in_time(self, seconds: float, **states: str) -> None:
        """Let so many seconds pass, and again as often as it takes until the mappings are so."""

        def are_so() -> bool:
            self.clock.go_on(seconds)
            return states.items() <= self.mappings.states.items()

        # With pauses: a thread that gets no turn must not find that hours have passed.
        wait_for(are_so, seconds=10, every=0.01)


def soon(look: Callable[[], object]) -> None:
    """Wait for what the nemesis's threads do at once."""
    wait_for(look, seconds=10, every=0.001, at_most_every=0.01)


def kinds(nemesis: Nemesis) -> list[str]:
    return [event.kind for event in nemesis.events if isinstance(event, FaultInjected)]
