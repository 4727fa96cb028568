"""Whether two histories of one run tell the same: that of the flight recorder, and that of the logs.

Compared event by event: same kinds, same tasks, messages and receive counts, same values, and times as close as two clocks
allow. It judges neither of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import (
    AttemptLogged,
    Called,
    ConfigurationObserved,
    ConsumersOff,
    Event,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
    History,
    QueueDepth,
    RecordObserved,
    RunEnded,
)
from taskguard.support.json_values import same_json
from taskguard.support.typed import untyped

_NOT_OF_THE_PIPELINE = (
    RunEnded,
    QueueDepth,
    ConfigurationObserved,
    EvidenceMissing,
    HeldUp,
    ConsumersOff,
    FaultInjected,
    # Logs tell of none but those that hide a message.
    Called,
    # Of the same logs, whatever else is believed.
    AttemptLogged,
)
_TIMES = ("at_ms", "answered_ms")
# In an error's words the logs and the recorder differ; that it was one, and whose, they must agree on.
# An environment has another name to each.
_WORDS = ("reason", "environment")


def differences(one: History, other: History, *, tolerance_ms: float) -> list[str]:
    """What one history has and the other has not, or has otherwise or at another time; empty when they agree."""
    found: list[str] = []
    mine, theirs = _by_key(one), _by_key(other)
    for key in sorted(mine.keys() | theirs.keys()):
        here, there = mine.get(key, []), theirs.get(key, [])
        if len(here) != len(there):
            found.append(f"{' '.join(key)}: {len(here)} in one, {len(there)} in the other")
        for a, b in zip(here, there, strict=False):
            found.extend(f"{' '.join(key)}: {difference}" for difference in _differences(a, b, tolerance_ms))
    return found


def times_apart_ms(one: History, other: History) -> float:
    """The furthest that the same moment is apart in the two, over all events that both have; 0 when there are none."""
    mine, theirs = _by_key(one), _by_key(other)
    return max(
        (
            abs(getattr(a, name) - getattr(b, name))
            for key in mine.keys() & theirs.keys()
            for a, b in zip(mine[key], theirs[key], strict=False)
            for name in _TIMES
            if hasattr(a, name) and not isinstance(a, RecordObserved)
        ),
        default=0.0,
    )


def _by_key(history: History) -> dict[tuple[str, ...], list[Event]]:
    found: dict[tuple[str, ...], list[Event]] = {}
    for event in history:
        if not isinstance(event, _NOT_OF_THE_PIPELINE):
            parts = (getattr(event, name, None) for name in ("task_id", "message_id", "receive_count", "delivery_id"))
            found.setdefault((type(event).__name__, *map(str, parts)), []).append(event)
    return found


def _differences(a: Event, b: Event, tolerance_ms: float) -> Iterator[str]:
    for name in a.__struct_fields__:
        mine, theirs = getattr(a, name), getattr(b, name)
        if name in _TIMES:
            if abs(mine - theirs) > tolerance_ms and not isinstance(a, RecordObserved):
                yield f"{name} differs by {theirs - mine:+.1f} ms"
        # To Python 1, 1.0 and true are equal; they are not the same payload.
        elif name not in _WORDS and not same_json(untyped(mine), untyped(theirs)):
            yield f"{name} is {mine!r} in one, {theirs!r} in the other"
