"""Single keys of a terminal, without Enter. Without a terminal there are none."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOKS_EVERY_SECONDS = 0.1


@contextmanager
def told_of_keys(tell: Callable[[str], None]) -> Iterator[bool]:
    """As long as this is entered, ``tell`` hears of each key, in another thread; whether there is a terminal whose keys these are. It is as
    before when this is left."""
    try:
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal) if os.isatty(terminal) else None
    except (OSError, ValueError, AttributeError, termios.error):
        before = None
    if before is None:
        yield False
        return
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(terminal, over, tell), name="keys", daemon=True)
    try:
        # Ctrl-C interrupts as ever.
        tty.setcbreak(terminal)
        reader.start()
        yield True
    finally:
        over.set()
        if reader.ident is not None:
            reader.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read(terminal: int, over: threading.Event, tell: Callable[[str], None]) -> None:
    while not over.is_set():
        readable, _, _ = select.select([terminal], [], [], _LOOKS_EVERY_SECONDS)
        if not readable:
            continue
        typed = os.read(terminal, 64)
        if not typed:
            return
        for key in typed.decode(errors="replace"):
            tell(key.lower())
