"""What is held back for a while, and what must meet before it goes on.

A delivery that is held back is due at a moment of pipeline time; the clock does not run fast past it. Two deliveries of one
message that are meant to run at once wait for each other, for a bounded time. It must not know why.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from taskguard.engine.clock.pacer import Pacer, pacer

_MEET_WITHIN_SECONDS = 5.0
"""Real time: as long as another process needs to be started, many times over."""


@dataclass(slots=True, eq=False)
class _Held:
    due: float
    queue_arn: str
    plan_id: str
    to_be_overtaken: bool
    deliver: Callable[[], None]
    since: float = field(default_factory=time.monotonic)


class HeldBack:
    """Deliveries that wait. Each is made once: when it is due, overtaken as it was meant to be, or its plan has ended."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._held: list[_Held] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def hold(
        self,
        deliver: Callable[[], None],
        *,
        seconds: float,
        queue_arn: str,
        plan_id: str,
        to_be_overtaken: bool = False,
    ) -> None:
        """Deliver in ``seconds`` of pipeline time; ``to_be_overtaken``, as soon as a later batch of its queue is done."""
        with self._changed:
            self._held.append(_Held(time.time() + seconds, queue_arn, plan_id, to_be_overtaken, deliver))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="held-back", daemon=True)
                self._thread.start()
            self._changed.notify()

    def overtake(self, queue_arn: str, received: float) -> None:
        """A batch of this queue is done, which was ``received`` at that moment of ``time.monotonic``."""
        self._deliver(lambda held: held.to_be_overtaken and held.queue_arn == queue_arn and held.since < received)

    def release(self, plan_id: str) -> None:
        """Deliver all that was held back for this plan."""
        self._deliver(lambda held: held.plan_id == plan_id)

    def next_due(self) -> float | None:
        """When the next one is due, in pipeline time; none when none waits."""
        with self._changed:
            return min((held.due for held in self._held), default=None)

    def look_again(self) -> None:
        """The clock's pace has changed."""
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                due = self.next_due()
                self._changed.wait(None if due is None else max(0.0, self._pacer.seconds_until(due)))
            self._deliver(lambda held: held.due <= time.time())

    def _deliver(self, which: Callable[[_Held], bool]) -> None:
        if not self._held:
            return
        with self._changed:
            chosen = [held for held in self._held if which(held)]
        # Still held while the clock is told that something is at work: it must not run fast in between.
        if chosen:
            self._pacer.touch()
        with self._changed:
            mine = [held for held in chosen if held in self._held]
            self._held = [held for held in self._held if held not in mine]
        for held in mine:
            held.deliver()


class Rendezvous:
    """Messages of which two deliveries are to run at once: whichever is ready first waits for the other."""

    def __init__(self) -> None:
        self._barriers: dict[str, threading.Barrier] = {}

    def arrange(self, message_id: str) -> None:
        """The next two deliveries of this message are to meet."""
        self._barriers[message_id] = threading.Barrier(2)

    def meet(self, message_ids: Iterable[str]) -> None:
        """A process is ready for these messages."""
        if not self._barriers:
            return
        # In the same order on both sides, or two that share two messages might wait for each other for nothing.
        for message_id in sorted(message_ids):
            if (barrier := self._barriers.get(message_id)) is not None:
                with suppress(threading.BrokenBarrierError):
                    barrier.wait(_MEET_WITHIN_SECONDS)
                if self._barriers.get(message_id) is barrier:
                    self._barriers.pop(message_id, None)


@lru_cache(maxsize=1)
def held_back() -> HeldBack:
    return HeldBack(pacer())


@lru_cache(maxsize=1)
def rendezvous() -> Rendezvous:
    return Rendezvous()
