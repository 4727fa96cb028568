"""Tells the flight recorder when the engine itself was held up, so that its own lateness is not taken for the pipeline's.

A thread that wants to wake every few milliseconds notices when it cannot: the machine gave the engine no processor, or its
other threads gave up none. Whatever was due then was late for that reason. It must not know what was due.
"""

import threading
import time

from taskguard.engine.recorder.flight_recorder import now_ms, recorder

_EVERY_SECONDS = 0.05
_NOTED_SECONDS = 0.05
"""Hold-ups that are shorter are those of any machine, and far below what a late message is given."""


def watch() -> None:
    """Note each hold-up from now on."""
    threading.Thread(target=_watch, name="stalls", daemon=True).start()


def _watch() -> None:
    while True:
        due = time.monotonic() + _EVERY_SECONDS
        time.sleep(_EVERY_SECONDS)
        late = time.monotonic() - due
        if late >= _NOTED_SECONDS:
            until = now_ms()
            recorder().write("engine-held-up", startedAt=round(until - late * 1000, 3), endedAt=until)
