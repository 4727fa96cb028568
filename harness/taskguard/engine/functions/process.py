"""One operating system process that runs a Lambda function, and what it writes.

It knows how to start such a process beside its keeper, to collect its output, to say how it ended and to end it with everything it
started. What it is started with is given (:mod:`taskguard.engine.functions.launch`). It does not know of invocations: those travel over
:mod:`taskguard.engine.functions.runtime_api`.
"""

import errno
import os
import shutil
import signal
import socket
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

import psutil

from taskguard.engine.functions.descendants import oldest_child
from taskguard.engine.functions.keepers import keepers
from taskguard.engine.functions.launch import Launch
from taskguard.engine.functions.output import Output

# Lambda's words; those of the operating system differ from one to the next.
_SIGNAL_NAMES: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
}
_SIGNALLED = 128
"""What a shell, and bubblewrap, add to the signal that ended a process. A function that exits with such a status itself cannot be told
from one that was ended; Lambda's runtime clients exit with 128 and 129, which belong to no signal of these."""
_PIDS_IN_BOX = 3
_running: "weakref.WeakSet[FunctionProcess]" = weakref.WeakSet()


class FunctionProcess:
    """A started process. ``on_exit`` is called once, from another thread, when the process is gone. The ``home`` among its folders
    goes with it.

    Raises:
        FileNotFoundError: its program is not there.
    """

    def __init__(self, launch: Launch, on_exit: Callable[[], None]) -> None:
        self._home = launch.folders.home
        self._boxed, self._own = launch.boxed, tuple[int, ...]()
        if not os.access(launch.argv[0], os.X_OK):
            shutil.rmtree(self._home, ignore_errors=True)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), launch.argv[0])
        self._measured: psutil.Process | None = None
        self._started_pid = 0
        self._status = 0
        self.ended = threading.Event()
        """Set once the process is gone and its exit status is known."""
        self._on_exit = on_exit
        reading, writing = os.pipe()
        self._output = Output(reading)
        try:
            self._line, self.pid = keepers(launch.groups, launch.enter, launch.fork_server).keep(launch, writing)
        except OSError:
            self._output.close()
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        finally:
            os.close(writing)
        _running.add(self)
        threading.Thread(target=self._wait, name=f"function-exit-{self.pid}", daemon=True).start()

    def memory_mb(self) -> int:
        """Resident memory in MB, 0 when the process is gone."""
        try:
            pid = (self.own_pids() or [self.pid])[-1]
            if self._measured is None or self._measured.pid != pid:
                self._measured = psutil.Process(pid)
            rss_bytes = self._measured.memory_info().rss
        except psutil.Error:
            return 0
        # One that has ended, and that nobody has waited for yet, has none.
        return max(1, round(rss_bytes / 1_000_000)) if rss_bytes else 0

    def own_pids(self) -> tuple[int, ...]:
        """The process that the function itself runs in, last, and before it those that keep it in a sandbox, where there are any: all
        below its keeper (``keeper.py``) that are there whatever the function does. None as long as there are not all."""
        started = self._started_pid
        if not (started and self._boxed):
            return (started,) if started else ()
        if not self._own:
            # bubblewrap, its child that is the first process of the namespace, and that one's first child.
            pids = [started]
            while len(pids) < _PIDS_IN_BOX and (child := oldest_child(pids[-1])):
                pids.append(child)
            self._own = tuple(pids) if len(pids) == _PIDS_IN_BOX else ()
        return self._own

    def take_output(self) -> str:
        """What the process wrote since the last call."""
        return self._output.take()

    def exit_reason(self) -> str:
        """How the process ended, in the words Lambda uses."""
        status = self._status
        if status == 0:
            return "Runtime exited without providing a reason"
        if self._boxed and status - _SIGNALLED in _SIGNAL_NAMES:
            status = _SIGNALLED - status
        if status < 0:
            return f"Runtime exited with error: signal: {_SIGNAL_NAMES.get(-status, str(-status))}"
        return f"Runtime exited with error: exit status {status}"

    def begin_to_end(self) -> None:
        """Let it end, without waiting until it is gone."""
        if not self.ended.is_set():
            started = self._started_pid
            if not started:
                # Its keeper ends it, and what it has started, as soon as it hears of this.
                with suppress(OSError):
                    self._line.shutdown(socket.SHUT_WR)
            elif self._boxed:
                # With the namespace's first process all others are gone.
                self._kill_group(started)
            else:
                # Its keeper ends the rest, and then itself.
                with suppress(ProcessLookupError):
                    os.kill(started, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and all it started, and wait until it is gone. May be called again."""
        self.begin_to_end()
        self.ended.wait()
        _running.discard(self)
        self._output.close()
        self._line.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _wait(self) -> None:
        # What its keeper tells (``keeper.py``), until that has ended.
        with suppress(ConnectionError), self._line.makefile() as told:
            self._started_pid = int(told.readline() or 0)
            if ended := told.readline():
                self._status = int(ended)
                told.read()
            else:
                # Somebody has ended its keeper.
                self._status = -signal.SIGKILL
                self._kill_group(self.pid)
        self.ended.set()
        self._on_exit()

    def _kill_group(self, leader: int) -> None:
        # macOS refuses to signal a group whose leader is a zombie.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def stop_all() -> None:
    """End every function process of this engine."""
    running = list(_running)
    for process in running:
        process.begin_to_end()
    for process in running:
        process.kill()
