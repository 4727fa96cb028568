"""LocalStack: no thread is started to end an environment that nobody needs.

It starts one at the end of each invocation, which waits for ten minutes, and ends it at the beginning of the next one.

Needed until one thread does that for all environments: ``python -m bench.throughput`` has the time.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from functools import partial


def apply() -> None:
    from localstack.services.lambda_.invocation import execution_environment  # noqa: PLC0415

    execution_environment.Timer = partial(Timer, Alarms())


class Timer:
    """As ``threading.Timer``."""

    def __init__(self, alarms: "Alarms", interval: float, function: Callable[[], object]) -> None:
        self._alarms, self._seconds = alarms, interval
        self._function: Callable[[], object] | None = function

    def start(self) -> None:
        self._alarms.set(time.monotonic() + self._seconds, self)

    def cancel(self) -> None:
        self._function = None

    def go_off(self) -> None:
        if (function := self._function) is not None:
            # To end an environment takes a while.
            threading.Thread(target=function, daemon=True).start()


class Alarms:
    """Timers, and one thread that waits for them all."""

    def __init__(self) -> None:
        self._set: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._wait, name="environment-timers", daemon=True).start()

    def set(self, due: float, timer: Timer) -> None:
        with self._changed:
            heapq.heappush(self._set, (due, next(self._numbers), timer))
            if self._set[0][2] is timer:
                self._changed.notify()

    def _wait(self) -> None:
        with self._changed:
            while True:
                if not self._set:
                    self._changed.wait()
                elif (seconds := self._set[0][0] - time.monotonic()) > 0:
                    self._changed.wait(seconds)
                else:
                    heapq.heappop(self._set)[2].go_off()
