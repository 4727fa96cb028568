"""The first code in a function's process: tie its life to the engine's, then hand over to the runtime interface client.

Run as ``python -S -s -P function_bootstrap.py <lifeline> <handler> [<clock>]``. It imports nothing of the harness but
a clock: a function sees its own package, the runtime interface client and boto3, as it does on Lambda.
"""

import os
import runpy
import signal
import sys
import threading


def _die_with_the_engine(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # It leads a process group: what the handler started ends with it.
    os.killpg(0, signal.SIGKILL)


def _main() -> None:
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    threading.Thread(target=_die_with_the_engine, args=(lifeline,), daemon=True).start()
    if len(sys.argv) > 3:
        runpy.run_path(os.path.join(os.path.dirname(__file__), "scaled_clock.py"))["install"](sys.argv[3])  # noqa: PTH118, PTH120
    sys.argv = ["awslambdaric", sys.argv[2]]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


_main()
