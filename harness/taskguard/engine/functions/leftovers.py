"""Tells the flight recorder which processes a function left running when its invocation had ended.

On Lambda they would be frozen with the environment, and go on at its next invocation, if there is one. All that runs is looked at
together and off the invocations' way, once a second at most. It works on Linux, and ends nothing: that is the keepers' part
(``keeper.py``).
"""

import sys
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from taskguard.engine.functions.descendants import Processes, commands_of
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.recorder.flight_recorder import now_ms, recorder

_EVERY_SECONDS = 1.0
_MOST_COMMANDS = 10


@dataclass(frozen=True, slots=True)
class _Ended:
    """An invocation that has ended, ``at_seconds`` of the machine's life."""

    function: str
    environment: str
    request_id: str
    process: FunctionProcess
    at_seconds: float


class Leftovers:
    """Looks after invocations that have ended."""

    def __init__(self) -> None:
        self._pending: list[_Ended] = []
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._told: WeakKeyDictionary[FunctionProcess, set[int]] = WeakKeyDictionary()
        threading.Thread(target=self._watch, name="leftovers", daemon=True).start()

    def note(self, function: str, environment: str, request_id: str, process: FunctionProcess) -> None:
        """Look soon whether this invocation, which has just ended, left something running."""
        ended = _Ended(function, environment, request_id, process, time.clock_gettime(time.CLOCK_BOOTTIME))
        with self._lock:
            self._pending.append(ended)
        self._wanted.set()

    def _watch(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            with self._lock:
                pending, self._pending = self._pending, []
            processes = Processes()
            for ended in pending:
                self._tell(ended, processes)
            time.sleep(_EVERY_SECONDS)

    def _tell(self, ended: _Ended, processes: Processes) -> None:
        told, own = self._told.setdefault(ended.process, set()), ended.process.own_pids()
        # Of what began later an invocation tells that is under way, or ended later.
        left = [
            pid
            for pid in processes.below(ended.process.pid)
            if pid not in own and pid not in told and processes.started[pid] <= ended.at_seconds
        ]
        told.update(left)
        if own and left and (commands := commands_of(left[:_MOST_COMMANDS])):
            recorder().write(
                "processes-left",
                function=ended.function,
                environment=ended.environment,
                requestId=ended.request_id,
                count=len(left),
                commands=commands,
                startedAt=now_ms(),
            )


@lru_cache(maxsize=1)
def leftovers() -> Leftovers | None:
    """The engine's; none where the system does not tell what descends from what."""
    return Leftovers() if sys.platform.startswith("linux") else None
