"""Functions that run at the same time, call by call, in an order that a test decides: and each may be killed before any call.

An actor is a thread that stands still before each call to AWS until it is told to go on; never more than one of them moves. It
must not know what the functions do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

_SECONDS = 10.0
"""For a step that takes milliseconds."""


class Killed(BaseException):
    """The function's process is gone."""


class Actor:
    """One invocation of a function. When it is made, it runs up to its first call."""

    def __init__(self, stage: Stage, action: Callable[[], object]) -> None:
        self.is_over = False
        self.was_killed = False
        self.result: object = None
        self._stage = stage
        self._action = action
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def step(self) -> None:
        """Make the call that it stands before, and run up to the next one, or to the end."""
        self._go.release()
        self._wait()

    def kill(self) -> None:
        """End it before the call that it stands before."""
        self.was_killed = True
        self.step()

    def stand(self) -> None:
        """For the actor's own thread: wait to be told to go on."""
        self._stands.release()
        if not self._go.acquire(timeout=_SECONDS) or self.was_killed:
            raise Killed

    def _run(self) -> None:
        self._stage.actors[threading.get_ident()] = self
        try:
            self.result = self._action()
        except Killed:
            self.was_killed = True
        finally:
            self.is_over = True
            del self._stage.actors[threading.get_ident()]
            self._stands.release()

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=_SECONDS), "an actor neither came to a call nor to its end"


class Stage:
    """Where actors stand still; whoever is no actor calls as ever."""

    def __init__(self) -> None:
        self.actors: dict[int, Actor] = {}

    def before_call(self, _name: str) -> None:
        """Is to be called before each call."""
        if (actor := self.actors.get(threading.get_ident())) is not None:
            actor.stand()


Choose = Callable[[int], int]
"""Which of so many moves is made next, counted from 0."""


def every_order(play: Callable[[Choose], object]) -> Iterator[Sequence[int]]:
    """Play again and again, until every sequence of choices was made once; yields each when it was played."""
    ahead: list[int] = []
    while True:
        made: list[tuple[int, int]] = []

        def choose(options: int, ahead: list[int] = ahead, made: list[tuple[int, int]] = made) -> int:
            choice = ahead[len(made)] if len(made) < len(ahead) else 0
            made.append((choice, options))
            return choice

        play(choose)
        yield [choice for choice, _ in made]
        while made and made[-1][0] + 1 == made[-1][1]:
            made.pop()
        if not made:
            return
        ahead = [choice for choice, _ in made]
        ahead[-1] += 1
