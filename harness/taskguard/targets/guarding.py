"""Sets a guardian over an instance whose engine does not watch its owner itself (see :mod:`taskguard.targets.guardian`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from taskguard.targets.base import Instance


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
