"""Who waits for a function's answer: callers of APIs, of functions' URLs, and of functions themselves, but no event source mapping."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_waiting: set[object] = set()
_own = threading.local()


def wait() -> bool:
    """Whether anybody waits for one now."""
    return bool(_waiting)


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
