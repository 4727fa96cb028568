"""CPython: garbage is collected far less often than by default while LocalStack starts, and in small amounts from then on.

Nearly all that is made while LocalStack starts stays. Looking for what does not takes a fifth of the start's time. Nearly all that a task
makes goes: collected as seldom, it holds up the engine for 150 ms at a time, and takes three times as long in all.

Needed until an engine starts no later without it: ``taskguard grade --fresh --timings``.
"""

import gc

_AT_START = (100_000, 50, 50)
_AT_WORK = (5_000, 20, 1_000)


def apply() -> None:
    gc.set_threshold(*_AT_START)


def expect_work() -> None:
    """The engine has started: what there is stays, and nobody need look through it again."""
    gc.freeze()
    gc.set_threshold(*_AT_WORK)
