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


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. ``seconds`` is how many it takes unless it is told otherwise (``seconds=``; ``for=`` of what strikes a
    stack), none when it has no length."""

    name: str
    site: Site
    sentence: str
    seconds: float | None = None

    @property
    def two_phases(self) -> bool:
        """Whether it strikes before or after the effect, as it is told."""
        return self.site is Site.CALL or self.name == "fail"

    @property
    def strikes_all(self) -> bool:
        """Whether what strikes a call strikes all that its invocation is about: its process ends, or its function may not go on."""
        return self.name in ("kill", "deny")

    @property
    def may_take_seconds(self) -> bool:
        """Whether it can be told how many seconds it takes."""
        return self.seconds is not None or self.name in _BACK_AFTER_SECONDS


_BACK_AFTER_SECONDS = frozenset({"fail", "kill", "deny"})
"""What they strike comes back after so many seconds where that is said, and else when its visibility timeout is over."""

_ALL = (
    Kind("throttle", Site.CALL, "an AWS call is answered with throttling"),
    Kind("error", Site.CALL, "an AWS call is answered with an internal error"),
    Kind("refuse", Site.CALL, "a conditional write is answered as if its condition had failed"),
    Kind("deny", Site.CALL, "an AWS call is answered with access denied, and is not tried again"),
    Kind("disconnect", Site.CALL, "the connection breaks, and no answer comes"),
    Kind("slow", Site.CALL, "an AWS call takes its time", 1.0),
    Kind("kill", Site.CALL, "the function's process is killed at an AWS call"),
    Kind("kill-first", Site.FUNCTION, "the function's process is killed before it has done anything"),
    Kind("kill-last", Site.FUNCTION, "the function's process is killed when all is done but its answer"),
    Kind("hang", Site.FUNCTION, "the function times out before it has done anything", 0.2),
    Kind("timeout", Site.FUNCTION, "the function times out when all is done", 0.2),
    Kind("no-init", Site.PROCESS, "the function's process fails to initialise"),
    Kind("garbage", Site.FUNCTION, "the function answers what is no answer"),
    Kind("unknown-id", Site.FUNCTION, "the function names a failed message that it was not given"),
    Kind("skew", Site.PROCESS, "the clock of the function's process is wrong, from its start to its end", -300.0),
    Kind("twice", Site.MESSAGE, "a message is delivered to two processes at once"),
    Kind("again", Site.MESSAGE, "a message's deletion is lost, so it is delivered again"),
    Kind("lose", Site.MESSAGE, "a message is received, and lost on its way to the function"),
    Kind("late", Site.MESSAGE, "a message is delivered late", 2.0),
    Kind("reorder", Site.MESSAGE, "a message is delivered after others that came later, if others come meanwhile", 5.0),
    Kind("stale-handle", Site.MESSAGE, "a message is delivered with a receipt handle that has expired"),
    Kind("run-out", Site.MESSAGE, "the visibility timeout runs out while the function is at work"),
    Kind(
        "throttle-function",
        Site.MESSAGE,
        "a message's invocation is throttled, with its batch, until it is visible again",
    ),
    Kind("fail", Site.MESSAGE, "a message is reported as failed: the function does not see it, or has done its work"),
    Kind("table-down", Site.STACK, "the table throttles every call for a while", 5.0),
    Kind("queue-down", Site.STACK, "the queues fail every call for a while", 5.0),
    Kind("consumer-off", Site.STACK, "the work queue's consumer is switched off for a while", 5.0),
    Kind("monitor-off", Site.STACK, "the dead-letter queue's consumer is switched off for a while", 5.0),
    Kind("deploy", Site.STACK, "the functions are deployed again in mid-run", 0.0),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind, by its name."""

FROM_OUTSIDE = frozenset({"consumer-off", "monitor-off", "deploy"})
"""Those that anybody may bring about who may change the stack: they need no engine of ours."""
