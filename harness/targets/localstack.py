"""LocalStack as a local process, without Docker: the default target.

Each instance has a port, folders and a flight recorder of its own, listens on 127.0.0.1 only, and ends with whoever
started it, unless it was asked to stay.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from harness.engine.ownership import is_engine
from harness.engine.runtimes import find_runtime
from harness.engine.settings import CANNOT_LISTEN, EngineSettings
from harness.errors import TargetError
from harness.targets.base import Endpoint, Instance, Target
from harness.waiting import WaitedInVain, wait_for

LAMBDA_RUNTIME = "python3.13"
START_TIMEOUT_SECONDS = 90.0
STOP_GRACE_SECONDS = 6.0
_LOG_TAIL_LINES = 15
_PORTS_TO_TRY = 3


@dataclass(frozen=True, slots=True)
class LocalStackInstance(Instance):
    """A started engine's process, with the token by which it is told from another on its port."""

    kind = "localstack"

    pid: int
    token: str
    port: int
    scratch: str
    folder: str
    region: str
    runtime: str

    def is_running(self) -> bool:
        """Whether its process is there (the number may meanwhile be another's)."""
        return is_engine(self.pid)

    def answers(self) -> bool:
        """Whether the engine that answers on the port is this one."""
        try:
            with _direct.open(f"http://127.0.0.1:{self.port}/_taskguard/instance", timeout=2) as response:
                return bool(json.load(response)["instance"] == self.token)
        except (OSError, ValueError, KeyError):
            return False

    def stay(self) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_taskguard/stay", method="POST")
        with _direct.open(request, timeout=10):
            pass

    def endpoint(self) -> Endpoint:
        folder = Path(self.folder)
        return Endpoint(
            target="localstack",
            url=f"http://127.0.0.1:{self.port}",
            region=self.region,
            log=folder / "engine.log",
            recording=folder / "flight-recorder.jsonl",
            versions=(
                ("localstack", metadata.version("localstack-core")),
                ("lambda runtime", self.runtime),
                ("python", ".".join(map(str, sys.version_info[:3]))),
            ),
        )

    def end(self) -> None:
        with suppress(psutil.NoSuchProcess):
            if self.is_running():
                process = psutil.Process(self.pid)
                process.terminate()
                try:
                    process.wait(STOP_GRACE_SECONDS)
                except psutil.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


# A proxy that the user's environment names must not see calls to this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PortTakenError(TargetError):
    """Somebody else took the port. Choose another with ``--port``."""


class LocalStack(Target):
    """An instance in the making. ``folder`` receives its log and recording, and outlives it; ``port`` 0 takes a free
    one; ``owner_pid`` is the process that it must not outlive, by default this one."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        region: str = "eu-central-1",
        owner_pid: int | None = None,
        recording: bool = True,
    ) -> None:
        self._folder = folder.resolve()
        self._port = port
        self._region = region
        self._owner_pid = owner_pid if owner_pid is not None else os.getpid()
        self._recording = recording
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: str | None = None
        self.instance: LocalStackInstance | None = None

    def start(self) -> Endpoint:
        # A free port is free only until somebody else takes it, so another one may have to be tried.
        for _ in range(_PORTS_TO_TRY - 1):
            try:
                return self._start()
            except PortTakenError:
                self.stop()
                if self._port:
                    raise
        return self._start()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            # Its functions notice when it is gone, however it goes, and end themselves.
            self._process.terminate()
            try:
                self._process.wait(STOP_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self.instance = self._process = self._scratch = None

    def _start(self) -> Endpoint:
        port = _claim_port(self._port)
        runtime = find_runtime(LAMBDA_RUNTIME)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch = tempfile.mkdtemp(prefix="taskguard-engine-")
        recording = self._folder / "flight-recorder.jsonl"
        settings = EngineSettings(
            instance=secrets.token_hex(16),
            scratch=scratch,
            owner_pid=self._owner_pid,
            recording=str(recording) if self._recording else None,
            runtimes={LAMBDA_RUNTIME: runtime},
        )
        if self._recording:
            recording.touch()
        with (self._folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.engine"],
                cwd=scratch,
                env=_environment(port, scratch) | settings.to_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal reaches the harness alone, which then stops the engine in order.
                start_new_session=True,
            )
        self.instance = LocalStackInstance(
            pid=self._process.pid,
            token=settings.instance,
            port=port,
            scratch=scratch,
            folder=str(self._folder),
            region=self._region,
            runtime=f"Python {runtime.version}",
        )
        self._wait_until_ready(self.instance, self._process)
        return self.instance.endpoint()

    @property
    def running(self) -> LocalStackInstance:
        if self.instance is None:
            raise TargetError("looking for the engine: it has not been started")
        return self.instance

    def leave_running(self) -> None:
        if self._process is not None:
            # Otherwise Python warns of a process that is forgotten while it runs.
            self._process.returncode = 0
        self.instance = self._process = self._scratch = None

    def _wait_until_ready(self, instance: LocalStackInstance, process: "subprocess.Popen[bytes]") -> None:
        def looks_ready() -> bool:
            if process.poll() is not None:
                kind = PortTakenError if process.returncode == CANNOT_LISTEN else TargetError
                raise kind(
                    f"starting LocalStack on port {instance.port}: it ended with status {process.returncode}."
                    f"\n{self._log_tail()}"
                )
            return instance.answers()

        try:
            wait_for(looks_ready, seconds=START_TIMEOUT_SECONDS)
        except WaitedInVain:
            raise TargetError(
                f"starting LocalStack on port {instance.port}: no answer within {START_TIMEOUT_SECONDS:.0f} s."
                f"\n{self._log_tail()}"
            ) from None

    def _log_tail(self) -> str:
        log = self._folder / "engine.log"
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of its log, {log}:", *(f"  {line}" for line in lines)])


def _claim_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TargetError(
                f"starting LocalStack on port {port}: {(error.strerror or str(error)).lower()}. "
                "Choose another port with --port, or stop what listens there (`taskguard down` stops TaskGuard's own)."
            ) from error
        return int(probe.getsockname()[1])


def _environment(port: int, scratch: str) -> dict[str, str]:
    """The engine's whole environment: nothing of the user's, above all no AWS credentials."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    temporary = Path(scratch, "tmp")
    temporary.mkdir()
    return kept | {
        "TMPDIR": str(temporary),
        "FILESYSTEM_ROOT": str(Path(scratch, "filesystem")),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "taskguard",
        "LAMBDA_RUNTIME_EXECUTOR": "taskguard",
        "PROVIDER_OVERRIDE_APIGATEWAY": "taskguard",
        "PROVIDER_OVERRIDE_DYNAMODB": "taskguard",
        # Addresses in answers that need no name server.
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",
        # Otherwise an event source is looked at once a second, and every ten seconds when it was empty.
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.05",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.1",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "PYTHONUNBUFFERED": "1",
    }
