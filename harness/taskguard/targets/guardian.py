"""Ends an instance whose owner is gone, however it died: a guardian, for engines that do not watch their owner themselves.

It is run as ``python -m taskguard.targets.guardian <owner's pid> <instance as JSON> <file>``, and watches as long as the file is there,
so removing the file dismisses it. Each instance needs a file of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from taskguard.engine.ownership import wait_until_gone
from taskguard.targets.base import Instance
from taskguard.targets.registry import instance_from_json


def guard(instance: Instance, owner_pid: int, file: Path) -> None:
    """Let a guardian watch over ``instance`` until ``file``, which is made here, is removed."""
    file.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "taskguard.targets.guardian", str(owner_pid), instance.to_json(), str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C in the terminal must not end it before its work is done.
        start_new_session=True,
    )
    # Otherwise Python warns of a process that is forgotten while it runs.
    process.returncode = 0


def _watch(owner_pid: int, instance: Instance, file: Path) -> None:
    if wait_until_gone(owner_pid, file.exists):
        instance.end()
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    _watch(int(sys.argv[1]), instance_from_json(sys.argv[2]), Path(sys.argv[3]))
