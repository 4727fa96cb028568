"""The process of LocalStack as it comes. Run as ``python -m bench.throughput.localstack_alone``; it ends with its owner."""

import threading

import psutil
from localstack.runtime.main import main as run_localstack
from localstack.runtime.runtime import LocalstackRuntime

from harness.engine import __main__ as ours
from harness.engine import ownership, warmth
from harness.engine.settings import EngineSettings


def _leave_with(owner: psutil.Process) -> None:
    while ownership.is_alive(owner):
        if ownership.released.wait(0.5):
            return
    ours._leave()  # as ours does


if __name__ == "__main__":
    warmth.prepare = lambda: None
    owner = psutil.Process(EngineSettings.from_environment().owner_pid)
    threading.Thread(target=_leave_with, args=(owner,), daemon=True).start()
    LocalstackRuntime.exit = ours._leave
    run_localstack()
