"""Ends an instance whose owner is gone, however it died.

For engines that do not watch their owner themselves. Run as ``python -m taskguard.targets.guardian <owner's pid>
<instance as JSON> <file>``: it watches as long as the file is there, so removing the file dismisses it. Each instance
needs a file of its own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil

from taskguard.engine.ownership import is_alive
from taskguard.targets.base import Instance
from taskguard.targets.instances import instance_from_json

_LOOK_EVERY_SECONDS = 0.5


def _watch(owner: psutil.Process | None, instance: Instance, file: Path) -> None:
    while file.exists():
        if owner is None or not is_alive(owner):
            instance.end()
            file.unlink(missing_ok=True)
            return
        time.sleep(_LOOK_EVERY_SECONDS)


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


if __name__ == "__main__":
    _watch(_find(int(sys.argv[1])), instance_from_json(sys.argv[2]), Path(sys.argv[3]))
