"""The engine's process: LocalStack, which ends with whoever owns it.

Run as ``python -m taskguard.engine``. When its owner is gone, however it died, the engine stops itself and everything it
started, unless it has been told to stay. Nothing in it is worth saving, so it leaves at once instead of taking its
services down one by one.
"""

import gc
import os
import threading
from typing import Any, NoReturn

# Nearly all that is made during the start stays: looking for what does not takes a fifth of the time.
gc.set_threshold(100_000, 50, 50)

import psutil

from taskguard.engine.settings import EngineSettings
from taskguard.support import folders, scaled_clock

if (clock := EngineSettings.from_environment().clock) is not None:
    # Before all that asks for the time is imported.
    scaled_clock.install(clock)

from localstack.runtime.main import main as run_localstack
from localstack.runtime.runtime import LocalstackRuntime
from localstack.services.s3 import provider as s3

from taskguard.engine import ownership
from taskguard.engine.events import deadlines as pace
from taskguard.engine.events import event_source
from taskguard.engine.functions import prewarming as readiness
from taskguard.engine.functions.process import stop_all
from taskguard.engine.patches import route_compilation as routes
from taskguard.engine.patches import thrift

_LOOK_EVERY_SECONDS = 0.5


def main() -> None:
    settings = EngineSettings.from_environment()
    if settings.owner_pid:
        owner = _find(settings.owner_pid)
        threading.Thread(target=_leave_with_owner, args=(owner,), name="owner", daemon=True).start()
    pace.quicken()
    thrift.practise()
    routes.compile_one_at_a_time()
    event_source.take_part()
    if settings.functions_ready:
        readiness.take_part()
    # Buckets would lie in one folder of the machine, whatever is said of temporary folders; without a name they are in a new one.
    s3.DEFAULT_S3_TMP_DIR = ""
    # LocalStack's signal handlers call this.
    LocalstackRuntime.exit = _leave
    run_localstack()


def _leave_with_owner(owner: psutil.Process | None) -> None:
    while owner is not None and ownership.is_alive(owner):
        if ownership.released.wait(_LOOK_EVERY_SECONDS):
            return
    _leave()


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _leave(_runtime: Any = None, code: int = 0) -> NoReturn:
    try:
        stop_all()
        # Whoever made the folder may be gone; whoever is not finds it removed already.
        folders.remove(EngineSettings.from_environment().scratch)
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
