"""LocalStack: no thread is started to end an environment that nobody needs.

It starts one at the end of each invocation, which waits for ten minutes, and ends it at the beginning of the next one.

Needed until one thread does that for all environments: ``python -m bench.throughput`` has the time.
"""

import math
import threading
import time
from collections.abc import Callable
from functools import partial

_AGAIN_SECONDS = 1.0


def apply() -> None:
    from localstack.services.lambda_.invocation import execution_environment  # noqa: PLC0415

    execution_environment.Timer = partial(Timer, Alarms())


class Timer:
    """As ``threading.Timer``."""

    def __init__(self, alarms: "Alarms", interval: float, function: Callable[[], object]) -> None:
        self._alarms, self._seconds, self._function = alarms, interval, function

    def start(self) -> None:
        self._alarms.set(self, time.monotonic() + self._seconds)

    def cancel(self) -> None:
        self._alarms.forget(self)

    def go_off(self) -> None:
        # To end an environment takes a while.
        threading.Thread(target=self._function, daemon=True).start()


class Alarms:
    """Timers, and one thread that waits for them all."""

    def __init__(self) -> None:
        self._due: dict[Timer, float] = {}
        self._next_look = math.inf
        self._changed = threading.Condition()
        threading.Thread(target=self._wait, name="environment-timers", daemon=True).start()

    def set(self, timer: Timer, due: float) -> None:
        with self._changed:
            self._due[timer] = due
            if due < self._next_look:
                self._changed.notify()

    def forget(self, timer: Timer) -> None:
        with self._changed:
            self._due.pop(timer, None)

    def _wait(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for timer in [each for each, due in self._due.items() if due <= now]:
                    try:
                        timer.go_off()
                        del self._due[timer]
                    except RuntimeError:
                        # No thread can be started now.
                        self._due[timer] = now + _AGAIN_SECONDS
                self._next_look = min(self._due.values(), default=math.inf)
                self._changed.wait(self._next_look - now if self._due else None)
