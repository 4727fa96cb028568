"""Keepers of functions' processes: each starts the function beside it, stays with it, and ends it with the engine.

Run as ``python -I -S keeper.py <control> <groups> [<script> <argument>...]``: a socket that the engine asks at, and the folder in which control
groups are made, empty for none. One keeper more than there are functions is always forked and ready: no function waits for an interpreter
to start, nor for the kernel, which takes some 15 ms to move a process into a control group.

With a script, its ``load`` is called once, with the arguments, and may load what functions need. What that returns is called in each function's
process before its command is executed: it becomes the function, or returns if only the command can.

The keeper whose turn it is takes from ``control`` a byte with two descriptors: a line to the engine, and the function's output. On the line it
tells its own process, hears what to run (``argv``, ``environment``, ``folder``, and how it is set apart in the sandbox of all, if it is, in JSON), and tells the function's process, and at the end
how that ended, each on a line of text. The line has an end when the keeper has ended, or the engine.

Whatever the function is written in, it ends with the engine; on Linux so does all that it has started, whatever session that went to, for
all of it descends from the keeper. It imports nothing of the harness, and knows nothing of languages.
"""

import _thread
import ctypes
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Become = Callable[[dict[str, Any]], None]

_ON_LINUX = sys.platform.startswith("linux")
_LIBC = ctypes.CDLL(None)
_CAP_DAC_OVERRIDE = 1
# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
# linux/keyctl.h, and the number of its call
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_MOST_PROCESSES = 1024
"""Lambda's quota, and what a sandbox itself has beside is not worth counting, nor the keeper."""
_ENDS_WITHIN_SECONDS = 5.0
"""How long the keeper waits for what it has killed: what waits for a disk cannot be ended."""
_LOOK_EVERY_SECONDS = 0.002
_KEEPS_UP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OTHERWISE_IN_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores, and whoever it starts would inherit that."""

_beside = os.path.dirname(__file__)  # noqa: PTH120
_processes = runpy.run_path(f"{_beside}/descendants.py")["Processes"]
_isolate = runpy.run_path(f"{_beside}/isolation.py")["isolate"]


def _main() -> None:
    control, groups = socket.socket(fileno=int(sys.argv[1])), _Groups(sys.argv[2])
    become = _loaded(sys.argv[3:])
    ended, ending = os.pipe()
    os.set_blocking(ending, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ending, warn_on_full_buffer=False)
    while True:
        taken = _ready(control, groups, become, (ended, ending))
        while taken not in select.select([taken, ended], [], [])[0]:
            os.read(ended, 512)
            groups.collect()
        was_taken = os.read(taken, 1)
        os.close(taken)
        if not was_taken:
            return groups.collect_all()


def _loaded(script: "list[str]") -> "Become":
    if script:
        try:
            return runpy.run_path(script[0])["load"](*script[1:])
        except Exception:  # functions can be started without it, and tell what is wrong
            traceback.print_exc()
    return lambda _: None


def _ready(control: socket.socket, groups: "_Groups", become: "Become", others: "tuple[int, ...]") -> int:
    """Fork a keeper, which needs none of the other descriptors: what can be read when an engine has asked it, and ends when none will."""
    taken, taking = os.pipe()
    if os.fork() == 0:
        signal.set_wakeup_fd(-1)
        for descriptor in (taken, *others):
            os.close(descriptor)
        _be_ready(control, taking, groups, become)
    os.close(taking)
    return taken


class _Groups:
    """Control groups, one for each keeper, made in ``folder`` (none where it is empty). Each bounds how many processes the keeper has below
    it, and goes with it."""

    def __init__(self, folder: str) -> None:
        self._prefix = f"{folder}/taskguard-{os.getpid()}-" if folder else ""
        self._left: set[str] = set()

    def enter(self) -> None:
        """Move this process into one of its own."""
        if self._prefix:
            group = f"{self._prefix}{os.getpid()}"
            os.mkdir(group)  # noqa: PTH102
            _write(f"{group}/pids.max", str(_MOST_PROCESSES))
            _write(f"{group}/cgroup.procs", "0")

    def collect(self) -> bool:
        """Collect the keepers that have ended; whether there are any that have not."""
        try:
            while ended := os.waitpid(-1, os.WNOHANG)[0]:
                self._left.add(f"{self._prefix}{ended}")
        except ChildProcessError:
            return False
        finally:
            # What a keeper could not end keeps its group.
            self._left = {group for group in self._left if self._prefix and not _removed(group)}
        return True

    def collect_all(self) -> None:
        """Wait until all have ended, who see for themselves that the engine has."""
        deadline = time.monotonic() + 2 * _ENDS_WITHIN_SECONDS
        while (self.collect() or self._left) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)


def _removed(group: str) -> bool:
    try:
        os.rmdir(group)  # noqa: PTH106
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _write(file: str, text: str) -> None:
    with open(file, "w") as opened:  # noqa: PTH123
        opened.write(text)


def _be_ready(control: socket.socket, taking: int, groups: _Groups, become: "Become") -> "NoReturn":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    if _ON_LINUX:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Whoever started the engine may have keys in theirs. Where this cannot be called, no function can use them.
        if number := _KEYCTL.get(os.uname().machine):
            _LIBC.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)
    groups.enter()
    asked, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    if not asked:
        os._exit(0)
    try:
        # The next one makes itself ready.
        os.write(taking, asked)
    except BrokenPipeError:
        os._exit(1)
    os.close(taking)
    control.close()
    line, output = descriptors
    with suppress(OSError):
        os.write(line, f"{os.getpid()}\n".encode())
    with open(line, "rb", closefd=False) as heard:
        if not (wanted := heard.readline()):
            os._exit(0)
    keeper = os.getpid()
    function = os.fork()
    if function == 0:
        os.close(line)
        _be_the_function(json.loads(wanted), output, keeper, become)
    os.close(output)
    _keep(function, line)


def _be_the_function(wanted: "dict[str, Any]", output: int, keeper: int, become: "Become") -> "NoReturn":
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    if _ON_LINUX:
        _heed_the_modes_of_files()
        os.setsid()
        # Should somebody end the keeper.
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)
    if wanted["isolation"]:
        _isolate(**wanted["isolation"])
    become(wanted)
    for number in _OTHERWISE_IN_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    os.chdir(wanted["folder"])
    os.execve(wanted["argv"][0], wanted["argv"], wanted["environment"])  # noqa: S606  # no shell is meant


def _heed_the_modes_of_files() -> None:
    """On Linux root writes what nobody may write. A function cannot write to its package on Lambda, and is not to do so here."""
    if os.geteuid() != 0:
        return
    # linux/capability.h: version 3 has two words each of what is in effect, permitted and inheritable.
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if _LIBC.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0) == 0 and _LIBC.capget(header, sets) == 0:
        for word in range(3):
            sets[word] &= ~(1 << _CAP_DAC_OVERRIDE)
        _LIBC.capset(header, sets)


def _keep(function: int, line: int) -> "NoReturn":
    for number in _KEEPS_UP:
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        os.write(line, f"{function}\n".encode())
    _thread.start_new_thread(_end_with_the_engine, (line, function))
    ended, status = 0, 0
    while ended != function:
        # Others are orphans of the function's.
        ended, status = os.waitpid(-1, 0)
    if _ON_LINUX:
        _end_what_is_left()
    with suppress(OSError):
        os.write(line, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    if not _ON_LINUX:
        # What the function has started is in this process's group.
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _end_with_the_engine(line: int, function: int) -> None:
    with suppress(OSError):
        while os.read(line, 1):
            pass
    if _ON_LINUX:
        os.kill(function, signal.SIGKILL)
    else:
        # The function is in this process's group, as is what it has started.
        os.killpg(0, signal.SIGKILL)


def _end_what_is_left() -> None:
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while _has_children() and time.monotonic() < deadline:
        for pid in _processes().below(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_EVERY_SECONDS)


def _has_children() -> bool:
    """Whether there are any, after those that have ended were collected."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


_main()
