"""The engine's process: LocalStack, which ends with whoever owns it.

Run as ``python -m taskguard.engine``. When its owner is gone, however it died, the engine stops itself and everything it
started, unless it has been told to stay. Nothing in it is worth saving, so it leaves at once instead of taking its
services down one by one.
"""

import threading

from taskguard.engine import ownership, patches
from taskguard.engine.settings import EngineSettings


def main() -> None:
    if not EngineSettings.from_environment().as_it_comes:
        patches.apply()
    # By now the time that they are told is the engine's.
    from localstack.runtime.main import main as run_localstack

    owner_pid = EngineSettings.from_environment().owner_pid
    if owner_pid:
        threading.Thread(target=_leave_with_owner, args=(owner_pid,), name="owner", daemon=True).start()
    run_localstack()


def _leave_with_owner(pid: int) -> None:
    from taskguard.engine.patches.immediate_exit import leave

    if ownership.wait_until_gone(pid, lambda: not ownership.released.is_set()):
        leave()


if __name__ == "__main__":
    main()
