"""The engine's process: LocalStack, which ends with whoever owns it.

Run as ``python -m taskguard.engine``. When its owner is gone, however it died, the engine stops itself and everything it
started, unless it has been told to stay. Nothing in it is worth saving, so it leaves at once instead of taking its
services down one by one.
"""

import threading

import psutil

from taskguard.engine import ownership, patches
from taskguard.engine.settings import EngineSettings

_LOOK_EVERY_SECONDS = 0.5


def main() -> None:
    patches.apply()
    # By now the time that they are told is the engine's.
    from localstack.runtime.main import main as run_localstack

    owner_pid = EngineSettings.from_environment().owner_pid
    if owner_pid:
        owner = _find(owner_pid)
        threading.Thread(target=_leave_with_owner, args=(owner,), name="owner", daemon=True).start()
    run_localstack()


def _leave_with_owner(owner: psutil.Process | None) -> None:
    from taskguard.engine.leaving import leave

    while owner is not None and ownership.is_alive(owner):
        if ownership.released.wait(_LOOK_EVERY_SECONDS):
            return
    leave()


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


if __name__ == "__main__":
    main()
