"""LocalStack as a local process, without Docker: the default target.

Each instance has a port, folders and a flight recorder of its own, listens on 127.0.0.1 only, and ends with whoever
started it, unless it was asked to stay.
"""

import os
import secrets
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from taskguard.engine.ownership import is_engine
from taskguard.engine.settings import ENGINE_VARIABLES, LOCALSTACK_VARIABLES, EngineSettings
from taskguard.support import folders, scaled_clock
from taskguard.support.clocks import REAL, Clock
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import Environment, engine_environment
from taskguard.targets.names import DEFAULT_REGION
from taskguard.targets.process import ProcessInstance, ProcessTarget, answered, direct, port_taken
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime

STOP_GRACE_SECONDS = 6.0
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class LocalStackInstance(ProcessInstance):
    """A started engine's process, with the token by which it is told from another on its port."""

    kind = "localstack"

    pid: int
    token: str
    port: int
    scratch: str
    folder: str
    region: str
    runtime: str
    localstack: str = ""
    python: str = ""
    clock_scale: float = 1.0

    def is_running(self) -> bool:
        """Whether its process is there (the number may meanwhile be another's)."""
        return is_engine(self.pid)

    def answers(self) -> bool:
        """Whether the engine that answers on the port is this one."""
        return answered(f"http://127.0.0.1:{self.port}/_taskguard/instance", "instance") == self.token

    def stay(self) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_taskguard/stay", method="POST")
        with direct.open(request, timeout=10):
            pass

    def endpoint(self) -> Endpoint:
        folder = Path(self.folder)
        return Endpoint(
            target="localstack",
            url=f"http://127.0.0.1:{self.port}",
            region=self.region,
            clock=Clock(self.clock_scale, _clock_file(self.scratch)) if self.clock_scale != 1 else REAL,
            log=folder / "engine.log",
            recording=folder / "flight-recorder.jsonl",
            versions=(
                ("localstack", self.localstack),
                ("engine python", self.python),
                ("lambda runtime", self.runtime),
            ),
        )

    def end(self) -> None:
        # Not psutil's own wait: a process that nobody reaps would never be gone to it.
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_running():
                break
            with suppress(ProcessLookupError):
                os.kill(self.pid, ending)
            with suppress(WaitedInVain):
                wait_for(lambda: not self.is_running(), seconds=STOP_GRACE_SECONDS)
        folders.remove(self.scratch)


class LocalStack(ProcessTarget[LocalStackInstance]):
    """As every process target; ``recording`` decides whether its folder receives the flight recorder's file; its clock runs up
    to ``clock_scale`` times as fast as the machine's; with ``functions_ready`` functions are initialised before they are
    called, as Lambda may do. With ``as_it_comes`` the engine only runs the functions, and LocalStack's own code does the rest."""

    engine = "LocalStack"
    program: ClassVar[tuple[str, ...]] = ("-m", "taskguard.engine")
    """What the engine's interpreter runs; by one of these it is recognised."""
    variables: ClassVar[Mapping[str, str]] = {**LOCALSTACK_VARIABLES, **ENGINE_VARIABLES}
    """What LocalStack is told by its environment."""

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        port: int = 0,
        region: str = DEFAULT_REGION,
        owner_pid: int | None = None,
        recording: bool = True,
        clock_scale: float = 1.0,
        functions_ready: bool = False,
        as_it_comes: bool = False,
    ) -> None:
        super().__init__(folder, cache=cache, port=port, region=region, owner_pid=owner_pid)
        self._recording = recording
        self._clock_scale = clock_scale
        self._functions_ready = functions_ready
        self._as_it_comes = as_it_comes

    def _launch(self, port: int, scratch: str) -> tuple["subprocess.Popen[bytes]", LocalStackInstance]:
        runtime = find_runtime(LAMBDA_RUNTIME, self._cache)
        environment = engine_environment(self._cache)
        recording = self._folder / "flight-recorder.jsonl"
        clock = _clock_file(scratch) if self._clock_scale != 1 else None
        if clock is not None:
            scaled_clock.create(clock)
        listener = _listen(port, self.engine)
        settings = EngineSettings(
            instance=secrets.token_hex(16),
            scratch=scratch,
            owner_pid=self._owner_pid,
            recording=str(recording) if self._recording else None,
            runtimes={LAMBDA_RUNTIME: runtime},
            listener=listener.fileno(),
            functions_ready=self._functions_ready,
            as_it_comes=self._as_it_comes,
            clock=clock,
            clock_scale=self._clock_scale,
        )
        if self._recording:
            recording.touch()
        # The engine's copy of the socket is the only one that stays.
        with self._log.open("ab") as log, listener:
            process = subprocess.Popen(
                # No site-packages, no user site, no current folder: only what the search path names.
                [environment.python.executable, "-S", "-s", "-P", *self.program],
                cwd=scratch,
                env=_environment(port, scratch, environment, self.variables) | settings.to_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal reaches the harness alone, which then stops the engine in order.
                start_new_session=True,
                pass_fds=(listener.fileno(),),
            )
        return process, LocalStackInstance(
            pid=process.pid,
            token=settings.instance,
            port=port,
            scratch=scratch,
            folder=str(self._folder),
            region=self._region,
            runtime=f"Python {runtime.version}",
            localstack=environment.version_of("localstack-core"),
            python=environment.python.version,
            clock_scale=self._clock_scale,
        )

    def _found_port_taken(self, port: int, status: int) -> bool:  # noqa: ARG002  # it is bound before
        return False


def _listen(port: int, engine: str) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(_BACKLOG)
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise port_taken(port, engine, error.strerror or str(error)) from error
    return listener


def _clock_file(scratch: str) -> str:
    return str(Path(scratch, "clock"))


def _environment(port: int, scratch: str, environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """The engine's whole environment: nothing of the user's, above all no AWS credentials."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    temporary, home = Path(scratch, "tmp"), Path(scratch, "home")
    temporary.mkdir()
    home.mkdir()
    return {
        **kept,
        **variables,
        "PYTHONPATH": os.pathsep.join([_own_parts(scratch), str(environment.packages)]),
        # ~/.localstack would have a say in how the engine runs, ~/.aws in whose name it calls, and what is remembered in ~/.cache of
        # entry points in which parts it has.
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "FILESYSTEM_ROOT": str(Path(scratch, "filesystem")),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
    }


def _own_parts(scratch: str) -> str:
    """A folder in which the engine finds this very package, wherever it is installed, and nothing that is installed beside it; and
    the entry points through which LocalStack finds the engine's parts."""
    folder, package = Path(scratch, "parts"), Path(__file__).parents[1]
    folder.mkdir()
    (folder / package.name).symlink_to(package, target_is_directory=True)
    (folder / "taskguard_engine-1.dist-info").symlink_to(package / "engine" / "distribution", target_is_directory=True)
    return str(folder)
