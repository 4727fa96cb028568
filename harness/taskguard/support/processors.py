"""How many processors this process may use."""

import os


def usable_processors() -> int:
    """Those that it is bound to, where the system binds it to some; else all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
