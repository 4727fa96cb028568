"""Lets the engine's clock run fast while its pipelines only wait, and run as the machine's as long as anything is at work.

At work is a function that is being started or invoked, a batch of messages on its way to one and back, and for a moment
each call that changes something. So work takes as long as it does, what is measured of it means what it says, and only
waiting is shortened. The clock never runs fast past the moment at which the next message is due.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response

from taskguard.engine.recorder.flight_recorder import caller_of
from taskguard.engine.settings import EngineSettings
from taskguard.support.scaled_clock import SharedClock

_LINGER_SECONDS = 0.03
"""How long after the last work the clock begins to run fast: an answer is still on its way to whoever asked."""

_LOOKS = ("Get", "BatchGet", "List", "Describe", "Filter", "Query", "Scan")
_DONE_AT_ONCE = ("dynamodb", "sqs")
"""The services whose calls are done when they are answered, or leave what the clock knows of: messages in queues. Others may go on."""


class Pacer:
    """Sets the pace of ``clock``: up to ``scale`` times the machine's."""

    def __init__(self, clock: SharedClock, scale: float) -> None:
        self._clock = clock
        self._scale = scale
        self._at_work = 0
        self._last_work = time.monotonic()
        self._fast = False
        self._closed = False
        self._changed = threading.Condition(threading.RLock())
        self._own = threading.local()
        self.next_due: Callable[[], float | None] = lambda: None
        """When the next message is due, in pipeline time; none when none waits."""
        self.tell: Callable[[], None] = lambda: None
        """Called when the pace has changed."""
        threading.Thread(target=self._run, name="pipeline-clock", daemon=True).start()

    @contextmanager
    def work(self) -> Iterator[None]:
        """As long as this is entered, the clock does not run fast."""
        with self._changed:
            self._at_work += 1
            self._slow_down()
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._note()
                self._changed.notify()

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What this thread does meanwhile nobody waits for: when it is over, the clock may run fast at once."""
        self._own.is_unheard = True
        try:
            yield
        finally:
            self._own.is_unheard = False

    def touch(self) -> None:
        """Something happened just now."""
        with self._changed:
            self._note()
            self._slow_down()
            self._changed.notify()

    def close(self) -> None:
        """Leave the clock as it is."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def seconds_until(self, moment: float) -> float:
        """How long until the clock shows ``moment``, in real seconds, if it keeps its pace."""
        return self._clock.seconds_until(moment)

    def _note(self) -> None:
        if not getattr(self._own, "is_unheard", False):
            self._last_work = time.monotonic()

    def _slow_down(self) -> None:
        if self._fast:
            self._fast = False
            self._clock.go_on(1.0)
            self.tell()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                wait = None
                if not self._at_work and not self._fast:
                    wait = self._last_work + _LINGER_SECONDS - time.monotonic()
                    if wait <= 0:
                        wait = None
                        # While nobody waits, nothing is won by it.
                        if (due := self.next_due()) is not None:
                            self._fast = True
                            self._clock.go_on(self._scale, due)
                            self.tell()
                self._changed.wait(wait)


class RealTimePacer(Pacer):
    """For an engine whose clock never runs fast."""

    def __init__(self) -> None:
        self.next_due = lambda: None
        self.tell = lambda: None

    @contextmanager
    def work(self) -> Iterator[None]:
        yield

    @contextmanager
    def unheard(self) -> Iterator[None]:
        yield

    def touch(self) -> None:
        pass

    def seconds_until(self, moment: float) -> float:
        return moment - time.time()


def note_call(_chain: HandlerChain, context: RequestContext, _response: Response) -> None:
    """Request handler: what somebody changes is work; who only looks does not hold up the clock, and a function that is invoked does already."""
    service = context.service.service_name if context.service is not None else ""
    if context.operation is None or context.operation.name.startswith(_LOOKS) or service == "logs":
        return
    caller = caller_of(context)
    if caller is None or caller.is_answered or service not in _DONE_AT_ONCE:
        pacer().touch()


@lru_cache(maxsize=1)
def pacer() -> Pacer:
    settings = EngineSettings.from_environment()
    if settings.clock is None or settings.clock_scale == 1:
        return RealTimePacer()
    return Pacer(SharedClock(settings.clock, writing=True), settings.clock_scale)
