"""The first code in a function's process: start the function beside it, stay as its keeper, and end as it has ended.

Run as ``python -I -S keeper.py <lifeline> <told> <group> <command>...``: two file descriptors, of which one ends with the engine and the
other is told the function's process; and the control group that is made for the function, empty for none. Whatever the function is written in, it ends with the engine; on Linux so does all that it has started,
whatever session that went to, for all of it descends from the keeper. What delays the function's start is kept small. It imports nothing
of the harness, and knows nothing of languages.
"""

import ctypes
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_ON_LINUX = sys.platform.startswith("linux")
_CAP_DAC_OVERRIDE = 1
# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
# signal.h, the same on Linux and macOS: the module of that name takes milliseconds.
_SIGHUP, _SIGINT, _SIGKILL, _SIGPIPE, _SIGTERM = 1, 2, 9, 13, 15
_SIG_DFL, _SIG_IGN = 0, 1
_MOST_PROCESSES = 1024
"""Lambda's quota, and what a sandbox itself has beside is not worth counting."""
_ENDS_WITHIN_SECONDS = 5.0
"""How long the keeper waits for what it has killed: what waits for a disk cannot be ended."""


def _main() -> None:
    lifeline, told, group = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    libc = ctypes.CDLL(None)
    if _ON_LINUX:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if group:
        os.mkdir(group)  # noqa: PTH102
        _write(f"{group}/pids.max", str(_MOST_PROCESSES))
    keeper = os.getpid()
    function = os.fork()
    if function:
        _keep(function, lifeline, told, group, libc)
    if group:
        _write(f"{group}/cgroup.procs", "0")
    if _ON_LINUX:
        _heed_the_modes_of_files(libc)
        os.setsid()
        # Should somebody end the keeper.
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)
    os.close(lifeline)
    os.close(told)
    # Python ignores it, and what is started would inherit that.
    libc.signal(_SIGPIPE, _SIG_DFL)
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606  # no shell is meant


def _heed_the_modes_of_files(libc: "Any") -> None:
    """On Linux root writes what nobody may write. A function cannot write to its package on Lambda, and is not to do so here."""
    if os.geteuid() != 0:
        return
    # linux/capability.h: version 3 has two words each of what is in effect, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0 and libc.capget(header, sets) == 0:
        for word in range(3):
            sets[word] &= ~(1 << _CAP_DAC_OVERRIDE)
        libc.capset(header, sets)


def _write(file: str, text: str) -> None:
    with open(file, "w") as opened:  # noqa: PTH123
        opened.write(text)


def _keep(function: int, lifeline: int, told: int, group: str, libc: "Any") -> "NoReturn":
    # The modules of the usual names take as long as all else here, while the function wants the processor.
    import _thread

    os.write(told, f"{function}\n".encode())
    os.close(told)
    for number in (_SIGINT, _SIGTERM, _SIGHUP):
        libc.signal(number, ctypes.c_void_p(_SIG_IGN))
    # The function's output ends with the function.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    _thread.start_new_thread(_end_with_the_engine, (lifeline, function))
    ended, status = 0, 0
    while ended != function:
        # Others are orphans of the function's.
        ended, status = os.waitpid(-1, 0)
    if _ON_LINUX:
        _end_what_is_left()
    if group:
        # Its last process may still be on its way out.
        _remove(group)
    _end_alike(os.waitstatus_to_exitcode(status), libc)


def _end_with_the_engine(lifeline: int, function: int) -> None:
    while os.read(lifeline, 1):
        pass
    if _ON_LINUX:
        os.kill(function, _SIGKILL)
    else:
        # The function is in this process's group, as is what it has started.
        os.killpg(0, _SIGKILL)


def _end_what_is_left() -> None:
    import runpy
    import time
    from contextlib import suppress

    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while _has_children() and time.monotonic() < deadline:
        descendants = runpy.run_path(os.path.join(os.path.dirname(__file__), "descendants.py"))  # noqa: PTH118, PTH120
        for pid in descendants["Processes"]().below(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, _SIGKILL)
        time.sleep(0.002)


def _remove(group: str) -> None:
    import time

    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            return os.rmdir(group)  # noqa: PTH106
        except OSError:
            time.sleep(0.002)
    return None


def _has_children() -> bool:
    """Whether there are any, after those that have ended were collected."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_alike(code: int, libc: "Any") -> "NoReturn":
    """As the function's process has ended, so that the engine sees that."""
    import signal
    from contextlib import suppress

    if code < 0:
        if _ON_LINUX:
            # One core is enough.
            libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


_main()
