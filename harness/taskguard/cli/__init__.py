"""The ``taskguard`` command, from the first moment on: what it is made of takes half a second to import, and may be interrupted.

Each command is a thin layer over the harness, in a module of its own. It must not know what a command does.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
from typing import NoReturn

_AS_A_SHELL = 128
"""What a shell adds to the number of the signal that ended a command."""


def main() -> NoReturn:
    """Run the command line: the entry point of the ``taskguard`` script."""
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is not signal.SIG_IGN:  # as a shell has it for what runs in the background
            signal.signal(each, _leave)
    # What is imported stays, and the system frees all of it at the end sooner than this process would find out what is garbage.
    atexit.register(gc.freeze)
    gc.disable()
    from taskguard.cli.app import run  # noqa: PLC0415  # nothing has been begun meanwhile that would have to be ended

    gc.enable()
    run()


def _leave(number: int, _frame: object) -> NoReturn:
    os._exit(_AS_A_SHELL + number)
