"""The first code in a function's process: tie its life to the engine's, then hand over to the runtime interface client.

Run as ``python -S -s -P bootstrap.py <lifeline> <pid> <handler> <clock> <skew>``: file descriptors, of which one ends with the engine
and the other is told the function's process; the clock's file, empty for the machine's clock, and by how many seconds this
process is told more than it. It imports nothing of the harness but a clock: a function sees its own package, the runtime interface client and boto3, as it does on Lambda.

On Linux the function runs in a fork of this process, which stays beside it as its keeper. Whatever the function starts, and whatever
session that goes to, descends from the keeper, which ends it all with the function or with the engine.
"""

import os
import runpy
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn

_CAP_DAC_OVERRIDE = 1
# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_ENDS_WITHIN_SECONDS = 5.0
"""How long the keeper waits for what it has killed: what waits for a disk cannot be ended."""


def _die_with_the_engine(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # It leads a process group: what the handler started ends with it.
    os.killpg(0, signal.SIGKILL)


def _heed_the_modes_of_files(libc: Any) -> None:
    """On Linux root writes what nobody may write. A function cannot write to its package on Lambda, and is not to do so here."""
    if os.geteuid() != 0:
        return
    import ctypes  # noqa: PLC0415  # it is loaded already

    # linux/capability.h: version 3 has two words each of what is in effect, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0 and libc.capget(header, sets) == 0:
        for word in range(3):
            sets[word] &= ~(1 << _CAP_DAC_OVERRIDE)
        libc.capset(header, sets)


def _go_on_in_a_fork(lifeline: int, told: int) -> None:
    """Return in the function's process; the keeper never does."""
    import ctypes  # noqa: PLC0415  # elsewhere it is not needed

    libc = ctypes.CDLL(None)
    _heed_the_modes_of_files(libc)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper = os.getpid()
    function = os.fork()
    if function:
        _keep(function, lifeline, told, libc)
    os.setsid()
    # Should somebody end the keeper.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != keeper:
        os._exit(1)
    os.close(lifeline)
    os.close(told)


def _keep(function: int, lifeline: int, told: int, libc: Any) -> NoReturn:
    os.write(told, f"{function}\n".encode())
    os.close(told)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The function's output ends with the function.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    threading.Thread(target=_end_with_the_engine, args=(lifeline, function), daemon=True).start()
    ended, status = 0, 0
    while ended != function:
        # Others are orphans of the function's.
        ended, status = os.waitpid(-1, 0)
    _end_what_is_left()
    _end_alike(os.waitstatus_to_exitcode(status), libc)


def _end_with_the_engine(lifeline: int, function: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(function, signal.SIGKILL)


def _end_what_is_left() -> None:
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while _has_children() and time.monotonic() < deadline:
        for pid in _sibling("descendants.py")["Processes"]().below(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _has_children() -> bool:
    """Whether there are any, after those that have ended were collected."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_alike(code: int, libc: Any) -> NoReturn:
    """As the function's process has ended, so that the engine sees that."""
    if code < 0:
        # One core is enough.
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


def _sibling(*path: str) -> dict[str, Any]:
    """A file of the harness, run by itself."""
    return runpy.run_path(os.path.join(os.path.dirname(__file__), *path))  # noqa: PTH118, PTH120


def _main() -> None:
    lifeline, told = map(int, sys.argv[1:3])
    _, _, _, handler, clock, skew = sys.argv
    if sys.platform.startswith("linux"):
        # Before there is a second thread: each has rights of its own, and only one is in a fork.
        _go_on_in_a_fork(lifeline, told)
    else:
        os.write(told, f"{os.getpid()}\n".encode())
        os.close(told)
        os.set_inheritable(lifeline, False)
        threading.Thread(target=_die_with_the_engine, args=(lifeline,), daemon=True).start()
    if clock or float(skew):
        _sibling("..", "..", "support", "scaled_clock.py")["install"](clock or None, float(skew))
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


_main()
