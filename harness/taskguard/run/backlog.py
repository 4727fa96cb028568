"""Lets part of a run's tasks wait, so that both consumers are given batches of several messages.

A consumer that is quicker than a client is handed its messages one by one, and nothing is learnt of how it treats a batch.
So the consumers of both queues are switched off, over AWS's own API, before the first task is handed in: the worker's until a
few tasks wait, that of dead letters until all that die have died. For how long they were off is an event of the history. They are
on again at the end, whatever ends the run. This module must not know how a run is judged.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.terms import Terms
from taskguard.errors import TaskGuardError
from taskguard.history import ConsumersOff, QueueDepth
from taskguard.history.values import QueueName
from taskguard.run.events import Announced, Tell, nobody
from taskguard.run.switching import Note, Switch, in_words
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


class Backlog:
    """Use as a context manager around a run: inside both consumers are off until they are let go, and when it is left they are on.

    The first ``waiting`` tasks are to be handed in before :meth:`let_work_go`. Where the consumers cannot be switched off nothing
    waits, and ``tell`` hears why. As long as one may be off, the commands that switch it on are in the file ``note``.

    Raises:
        TaskGuardError, ClientError, BotoCoreError: when a consumer is let go, that it could not be switched on again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        stack: Stack,
        terms: Terms,
        *,
        waiting: int,
        note: Path | None = None,
        tell: Tell = nobody,
    ) -> None:
        self.waiting = waiting
        self._clock, self._tell = endpoint.clock, tell
        schedule = terms.contract.waits
        self._until_all_are_dead_ms = 1000 * (sum(schedule) + len(schedule) * terms.tolerances.late_seconds)
        self._due_ms: float | None = None
        self._work_was_empty = False
        notes, over = Note(note), threading.Event()
        self._held = {
            name: _Held(endpoint, Switch(endpoint, queue.arn, notes, over), name)
            for name, queue in stack.queues.items()
        }

    @property
    def events(self) -> tuple[ConsumersOff, ...]:
        """For how long each consumer was off; complete once it is left."""
        return tuple(event for held in self._held.values() for event in held.events)

    def __enter__(self) -> Self:
        with ExitStack() as undoing:
            undoing.push(self.__exit__)
            try:
                with ThreadPoolExecutor(2, thread_name_prefix="backlog") as pool:
                    for switching in [pool.submit(held.begin) for held in self._held.values()]:
                        switching.result()
            except (TaskGuardError, ClientError, BotoCoreError) as problem:
                self._tell(Announced(f"No task waits, so messages may come one by one: {in_words(problem)}"))
                self.let_work_go()
                for held in self._held.values():
                    held.end()
            undoing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as switching:
            # Each is tried, whatever becomes of the other.
            for held in self._held.values():
                switching.callback(held.end_for_good)

    def let_work_go(self) -> None:
        """Let the worker have what waits, as often as it is called once."""
        if self._due_ms is None:
            self._held["work"].end()
            self._due_ms = self._clock.now_ms() + self._until_all_are_dead_ms

    def look(self, depths: Sequence[QueueDepth] = ()) -> bool:
        """Let the dead letters go when all that may die has died: with two looks in a row nothing was left to work on, or the time has
        passed in which the tasks that waited die. Whether they have been let go just now."""
        dead = self._held.get("dead-letter")
        if dead is None or not dead.is_off or self._due_ms is None:
            return False
        work_is_empty = bool(depths) and all(depth.total == 0 for depth in depths if depth.queue == "work")
        is_over = work_is_empty and self._work_was_empty
        self._work_was_empty = work_is_empty
        if is_over or self._clock.now_ms() >= self._due_ms:
            dead.end()
        return not dead.is_off


class _Held:
    """The consumers of one queue: off from :meth:`begin` until :meth:`end`."""

    def __init__(self, endpoint: Endpoint, switch: Switch, queue: QueueName) -> None:
        self._clock, self._switch, self._queue = endpoint.clock, switch, queue
        self._off = ExitStack()
        self._since_ms: float | None = None
        self.events: list[ConsumersOff] = []

    @property
    def is_off(self) -> bool:
        return self._since_ms is not None

    def begin(self) -> None:
        self._since_ms = self._off.enter_context(self._switch.off())

    def end(self) -> None:
        self._off.close()
        self._note_end()

    def end_for_good(self) -> None:
        self._off.pop_all()
        self._switch.on_for_good()
        self._note_end()

    def _note_end(self) -> None:
        if self._since_ms is not None:
            until_ms = self._clock.now_ms()
            self.events.append(ConsumersOff(at_ms=self._since_ms, until_ms=until_ms, queue=self._queue))
            self._since_ms = None
