"""What a session tells while it goes on, as typed events; whoever shows or saves something handles them.

A handler gets one event at a time, in whatever thread it happened. It must not know who handles them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from taskguard.history import InvalidSubmitted, RecordAnswered, SavedRun, TaskSubmitted
from taskguard.judging.grading import Grade
from taskguard.run.watch import Progress


@dataclass(frozen=True, slots=True)
class Announced:
    """A step begins, or something is to be known: ``text`` is a sentence for people."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something did not go as it should, and the user has to do what ``text`` says."""

    text: str


@dataclass(frozen=True, slots=True)
class Began:
    """The stack is there, and ``tasks`` will be handed in."""

    tasks: int


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A part of the session that is timed by its ``name`` has begun; several may go on side by side."""

    name: str


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """That part has ended, well or not."""

    name: str


@dataclass(frozen=True, slots=True)
class FailsAlready:
    """A check fails, whatever is still to come of the run; ``message`` is what it found first."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that was seen of the run has been gathered: it has not been judged yet. ``folder`` is the run's."""

    saved: SavedRun
    folder: Path


@dataclass(frozen=True, slots=True)
class Graded:
    """The run was judged."""

    saved: SavedRun
    grade: Grade
    folder: Path


Answered: TypeAlias = TaskSubmitted | InvalidSubmitted | RecordAnswered
"""What the service's API answered to the run."""

SessionEvent: TypeAlias = (
    Announced | Warned | Began | PhaseBegan | PhaseEnded | Answered | Progress | FailsAlready | Recorded | Graded
)

Tell: TypeAlias = Callable[[SessionEvent], None]
"""Who is told of a session's events."""


def nobody(_: SessionEvent) -> None:
    """Where nobody listens."""


@contextmanager
def phase(tell: Tell, name: str) -> Iterator[None]:
    """Tell when what happens inside begins and ends, also when it fails."""
    tell(PhaseBegan(name))
    try:
        yield
    finally:
        tell(PhaseEnded(name))
