"""``taskguard grade`` as a gradebook starts it: as the command, but it ends in order when whoever started it is gone, however that ended.

It is run as ``python -m taskguard.cli.graded_apart <pid of its owner> <arguments of taskguard grade>``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from taskguard.cli import main
from taskguard.engine.ownership import wait_until_gone


def _end_with(owner_pid: int) -> None:
    if wait_until_gone(owner_pid, lambda: True):
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    owner = int(sys.argv[1])
    sys.argv[1:] = ["grade", *sys.argv[2:]]
    threading.Thread(target=_end_with, args=(owner,), name="owner", daemon=True).start()
    main()
