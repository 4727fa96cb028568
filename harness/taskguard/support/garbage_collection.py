"""Python's search for cyclic garbage, put off where it would look through a whole history in vain."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_lying() -> Iterator[None]:
    """Look for no cyclic garbage meanwhile: for what makes millions of values without cycles, which would be looked through
    again and again as they become more."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
