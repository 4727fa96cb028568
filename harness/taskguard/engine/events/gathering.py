"""Who waits for a function's answer: callers of APIs, of functions' URLs, and of functions themselves, but no event source mapping. Messages
come together meanwhile: the callers may send more, and less is taken from them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localstack.services.sqs.models import StandardQueue

_GATHERING_SECONDS, _STEP_SECONDS = 0.05, 0.005
"""For how long messages come together at most, and after what time it is looked again."""

_waiting: set[object] = set()
_own = threading.local()


def let_gather(queue: "StandardQueue", most: int) -> None:
    """Wait until there are so many messages to receive, as long as somebody waits for an answer, but no longer than a moment."""
    until = time.monotonic() + _GATHERING_SECONDS
    while _waiting and len(queue.visible.queue) < most and time.monotonic() < until:
        time.sleep(_STEP_SECONDS)


@contextmanager
def for_a_mapping() -> Iterator[None]:
    """Whom this thread invokes meanwhile it invokes for an event source mapping."""
    _own.is_mapping = True
    try:
        yield
    finally:
        _own.is_mapping = False


@contextmanager
def waiting() -> Iterator[None]:
    """As long as this is entered somebody waits, unless it is a mapping."""
    caller = object()
    if not getattr(_own, "is_mapping", False):
        _waiting.add(caller)
    try:
        yield
    finally:
        _waiting.discard(caller)
