"""The first code in a function's process: tie its life to the engine's, then hand over to the runtime interface client.

Run as ``python -S -s -P function_bootstrap.py <lifeline> <handler> <clock> <skew>``: the clock's file, empty for the
machine's clock, and by how many seconds this process is told more than it. It imports nothing of the harness but a clock: a function sees its own package, the runtime interface client and boto3, as it does on Lambda.
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
    _, _, handler, clock, skew = sys.argv
    if clock or float(skew):
        module = runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "..", "support", "scaled_clock.py"))  # noqa: PTH118, PTH120
        module["install"](clock or None, float(skew))
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


_main()
