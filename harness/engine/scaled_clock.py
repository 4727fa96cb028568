"""A clock that runs faster than the machine's, for one whole process.

Once installed, what asks the standard library for the time of day is told pipeline time: the moment of ``origin``, and
from there on ``scale`` seconds for each second that passes. What measures a duration (``time.monotonic``,
``time.perf_counter``) or waits (``time.sleep``, locks, sockets) goes by real time as before. It imports nothing of the
harness: functions' processes load it too.
"""

import datetime
import time
from typing import Any

real_time = time.time
"""The machine's own clock, in seconds since the epoch."""

_of_machine = {name: getattr(time, name) for name in ("gmtime", "localtime", "ctime", "strftime")}
_scale, _origin = 1.0, 0.0


def install(scale: float, origin: float) -> None:
    """Let this process live ``scale`` times as fast from ``origin`` on, in seconds since the epoch. Modules that have
    taken ``time.time`` or ``datetime.datetime`` for themselves before keep the machine's clock."""
    global _scale, _origin  # a process has one clock
    _scale, _origin = scale, origin
    for name, function in _REPLACEMENTS.items():
        setattr(time, name, function)
    # Where its name is shown or pickled, it is the one that is known. A date alone is not worth a stand-in.
    _Datetime.__name__ = _Datetime.__qualname__ = "datetime"
    _Datetime.__module__ = "datetime"
    datetime.datetime = _Datetime  # type: ignore[misc]


def _now() -> float:
    return _origin + (real_time() - _origin) * _scale


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
        return cls.fromtimestamp(_now(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.fromtimestamp(_now(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.fromtimestamp(_now())


_REPLACEMENTS: dict[str, Any] = {
    "time": _now,
    "time_ns": lambda: int(_now() * 1e9),
    "gmtime": lambda seconds=None: _of_machine["gmtime"](_now() if seconds is None else seconds),
    "localtime": lambda seconds=None: _of_machine["localtime"](_now() if seconds is None else seconds),
    "ctime": lambda seconds=None: _of_machine["ctime"](_now() if seconds is None else seconds),
    "strftime": lambda form, moment=None: _of_machine["strftime"](form, moment or _of_machine["localtime"](_now())),
}
