"""Whose engine this is: whether its owner still lives, and whether it has been told to stay without one."""

import threading
import time
from collections.abc import Callable

import psutil

_LOOK_EVERY_SECONDS = 0.5

released = threading.Event()
"""Set when the engine may outlive its owner."""


def is_alive(process: psutil.Process) -> bool:
    """Whether this very process still runs; its number may meanwhile be another's, and a zombie runs no more."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pid: int, wanted: Callable[[], bool]) -> bool:
    """Whether this process is gone, after having waited for that as long as it is ``wanted``."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return wanted()
    while wanted():
        if not is_alive(process):
            return True
        time.sleep(_LOOK_EVERY_SECONDS)
    return False
