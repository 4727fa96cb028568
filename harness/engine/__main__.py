"""The engine's process: LocalStack, with a lifeline to whoever started it.

Run as ``python -m harness.engine``. Standard input is the lifeline: its owner keeps the other end open, and when the
owner is gone, however it died, the engine stops itself and everything it started. Nothing in it is worth saving, so it
leaves at once instead of taking its services down one by one.
"""

import os
import shutil
import sys
import threading
from typing import Any, NoReturn

from localstack.runtime.main import main as run_localstack
from localstack.runtime.runtime import LocalstackRuntime

from harness.engine import queue_worker
from harness.engine.function_process import stop_all
from harness.engine.settings import EngineSettings


def main() -> None:
    settings = EngineSettings.from_environment()
    if settings.has_lifeline:
        threading.Thread(target=_leave_when_orphaned, name="lifeline", daemon=True).start()
    queue_worker.set_period(settings.queue_worker_period_seconds)
    # LocalStack's signal handlers call this.
    LocalstackRuntime.exit = _leave
    run_localstack()


def _leave_when_orphaned() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    _leave()


def _leave(_runtime: Any = None, code: int = 0) -> NoReturn:
    try:
        stop_all()
        # Whoever made the folder may be gone; whoever is not finds it removed already.
        shutil.rmtree(EngineSettings.from_environment().scratch, ignore_errors=True)
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
