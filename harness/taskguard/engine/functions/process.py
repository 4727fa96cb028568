"""One operating system process that runs a Lambda function, and what it writes.

It knows how to start such a process beside its keeper, to collect its output, to say how it ended and to end it with everything it
started. What it is started with is given (:mod:`taskguard.engine.functions.launch`). It does not know of invocations: those travel over
:mod:`taskguard.engine.functions.runtime_api`.
"""

import codecs
import errno
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from taskguard.engine.functions.launch import Launch

_KEEPER = Path(__file__).with_name("keeper.py")
_CHUNK_BYTES = 65_536
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
_running: "weakref.WeakSet[FunctionProcess]" = weakref.WeakSet()


class FunctionProcess:
    """A started process. ``on_exit`` is called once, from another thread, when the process is gone. The ``home`` among its folders
    goes with it.

    Raises:
        FileNotFoundError: its program is not there.
    """

    def __init__(self, launch: Launch, on_exit: Callable[[], None]) -> None:
        self._home = launch.folders.home
        if not os.access(launch.argv[0], os.X_OK):
            shutil.rmtree(self._home, ignore_errors=True)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), launch.argv[0])
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        lifeline, self._lifeline = os.pipe()
        self._told, told = os.pipe()
        os.set_blocking(self._told, False)
        self._function_pid = 0
        self._buffer = bytearray()
        # A character may arrive in two parts.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._reading = threading.Lock()
        self.ended = threading.Event()
        """Set once the process is gone and its exit status is known."""
        self._on_exit = on_exit
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(lifeline), str(told)]
        try:
            self._process = subprocess.Popen(
                [*keeper, *launch.argv],
                cwd=launch.folders.task_root,
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lifeline, told),
                start_new_session=True,
            )
        except OSError:
            self._close_pipes()
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        finally:
            os.close(output)
            os.close(lifeline)
            os.close(told)
        self.pid = self._process.pid
        _running.add(self)
        threading.Thread(target=self._collect, name=f"function-output-{self.pid}", daemon=True).start()
        threading.Thread(target=self._wait, name=f"function-exit-{self.pid}", daemon=True).start()

    def memory_mb(self) -> int:
        """Resident memory in MB, 0 when the process is gone."""
        try:
            return max(1, round(psutil.Process(self.function_pid() or self.pid).memory_info().rss / 1_000_000))
        except psutil.Error:
            return 0

    def function_pid(self) -> int:
        """The process that the function itself runs in, a child of its keeper (``keeper.py``); 0 as long as there is none."""
        with self._reading:
            if not self._function_pid and self._told >= 0:
                with suppress(BlockingIOError):
                    self._function_pid = int(os.read(self._told, 32) or 0)
            return self._function_pid

    def take_output(self) -> str:
        """What the process wrote since the last call."""
        with self._reading:
            self._drain()
            text = self._decoder.decode(bytes(self._buffer))
            self._buffer.clear()
        return text

    def exit_reason(self) -> str:
        """How the process ended, in the words Lambda uses."""
        status = self._process.returncode
        if status is None or status == 0:
            return "Runtime exited without providing a reason"
        if status < 0:
            return f"Runtime exited with error: signal: {_SIGNAL_NAMES.get(-status, str(-status))}"
        return f"Runtime exited with error: exit status {status}"

    def begin_to_end(self) -> None:
        """Let it end, without waiting until it is gone."""
        if not self.ended.is_set():
            function_pid = self.function_pid()
            if not function_pid:
                self._kill_group()
            else:
                # Its keeper ends the rest, and then itself.
                with suppress(ProcessLookupError):
                    os.kill(function_pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and all it started, and wait until it is gone. May be called again."""
        self.begin_to_end()
        self._process.wait()
        _running.discard(self)
        with self._reading:
            self._drain()
            self._close_pipes()
        shutil.rmtree(self._home, ignore_errors=True)

    def _wait(self) -> None:
        self._process.wait()
        # What it started goes with it; later the number of its group may be somebody else's.
        self._kill_group()
        self.ended.set()
        self._on_exit()

    def _kill_group(self) -> None:
        # macOS refuses to signal a group whose leader is a zombie.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _collect(self) -> None:
        # A function that writes more than a pipe holds would otherwise wait for ever.
        with selectors.DefaultSelector() as selector:
            with self._reading:
                if self._output < 0:
                    return
                selector.register(self._output, selectors.EVENT_READ)
            while self._output >= 0:
                if not selector.select(timeout=1.0):
                    continue
                with self._reading:
                    if not self._drain():
                        return

    def _drain(self) -> bool:
        """Read what is there; False at the end of the output."""
        while self._output >= 0:
            try:
                chunk = os.read(self._output, _CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._buffer += chunk
        return False

    def _close_pipes(self) -> None:
        if self._output >= 0:
            os.close(self._output)
            os.close(self._lifeline)
            os.close(self._told)
            self._output = self._lifeline = self._told = -1


def stop_all() -> None:
    """End every function process of this engine."""
    running = list(_running)
    for process in running:
        process.begin_to_end()
    for process in running:
        process.kill()
