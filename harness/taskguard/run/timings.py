"""Where the time of a run goes: phases with a name, some of them side by side, and what is left beyond the schedule.

It must not know how a run is made.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
from rich import box
from rich.table import Column, Table

from taskguard.contract.terms import Terms
from taskguard.judging.grading import Grade
from taskguard.run.events import PhaseBegan, PhaseEnded, SessionEvent

TIMINGS_FILE = "timings.json"


@dataclass(frozen=True, slots=True)
class Phase:
    """Something that took time: from ``began`` to ``ended``, in seconds since the process was started."""

    name: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Timings:
    """The phases up to now, in the order in which they ended. ``origin`` is when the process was started, by ``time.time``."""

    origin: float
    phases: list[Phase] = field(default_factory=list)
    _begun: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_this_process(cls) -> Self:
        """Timings that begin with the process; what it took to get here is their first phase."""
        timings = cls(psutil.Process().create_time())
        timings.phases.append(Phase("start of the command", 0.0, timings.now()))
        return timings

    def now(self) -> float:
        """Seconds since the process was started."""
        return time.time() - self.origin

    def handle(self, event: SessionEvent) -> None:
        if isinstance(event, PhaseBegan):
            self._begun[event.name] = self.now()
        elif isinstance(event, PhaseEnded):
            self.phases.append(Phase(event.name, self._begun.pop(event.name), self.now()))

    def write(self, folder: Path, beyond_seconds: float) -> None:
        """Write them as JSON into the run's folder; ``beyond_seconds`` as in :meth:`table`."""
        document = {
            "phases": [
                {"phase": each.name, "began": round(each.began, 3), "seconds": round(each.seconds, 3)}
                for each in self._in_order()
            ],
            "seconds": round(self.now(), 3),
            "seconds_beyond_the_schedule": round(beyond_seconds, 3),
        }
        (folder / TIMINGS_FILE).write_text(json.dumps(document, indent=2) + "\n")

    def table(self, beyond_seconds: float) -> Table:
        """They as a table for people; ``beyond_seconds`` is what the run cost more than its slowest task's schedule."""
        figures = (Column(heading, justify="right") for heading in ("begins at", "seconds"))
        table = Table("phase", *figures, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for each in self._in_order():
            table.add_row(each.name, f"{each.began:.2f}", f"{each.seconds:.2f}")
        table.add_section()
        table.add_row("all", "", f"{self.now():.2f}")
        table.add_row("beyond the slowest task's schedule", "", f"{beyond_seconds:.2f}")
        return table

    def _in_order(self) -> list[Phase]:
        return sorted(self.phases, key=lambda each: each.began)


def slowest_schedule_seconds(grade: Grade, terms: Terms) -> float:
    """How long the backoffs of the slowest task must take: those after its failed attempts, the last one's too when it was
    dead-lettered."""
    schedule = terms.contract.waits
    return max((sum(schedule[: fate.attempts.count("failed")]) for fate in grade.fates), default=0.0)
