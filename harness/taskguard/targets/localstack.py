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
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from taskguard.engine.settings import ENGINE_VARIABLES, LOCALSTACK_VARIABLES, EngineSettings
from taskguard.support import folders, scaled_clock
from taskguard.support.clocks import Clock
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import Environment, engine_environment
from taskguard.targets.machine import loopback, open_files, require
from taskguard.targets.process import ProcessInstance, ProcessTarget, answered, direct, log_in, port_taken
from taskguard.targets.runtimes import LAMBDA_RUNTIME, find_runtime, provider

STOP_GRACE_SECONDS = 6.0
_BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStackInstance(ProcessInstance):
    """An engine that tells its token, and can be told to stay. ``sandbox`` names what keeps its functions apart; empty when nothing
    does."""

    kind = "localstack"

    localstack: str = ""
    python: str = ""
    clock_scale: float = 1.0
    sandbox: str = ""

    def _is_of_it(self, process: psutil.Process) -> bool:
        return "taskguard.engine" in process.cmdline()

    def answers(self) -> bool:
        return answered(f"{self.url}/_taskguard/instance", "instance") == self.token

    def stay(self) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_taskguard/stay", method="POST")
        with direct.open(request, timeout=10):
            pass

    def endpoint(self) -> Endpoint:
        return Endpoint(
            target="localstack",
            url=self.url,
            region=self.region,
            clock=Clock(self.clock_scale, _clock_file(self.scratch)),
            log=log_in(self.folder),
            recording=_recording_in(self.folder),
            versions=(
                ("localstack", self.localstack),
                ("engine python", self.python),
                ("lambda runtime", self.runtime),
                ("sandbox", self.sandbox or "none"),
            ),
            sandboxed=bool(self.sandbox),
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


@dataclass(eq=False)
class LocalStack(ProcessTarget[LocalStackInstance]):
    """As every process target; ``recording`` decides whether its folder receives the flight recorder's file; its clock runs up
    to ``clock_scale`` times as fast as the machine's; with ``functions_ready`` functions are initialised before they are
    called, as Lambda may do. With ``sandboxed`` they are kept in a sandbox. With ``as_it_comes`` the engine only runs the functions, and LocalStack's own code does the rest."""

    engine = "LocalStack"
    program: ClassVar[tuple[str, ...]] = ("-m", "taskguard.engine")
    """What the engine's interpreter runs; by one of these it is recognised."""
    variables: ClassVar[Mapping[str, str]] = {**LOCALSTACK_VARIABLES, **ENGINE_VARIABLES}
    """What LocalStack is told by its environment."""

    _: KW_ONLY
    recording: bool = True
    clock_scale: float = 1.0
    functions_ready: bool = False
    sandboxed: bool = False
    as_it_comes: bool = False

    def start(self) -> Endpoint:
        require(open_files, loopback)
        if self.sandboxed:
            sandbox_here().require("starting an engine for functions in a sandbox")
        return super().start()

    def _launch(self, port: int, scratch: str) -> tuple["subprocess.Popen[bytes]", LocalStackInstance]:
        runtime = find_runtime(LAMBDA_RUNTIME, self.cache)
        environment = engine_environment(self.cache)
        recording = _recording_in(self.folder)
        clock = _clock_file(scratch)
        scaled_clock.create(clock)
        folders.make_part_in_memory(scratch)
        try:
            listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        except OSError as error:
            raise port_taken(port, self.engine, error.errno) from error
        settings = EngineSettings(
            instance=secrets.token_hex(16),
            scratch=scratch,
            owner_pid=self.owner_pid,
            recording=str(recording) if self.recording else None,
            runtimes={LAMBDA_RUNTIME: runtime},
            provider=provider(self.cache, Path(scratch)),
            listener=listener.fileno(),
            functions_ready=self.functions_ready,
            as_it_comes=self.as_it_comes,
            clock=clock,
            clock_scale=self.clock_scale,
            sandboxed=self.sandboxed,
        )
        if self.recording:
            recording.touch()
        # The engine's copy of the socket is the only one that stays.
        with listener:
            process = self._run(
                # No site-packages, no user site, no current folder: only what the search path names.
                [environment.python.executable, "-S", "-s", "-P", *self.program],
                scratch,
                _environment(port, scratch, environment, self.variables) | settings.to_environment(),
                pass_fds=(listener.fileno(),),
            )
        return process, LocalStackInstance(
            pid=process.pid,
            token=settings.instance,
            port=port,
            scratch=scratch,
            folder=str(self.folder),
            region=self.region,
            runtime=f"Python {runtime.version}",
            localstack=environment.version_of("localstack-core"),
            python=environment.python.version,
            clock_scale=self.clock_scale,
            sandbox=sandbox_here().version if self.sandboxed else "",
        )


def _recording_in(folder: str | Path) -> Path:
    return Path(folder, "flight-recorder.jsonl")


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
