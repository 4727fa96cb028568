"""A run that breaks off in the middle: why it did, and who is still asked what was seen of it.

It must not know how a run is made, how it is kept, nor how it is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import TaskGuardError
from taskguard.targets.aws_errors import explain
from taskguard.targets.base import Endpoint
from taskguard.targets.process import answered, end_of_log

T = TypeVar("T")

INTERRUPTED = "it was interrupted"
_ENDED = "the engine ended"
_WHAT_ENDS_ONE = (
    "Its process is gone: somebody ended it, the system did for want of memory, or it failed. Run it again, with fewer tasks where memory "
    "is short."
)


class Ask(Protocol):
    """Asks for a part of the evidence."""

    def __call__(self, part: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """The part, or something else where it cannot be had."""


def demanded(part: Callable[[], T], otherwise: Callable[[], T]) -> T:  # noqa: ARG001  # it must be had
    """The part, whatever happens."""
    return part()


class AsLongAsTheyAnswer:
    """Asks for one part of the evidence after another until one cannot be had, and from then on for none: the engine is ``gone``, or
    somebody has no patience any more."""

    def __init__(self, *, gone: bool) -> None:
        self._over = gone

    def __call__(self, part: Callable[[], T], otherwise: Callable[[], T]) -> T:
        if not self._over:
            try:
                return part()
            except (KeyboardInterrupt, Exception):  # what else was seen is worth more than why this was not
                self._over = True
        return otherwise()


def why_it_ended(error: BaseException, ended: Endpoint | None) -> tuple[str, str]:
    """The reason in one line, and what else helps to understand it, on lines of its own or nothing; ``ended`` is the engine that
    did."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, ""
    if ended is not None:
        log = end_of_log(ended.log.parent) if ended.log is not None and ended.log.exists() else ""
        return _ENDED, "\n".join(filter(None, (_WHAT_ENDS_ONE, log)))
    if isinstance(error, (ClientError, BotoCoreError)):
        return f"an AWS call failed: {explain(error)}", ""
    if isinstance(error, TaskGuardError):
        first, _, rest = str(error).partition("\n")
        return first, rest
    if isinstance(error, OSError):
        return f"the operating system refused: {error}", ""
    return f"a mistake in TaskGuard: {error!r}", ""


def make_sure_it_is_recorded(endpoint: Endpoint) -> None:
    """Ask the engine of ours whether it still keeps all that happens.

    Raises:
        OSError: it cannot write, as on a full disk; names what: the flight recorder's file, or a table's stream.
    """
    if endpoint.url is None or endpoint.recording is None:
        return
    failure = answered(f"{endpoint.url}/_taskguard/instance", "failure")
    if isinstance(failure, list):
        raise OSError(*failure)
