"""Ends an instance whose owner is gone, however it died.

For engines that do not watch their owner themselves. Run as ``python -m taskguard.targets.guardian <owner's pid>
<instance as JSON> <file>``: it watches as long as the file is there, so removing the file dismisses it. Each instance
needs a file of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from taskguard.engine.ownership import wait_until_gone
from taskguard.targets.base import Instance
from taskguard.targets.registry import instance_from_json


def _watch(owner_pid: int, instance: Instance, file: Path) -> None:
    if wait_until_gone(owner_pid, file.exists):
        instance.end()
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    _watch(int(sys.argv[1]), instance_from_json(sys.argv[2]), Path(sys.argv[3]))
