"""What the targets that run as a process of this machine have in common: a port of 127.0.0.1, a log, and waiting until
what answers there is what was started."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import urllib.request
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psutil

from taskguard.engine.ownership import is_alive
from taskguard.errors import TargetError
from taskguard.support import folders
from taskguard.support.this_command import runnable
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint, Instance, Started, Target
from taskguard.targets.names import DEFAULT_REGION

START_TIMEOUT_SECONDS = 90.0
_ANSWER_SECONDS = 2
_LOG_TAIL_LINES = 8
_LONGEST_LOG_LINE = 240
_ROUTINE = re.compile(r" (INFO|DEBUG|WARN) --- ")
"""What LocalStack logs of requests, also of those that are meant to be refused."""
_PORTS_TO_TRY = 3

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine. A proxy that the user's environment names must not see such calls."""


def answered(url: str, name: str) -> object:
    """The field ``name`` of the JSON document at ``url``, on this machine; none when there is no such answer."""
    try:
        with direct.open(url, timeout=_ANSWER_SECONDS) as response:
            return json.load(response)[name]
    except (OSError, ValueError, KeyError, HTTPException):
        return None


def has_ended(endpoint: Endpoint) -> bool:
    """Whether nobody listens there any more, on this machine or another; of AWS that is never said."""
    if endpoint.url is None:
        return False
    address = urlsplit(endpoint.url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), timeout=_ANSWER_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class PortTakenError(TargetError):
    """Somebody else took the port. Choose another with ``--port``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInstance(Instance):
    """A started engine's process, with the token by which it is told from another on its port. ``folder`` has its log, ``scratch``
    all else that it writes, and ``runtime`` says what functions run on."""

    pid: int
    token: str
    port: int
    scratch: str
    folder: str
    region: str
    runtime: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return is_alive(process) and self._is_of_it(process)
        return False

    @abstractmethod
    def _is_of_it(self, process: psutil.Process) -> bool:
        """Whether it is the engine's process (the number may meanwhile be another's).

        Raises:
            psutil.Error: when that cannot be told.
        """

    @abstractmethod
    def answers(self) -> bool:
        """Whether the engine that answers on the port is this one, and not another that was there before."""


@dataclass(eq=False)
class OnThisMachine(Target[Started]):
    """An instance in the making. ``folder`` receives its log, and outlives it; ``port`` 0 takes a free one; ``owner_pid`` is the
    process that it must not outlive, by default this one."""

    folder: Path
    _: KW_ONLY
    port: int = 0
    region: str = DEFAULT_REGION
    owner_pid: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()

    @abstractmethod
    def _start(self) -> Endpoint:
        """Start it, on a port that was free just now.

        Raises:
            PortTakenError: when somebody else has the port by then.
        """

    def start(self) -> Endpoint:
        # A free port is free only until somebody else takes it, so another one may have to be tried.
        for _ in range(_PORTS_TO_TRY - 1):
            try:
                return self._start()
            except PortTakenError:
                self.stop()
                if self.port:
                    raise
        return self._start()


Process = TypeVar("Process", bound=ProcessInstance)


@dataclass(eq=False)
class ProcessTarget(OnThisMachine[Process]):
    """What it runs on is installed in ``cache``; ``on_launch`` is called when the process has been started, which may not be ready yet."""

    _: KW_ONLY
    cache: Path
    on_launch: Callable[[Endpoint], None] = field(default_factory=lambda: lambda _: None)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _scratch: str | None = field(default=None, init=False)

    @abstractmethod
    def _launch(self, port: int, scratch: str) -> tuple[subprocess.Popen[bytes], Process]:
        """:meth:`_run` the engine on this port, with this empty folder for all that it writes but its log."""

    def _found_port_taken(self, port: int) -> bool:  # noqa: ARG002  # it may have been bound before
        """Whether the engine, which ended, did so because it could not listen on ``port``."""
        return False

    def stop(self) -> None:
        if self.instance is not None:
            self.instance.end()
        if self._process is not None:
            self._process.wait()
        if self._scratch is not None:
            folders.remove(self._scratch)
        self.leave_running()

    def leave_running(self) -> None:
        if self._process is not None:
            # Otherwise Python warns of a process that is forgotten while it runs.
            self._process.returncode = 0
        self.instance = self._process = self._scratch = None

    def _run(
        self, command: Sequence[str], scratch: str, environment: Mapping[str, str], pass_fds: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        with log_in(self.folder).open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal reaches the harness alone, which then stops the engine in order.
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def _start(self) -> Endpoint:
        port = claim_port(self.port, self.engine)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._scratch = tempfile.mkdtemp(prefix="taskguard-engine-")
        self._process, self.instance = self._launch(port, self._scratch)
        self.on_launch(self.instance.endpoint())
        self._wait_until_ready(self._process, self.instance, port)
        return self.instance.endpoint()

    def _wait_until_ready(self, process: subprocess.Popen[bytes], instance: Process, port: int) -> None:
        def looks_ready() -> bool:
            status = process.poll()
            if status is not None:
                kind = PortTakenError if self._found_port_taken(port) else TargetError
                raise kind(f"starting {self.engine} on port {port}: {how_it_ended(status)}.\n{end_of_log(self.folder)}")
            return instance.answers()

        try:
            wait_for(looks_ready, seconds=START_TIMEOUT_SECONDS)
        except WaitedInVain:
            raise TargetError(
                f"starting {self.engine} on port {port}: no answer within {START_TIMEOUT_SECONDS:.0f} s."
                f"\n{end_of_log(self.folder)}"
            ) from None


def log_in(folder: str | Path) -> Path:
    """Where an engine's log is."""
    return Path(folder, "engine.log")


def end_of_log(folder: str | Path) -> str:
    """The last lines of an engine's log that may tell something, as the end of a message."""
    said = log_in(folder).read_text(errors="replace").splitlines()
    lines = [line[:_LONGEST_LOG_LINE] for line in said if line.strip() and not _ROUTINE.search(line)]
    if not lines:
        return f"Its log tells nothing of it: {log_in(folder)}"
    return "\n".join([f"The end of its log, {log_in(folder)}:", *(f"  {line}" for line in lines[-_LOG_TAIL_LINES:])])


def how_it_ended(status: int) -> str:
    """How a process ended, by its exit status, in words."""
    if status >= 0:
        return f"it ended with status {status}"
    name = signal.Signals(-status).name if -status in {*signal.Signals} else f"signal {-status}"
    memory = ", as the system does where memory runs out" if -status == signal.SIGKILL else ""
    return f"it was ended by {name}{memory}"


def claim_port(port: int, engine: str) -> int:
    """The port, or a free one for 0, which ``engine`` can listen on if nobody is faster.

    Raises:
        PortTakenError: when it cannot be had.
    """
    try:
        return listen_once(port)
    except OSError as error:
        raise port_taken(port, engine, error.errno) from error


def port_taken(port: int, engine: str, number: int | None = errno.EADDRINUSE) -> PortTakenError:
    """What to say of a port that ``engine`` cannot have, with the error's ``number``."""
    return PortTakenError(
        f"starting {engine} on port {port}: {os.strerror(number or errno.EADDRINUSE).lower()}. "
        f"Choose another port with --port, or stop what listens there (`{runnable('taskguard down')}` stops TaskGuard's own)."
    )


def listen_once(port: int) -> int:
    """The port, after having listened on it for a moment; a free one for 0.

    Raises:
        OSError: when it cannot be had.
    """
    with socket.create_server(("127.0.0.1", port)) as probe:
        return int(probe.getsockname()[1])
