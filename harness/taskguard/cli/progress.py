"""What a run looks like while it goes on: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.status import Status
from rich.text import Text

from taskguard.cli.complaints import complain
from taskguard.history import TaskSubmitted
from taskguard.history.values import QueueName
from taskguard.reports.plain import print_line, shows_marks
from taskguard.run.events import Announced, Began, FailsAlready, PhaseBegan, PhaseEnded, SessionEvent, Warned
from taskguard.run.watch import Progress

_PLAIN_EVERY_SECONDS = 5.0

_ON_QUEUES: Mapping[QueueName, str] = {"work": "waiting", "dead-letter": "dead"}

_STEPS = {
    "engine: start": "starting the engine",
    "deploy": "deploying",
    "look for the stage": "looking for the stage",
    "put new code there": "putting new code there",
    "forget the tasks of before": "emptying the stage",
    "ask first": "trying how tasks are handed in",
    "submit": "submitting",
    "settle": "waiting for tasks",
    "settle again": "waiting for tasks",
    "redrive": "redriving",
    "gather the evidence": "gathering the evidence",
    "stop": "stopping the engine",
    "judge": "judging",
}
"""What is done in a phase of the session, in words; what takes no time has none."""


class ProgressLine:
    """It handles the events of a session; ``status`` is the live line, where there is a terminal. A ``quiet`` one shows warnings alone."""

    def __init__(self, console: Console, status: Status | None, *, quiet: bool = False) -> None:
        self._console, self._status, self._quiet = console, status, quiet
        self._steps: list[str] = []
        self._tasks = 0
        self._accepted, self._refused = set[str | None](), set[str | None]()
        self._said_at = 0.0

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if not self._quiet:
            print_line(self._console, text, hanging=2)

    def handle(self, event: SessionEvent) -> None:
        match event:
            case Announced(text):
                self.say(text)
            case Warned(text):
                complain(text)
            case FailsAlready(check, message) if not self._quiet:
                mark = "✗" if shows_marks(self._console) else "fails already:"
                print_line(self._console, f"{mark} {check}  {message}", "red", hanging=2)
            case Began(tasks):
                self._tasks = tasks
            case TaskSubmitted():
                self._on_submitted(event)
            case Progress():
                self._on_progress(event)
            case PhaseBegan(name) if name in _STEPS:
                self._steps.append(name)
                self._show_steps()
            case PhaseEnded(name) if name in self._steps:
                self._steps.remove(name)
                self._show_steps()
            case _:
                pass

    def _on_submitted(self, event: TaskSubmitted) -> None:
        # A task may be handed in again.
        (self._accepted if event.accepted else self._refused).add(event.task_id)
        refused = len(self._refused - self._accepted)
        also = f" · {refused} refused" if refused else ""
        self._show(f"{len(self._accepted)}/{self._tasks} submitted{also}")

    def _on_progress(self, progress: Progress) -> None:
        counts = [f"{progress.settled}/{progress.total} settled"]
        for depth in progress.depths:
            if depth.total:
                counts.append(f"{depth.total} {_ON_QUEUES[depth.queue]}")
        self._show(" · ".join([*counts, f"at most {progress.seconds_left:.0f} s"]))

    def _show_steps(self) -> None:
        if self._status is not None and self._steps:
            self._status.update(_Since(", ".join(_STEPS[name] for name in self._steps)))

    def _show(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
            return
        now = time.monotonic()
        if now - self._said_at >= _PLAIN_EVERY_SECONDS:
            self._said_at = now
            self.say(f"  {text}")


class _Since:
    """Words, and for how many seconds they have been shown."""

    def __init__(self, words: str) -> None:
        self._words, self._began = words, time.monotonic()

    def __rich__(self) -> Text:
        return Text(f"{self._words} · {time.monotonic() - self._began:.0f} s")
