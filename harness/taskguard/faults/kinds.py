"""The kinds of fault there are, each with the words in which it is spoken of.

A catalogue: it must not know how a fault is brought about, nor what a pipeline makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Site(StrEnum):
    """What a fault strikes."""

    CALL = "call"
    """One AWS call of a function."""
    FUNCTION = "function"
    """One invocation of a function."""
    PROCESS = "process"
    """One process of a function, at its start."""
    MESSAGE = "message"
    """One message on its way from a queue to its consumer and back."""
    STACK = "stack"
    """A whole part of the stack, for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault. ``two_phases`` is whether it strikes before or after the effect; ``seconds`` is how many it takes
    unless it is told otherwise (``seconds=``; ``for=`` of what strikes a stack), none when it has no length."""

    name: str
    site: Site
    sentence: str
    two_phases: bool = False
    seconds: float | None = None


_ALL = (
    Kind(name="throttle", site=Site.CALL, two_phases=True, sentence="an AWS call is answered with throttling"),
    Kind(name="error", site=Site.CALL, two_phases=True, sentence="an AWS call is answered with an internal error"),
    Kind(
        name="refuse",
        site=Site.CALL,
        two_phases=True,
        sentence="a conditional write is answered as if its condition had failed",
    ),
    Kind(name="disconnect", site=Site.CALL, two_phases=True, sentence="the connection breaks, and no answer comes"),
    Kind(name="slow", site=Site.CALL, two_phases=True, seconds=1.0, sentence="an AWS call takes its time"),
    Kind(name="kill", site=Site.CALL, two_phases=True, sentence="the function's process is killed at an AWS call"),
    Kind(
        name="kill-first", site=Site.FUNCTION, sentence="the function's process is killed before it has done anything"
    ),
    Kind(
        name="kill-last",
        site=Site.FUNCTION,
        sentence="the function's process is killed when all is done but its answer",
    ),
    Kind(
        name="hang",
        site=Site.FUNCTION,
        seconds=0.2,
        sentence="the function times out before it has done anything",
    ),
    Kind(name="timeout", site=Site.FUNCTION, seconds=0.2, sentence="the function times out when all is done"),
    Kind(name="no-init", site=Site.PROCESS, sentence="the function's process fails to initialise"),
    Kind(name="garbage", site=Site.FUNCTION, sentence="the function answers what is no answer"),
    Kind(name="unknown-id", site=Site.FUNCTION, sentence="the function names a failed message that it was not given"),
    Kind(
        name="skew",
        site=Site.PROCESS,
        seconds=-300.0,
        sentence="the clock of the function's process is wrong, from its start to its end",
    ),
    Kind(name="twice", site=Site.MESSAGE, sentence="a message is delivered to two processes at once"),
    Kind(name="again", site=Site.MESSAGE, sentence="a message's deletion is lost, so it is delivered again"),
    Kind(name="lose", site=Site.MESSAGE, sentence="a message is received, and lost on its way to the function"),
    Kind(name="late", site=Site.MESSAGE, seconds=2.0, sentence="a message is delivered late"),
    Kind(
        name="reorder",
        site=Site.MESSAGE,
        seconds=5.0,
        sentence="a message is delivered after others that came later, if others come meanwhile",
    ),
    Kind(
        name="stale-handle", site=Site.MESSAGE, sentence="a message is delivered with a receipt handle that has expired"
    ),
    Kind(name="run-out", site=Site.MESSAGE, sentence="the visibility timeout runs out while the function is at work"),
    Kind(name="table-down", site=Site.STACK, seconds=5.0, sentence="the table throttles every call for a while"),
    Kind(name="queue-down", site=Site.STACK, seconds=5.0, sentence="the queues fail every call for a while"),
    Kind(
        name="consumer-off",
        site=Site.STACK,
        seconds=5.0,
        sentence="the work queue's consumer is switched off for a while",
    ),
    Kind(
        name="monitor-off",
        site=Site.STACK,
        seconds=5.0,
        sentence="the dead-letter queue's consumer is switched off for a while",
    ),
    Kind(name="deploy", site=Site.STACK, seconds=0.0, sentence="the functions are deployed again in mid-run"),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind, by its name."""

FROM_OUTSIDE = frozenset({"consumer-off", "monitor-off", "deploy"})
"""Those that anybody may bring about who may change the stack: they need no engine of ours."""
