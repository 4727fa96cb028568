"""Whose engine this is: whether its owner still lives, and whether it has been told to stay without one."""

import threading

import psutil

released = threading.Event()
"""Set when the engine may outlive its owner."""


def is_alive(pid: int, created_at: float) -> bool:
    """Whether the process ``pid`` that was created at ``created_at`` (seconds since the epoch) still runs."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created_at) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
