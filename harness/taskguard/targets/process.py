"""What the targets that run as a process of this machine have in common: a port of 127.0.0.1, a log, and waiting until
what answers there is what was started."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import urllib.request
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from taskguard.errors import TargetError
from taskguard.support import folders
from taskguard.support.this_command import runnable
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint, Instance, Target
from taskguard.targets.names import DEFAULT_REGION

START_TIMEOUT_SECONDS = 90.0
_ANSWER_SECONDS = 2
_LOG_TAIL_LINES = 15
_PORTS_TO_TRY = 3

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine. A proxy that the user's environment names must not see such calls."""


def answered(url: str, name: str) -> object:
    """The field ``name`` of the JSON document at ``url``, on this machine; none when there is no such answer."""
    try:
        with direct.open(url, timeout=_ANSWER_SECONDS) as response:
            return json.load(response)[name]
    except (OSError, ValueError, KeyError):
        return None


class PortTakenError(TargetError):
    """Somebody else took the port. Choose another with ``--port``."""


@dataclass(frozen=True, slots=True)
class ProcessInstance(Instance):
    """A started engine's process."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the engine that answers on the port is this one, and not another that was there before."""


Started = TypeVar("Started", bound=ProcessInstance)


class ProcessTarget(Target, Generic[Started]):
    """An instance in the making. ``folder`` receives its log, and outlives it; what it runs on is installed in ``cache``; ``port`` 0
    takes a free one; ``owner_pid`` is the process that it must not outlive, by default this one."""

    engine: ClassVar[str]
    """Its name, as users know it."""

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        port: int = 0,
        region: str = DEFAULT_REGION,
        owner_pid: int | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._cache = cache
        self._port = port
        self._region = region
        self._owner_pid = owner_pid if owner_pid is not None else os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: str | None = None
        self.instance: Started | None = None
        self.on_launch: Callable[[Endpoint], None] = lambda _: None
        """Called when the process has been started; it may not be ready yet."""

    @abstractmethod
    def _launch(self, port: int, scratch: str) -> tuple[subprocess.Popen[bytes], Started]:
        """Start the process on this port, with this empty folder for all that it writes but its log, :attr:`_log`."""

    @abstractmethod
    def _found_port_taken(self, port: int, status: int) -> bool:
        """Whether the engine, which ended with ``status``, did so because it could not listen on ``port``."""

    def start(self) -> Endpoint:
        return on_some_port(self._port, self._start, self.stop)

    def stop(self) -> None:
        if self.instance is not None:
            self.instance.end()
        if self._process is not None:
            self._process.wait()
        if self._scratch is not None:
            folders.remove(self._scratch)
        self.instance = self._process = self._scratch = None

    @property
    def running(self) -> Started:
        if self.instance is None:
            raise TargetError("looking for the engine: it has not been started")
        return self.instance

    def leave_running(self) -> None:
        if self._process is not None:
            # Otherwise Python warns of a process that is forgotten while it runs.
            self._process.returncode = 0
        self.instance = self._process = self._scratch = None

    @property
    def _log(self) -> Path:
        return self._folder / "engine.log"

    def _start(self) -> Endpoint:
        port = claim_port(self._port, self.engine)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._scratch = tempfile.mkdtemp(prefix="taskguard-engine-")
        self._process, self.instance = self._launch(port, self._scratch)
        self.on_launch(self.instance.endpoint())
        self._wait_until_ready(self._process, self.instance, port)
        return self.instance.endpoint()

    def _wait_until_ready(self, process: subprocess.Popen[bytes], instance: Started, port: int) -> None:
        def looks_ready() -> bool:
            status = process.poll()
            if status is not None:
                kind = PortTakenError if self._found_port_taken(port, status) else TargetError
                raise kind(f"starting {self.engine} on port {port}: it ended with status {status}.\n{self._log_tail()}")
            return instance.answers()

        try:
            wait_for(looks_ready, seconds=START_TIMEOUT_SECONDS)
        except WaitedInVain:
            raise TargetError(
                f"starting {self.engine} on port {port}: no answer within {START_TIMEOUT_SECONDS:.0f} s."
                f"\n{self._log_tail()}"
            ) from None

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of its log, {self._log}:", *(f"  {line}" for line in lines)])


def on_some_port(port: int, start: Callable[[], Endpoint], stop: Callable[[], None]) -> Endpoint:
    """``start`` on this port, or for 0 on a free one.

    A free port is free only until somebody else takes it, so another one may have to be tried.
    """
    for _ in range(_PORTS_TO_TRY - 1):
        try:
            return start()
        except PortTakenError:
            stop()
            if port:
                raise
    return start()


def claim_port(port: int, engine: str) -> int:
    """The port, or a free one for 0, which ``engine`` can listen on if nobody is faster.

    Raises:
        PortTakenError: when it cannot be had.
    """
    try:
        return listen_once(port)
    except OSError as error:
        raise port_taken(port, engine, error.strerror or str(error)) from error


def port_taken(port: int, engine: str, reason: str) -> PortTakenError:
    """What to say of a port that ``engine`` cannot have."""
    return PortTakenError(
        f"starting {engine} on port {port}: {reason.lower()}. "
        f"Choose another port with --port, or stop what listens there (`{runnable('taskguard down')}` stops TaskGuard's own)."
    )


def listen_once(port: int) -> int:
    """The port, after having listened on it for a moment; a free one for 0.

    Raises:
        OSError: when it cannot be had.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])
