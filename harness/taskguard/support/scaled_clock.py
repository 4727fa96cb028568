"""Pipeline time: a clock that may run fast while a pipeline only waits, the same in each process that shares its file. It begins as
the machine's time of day, and nobody sets it: it never goes back, and goes on when the machine's clock is set.

The file holds a moment of real time (``time.monotonic``), the pipeline time at that moment, how many times as fast it runs
from there on, and the pipeline time from which on it runs no faster than the machine's clock again. Once installed in a
process, what asks the standard library for the time of day is told pipeline time. What measures a duration
(``time.monotonic``, ``time.perf_counter``) or waits (``time.sleep``, locks, sockets) goes by real time as before. It imports
nothing of the harness: functions' processes load it too, on each Python that Lambda has.
"""

from __future__ import annotations

import datetime
import math
import mmap
import struct
import time
from collections.abc import Callable
from typing import Any

_VERSION = struct.Struct("=Q")
_STATE = struct.Struct("=Qdddd")
_monotonic = time.monotonic
_of_machine = {name: getattr(time, name) for name in ("time", "gmtime", "localtime", "ctime", "strftime")}


def create(path: str) -> None:
    """Make a clock's file. It shows the time of day, and runs as fast as the machine's clock."""
    with open(path, "wb") as file:  # noqa: PTH123  # a function's process starts sooner without pathlib
        file.write(_STATE.pack(0, _monotonic(), time.time(), 1.0, math.inf))


class SharedClock:
    """Shows pipeline time, in seconds since the epoch, as the file at ``path`` has it at each moment.

    Raises:
        OSError: when there is no such file.
    """

    def __init__(self, path: str, *, writing: bool = False) -> None:
        with open(path, "r+b" if writing else "rb") as file:  # noqa: PTH123
            self._file = mmap.mmap(
                file.fileno(), _STATE.size, access=mmap.ACCESS_WRITE if writing else mmap.ACCESS_READ
            )

    def now(self) -> float:
        state, real = self._state()
        return _shown(state, real)

    def seconds_until(self, moment: float) -> float:
        """How long it takes from now on until it shows ``moment``, in real seconds, if it runs on as it does."""
        state, real = self._state()
        _, _, rate, until = state
        now = _shown(state, real)
        fast = max(0.0, min(moment, until) - now)
        return fast / rate + max(0.0, moment - max(now, until))

    def go_on(self, rate: float, until: float = math.inf) -> None:
        """From now on, run ``rate`` times as fast until it shows ``until``; not at all if it shows that or more already. It never
        goes back. For one writer at a time."""
        version = _VERSION.unpack_from(self._file)[0]
        state, real = self._state()
        now = _shown(state, real)
        # An odd version tells readers to look again.
        _VERSION.pack_into(self._file, 0, version + 1)
        _STATE.pack_into(self._file, 0, version + 1, real, now, rate, max(now, until))
        _VERSION.pack_into(self._file, 0, version + 2)

    def _state(self) -> tuple[tuple[float, float, float, float], float]:
        """What the file holds, and a moment of real time at which it held that: one that was read before, or after, might be shown
        more than there will be."""
        while True:
            version, *state = _STATE.unpack_from(self._file)
            now = _monotonic()
            if version % 2 == 0 and _VERSION.unpack_from(self._file)[0] == version:
                real, pipeline, rate, until = state
                return (real, pipeline, rate, until), now


def _shown(state: tuple[float, float, float, float], at: float) -> float:
    """The pipeline time at this moment of real time."""
    real, pipeline, rate, until = state
    passed = at - real
    now = pipeline + passed * rate
    return now if now <= until else until + passed - (until - pipeline) / rate


def install(path: str | None, skew_seconds: float = 0.0) -> None:
    """Let this process live by the clock at ``path``, or by the machine's, and be told ``skew_seconds`` more than it shows.
    Modules that have taken ``time.time`` or ``datetime.datetime`` for themselves before keep the machine's clock."""
    right = _of_machine["time"] if path is None else SharedClock(path).now

    def now() -> float:
        return float(right() + skew_seconds)

    replacements: dict[str, Any] = {
        "time": now,
        "time_ns": lambda: int(now() * 1e9),
        "gmtime": lambda seconds=None: _of_machine["gmtime"](now() if seconds is None else seconds),
        "localtime": lambda seconds=None: _of_machine["localtime"](now() if seconds is None else seconds),
        "ctime": lambda seconds=None: _of_machine["ctime"](now() if seconds is None else seconds),
        "strftime": lambda form, moment=None: _of_machine["strftime"](form, moment or _of_machine["localtime"](now())),
    }
    for name, function in replacements.items():
        setattr(time, name, _Builtin(function))
    # Where its name is shown or pickled, it is the one that is known. A date alone is not worth a stand-in.
    _Datetime.__name__ = _Datetime.__qualname__ = "datetime"
    _Datetime.__module__ = "datetime"
    datetime.datetime = _Datetime  # type: ignore[misc]


class _Builtin:
    """As functions written in C are, it is no method of a class that holds it: ``logging`` keeps ``time.gmtime`` in one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


class _StandIn(type):
    """The class of a stand-in. What C code makes is of the real class, and must count as one of the stand-in's."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__dict__.get("real", ())) or type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.__dict__.get("real", ())) or type.__subclasscheck__(cls, kind)


class _Datetime(datetime.datetime, metaclass=_StandIn):
    real = datetime.datetime

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)  # noqa: UP017  # as Python 3.10 has it

    @classmethod
    def today(cls) -> Any:
        return cls.fromtimestamp(time.time())
