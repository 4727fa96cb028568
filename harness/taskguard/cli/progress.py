"""What a run looks like while it goes on: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.status import Status

from taskguard.cli.complaints import complain
from taskguard.history import TaskSubmitted
from taskguard.run.events import Announced, Began, SessionEvent, Warned
from taskguard.run.watch import Progress

_PLAIN_EVERY_SECONDS = 5.0


class ProgressLine:
    """It handles the events of a session; ``status`` is the live line, where there is a terminal."""

    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._tasks = 0
        self._status = status
        self._accepted = self._refused = 0
        self._said_at = 0.0

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def handle(self, event: SessionEvent) -> None:
        match event:
            case Announced(text):
                self.say(text)
            case Warned(text):
                complain(text)
            case Began(tasks):
                self._tasks = tasks
            case TaskSubmitted():
                self._on_submitted(event)
            case Progress():
                self._on_progress(event)
            case _:
                pass

    def _on_submitted(self, event: TaskSubmitted) -> None:
        self._accepted += event.accepted
        self._refused += not event.accepted
        refused = f", {self._refused} refused" if self._refused else ""
        self._show(f"submitted {self._accepted + self._refused} of {self._tasks}{refused}")

    def _on_progress(self, progress: Progress) -> None:
        queues = "; ".join(
            f"{d.queue} queue {d.visible} visible, {d.in_flight} in flight, {d.delayed} delayed"
            for d in progress.depths
        )
        settled = f"settled {progress.settled} of {progress.total}"
        self._show(f"{settled}; {queues}; at most {progress.seconds_left:.0f} s left")

    def _show(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
            return
        now = time.monotonic()
        if now - self._said_at >= _PLAIN_EVERY_SECONDS:
            self._said_at = now
            self.say(f"  {text}")
