"""How many processes a program in a sandbox may have at once: Lambda's quota for a function.

For an ordinary user the kernel counts those of the sandbox alone (RLIMIT_NPROC in its user namespace, from Linux 5.14 on). The
administrator's it never counts: there a control group does, where such can be made.
"""

import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

MOST_PROCESSES = 1024
"""Processes and threads: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

_MOUNTS = Path("/proc/self/mounts")


@lru_cache
def where_groups_are_made(mounts: Path = _MOUNTS) -> Path | None:
    """The folder in which this process can make control groups that bound processes; None where that is for others to do, and for an
    ordinary user, who needs none."""
    if os.geteuid() != 0:
        return None
    with suppress(OSError):
        for line in mounts.read_text().splitlines():
            _, place, kind, options, *_ = line.split()
            folder = Path(place)
            if _bounds_processes(folder, kind, options.split(",")) and _can_be_made(folder):
                return folder
    return None


def _bounds_processes(folder: Path, kind: str, options: list[str]) -> bool:
    if "rw" not in options:
        return False
    if kind == "cgroup":
        return "pids" in options
    with suppress(OSError):
        return kind == "cgroup2" and "pids" in (folder / "cgroup.subtree_control").read_text().split()
    return False


def _can_be_made(folder: Path) -> bool:
    try:
        new_group(folder).rmdir()
    except OSError:
        return False
    return True


def new_group(folder: Path) -> Path:
    """A control group in such a folder. Who asked for it removes it."""
    group = folder / f"taskguard-{os.getpid()}-{secrets.token_hex(4)}"
    group.mkdir()
    (group / "pids.max").write_text(str(MOST_PROCESSES))
    return group
