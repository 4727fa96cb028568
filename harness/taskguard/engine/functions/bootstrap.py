"""The first code in a function's process: tie its life to the engine's, then hand over to the runtime interface client.

Run as ``python -S -s -P function_bootstrap.py <lifeline> <handler> <clock> <skew>``: the clock's file, empty for the
machine's clock, and by how many seconds this process is told more than it. It imports nothing of the harness but a clock: a function sees its own package, the runtime interface client and boto3, as it does on Lambda.
"""

import os
import runpy
import signal
import sys
import threading

_CAP_DAC_OVERRIDE = 1
_PR_CAPBSET_DROP = 24


def _die_with_the_engine(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # It leads a process group: what the handler started ends with it.
    os.killpg(0, signal.SIGKILL)


def _heed_the_modes_of_files() -> None:
    """On Linux root writes what nobody may write. A function cannot write to its package on Lambda, and is not to do so here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return
    import ctypes  # noqa: PLC0415  # others start without it

    libc = ctypes.CDLL(None)
    # linux/capability.h: version 3 has two words each of what is in effect, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0 and libc.capget(header, sets) == 0:
        for word in range(3):
            sets[word] &= ~(1 << _CAP_DAC_OVERRIDE)
        libc.capset(header, sets)


def _main() -> None:
    # Before there is a second thread: each has rights of its own.
    _heed_the_modes_of_files()
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
