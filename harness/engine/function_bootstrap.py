"""The first code in a function's process: tie its life to the engine's, then hand over to the runtime interface client.

Run as ``python -S -s -P function_bootstrap.py <lifeline> <handler> [<clock scale> <clock origin>]``. It imports nothing
of the harness but a clock: a function sees its own package, the runtime interface client and boto3, as it does on Lambda.
"""

import os
import runpy
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def _die_with_the_engine(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # It leads a process group: what the handler started ends with it.
    os.killpg(0, signal.SIGKILL)


def _live_faster(scale: float, origin: float) -> None:
    clock = runpy.run_path(str(Path(__file__).with_name("scaled_clock.py")))
    clock["install"](scale, origin)
    # A function's time is limited by the machine's clock: its work is not done any faster.
    limited: Any = import_module("awslambdaric.lambda_context")
    limited.time = SimpleNamespace(time=clock["real_time"])


def _main() -> None:
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    threading.Thread(target=_die_with_the_engine, args=(lifeline,), daemon=True).start()
    if len(sys.argv) > 3:
        _live_faster(float(sys.argv[3]), float(sys.argv[4]))
    sys.argv = ["awslambdaric", sys.argv[2]]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


_main()
