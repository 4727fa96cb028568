"""Deploys a pipeline with the Serverless CLI, and finds out what is deployed.

It knows nothing of what the pipeline does. Each deploy runs in a copy of the service, so that two may run at once, and a changed
copy can be deployed as well.
"""

import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from filelock import FileLock

from taskguard.errors import DeploymentError, SetupError
from taskguard.places import Places
from taskguard.service.config import config_of
from taskguard.service.discovery import cannot_read, discover
from taskguard.service.files import copy_of, deployed_files, digest_of, is_there
from taskguard.service.ours import stack_name
from taskguard.service.packages import STATE_FILE, Packages, key_of
from taskguard.service.resources import stacks_of
from taskguard.service.serverless_cli import serverless_cli
from taskguard.service.stack import Choices, Stack
from taskguard.support.folders import naming
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import python_with_pip

_TAIL_LINES = 25
_LOOKS_EVERY_SECONDS = 0.1
"""How often it is seen whether a call of the CLI was abandoned, or takes too long."""
DEADLINE_VARIABLE = "TASKGUARD_DEPLOY_SECONDS"
"""The environment variable that gives a call of the CLI another deadline."""
_DEADLINE_SECONDS = 300.0
_TOO_LATE = -1000
"""In place of the status of a call that had to be ended: no signal has this number."""
_CHUNK_BYTES = 65536
_NOT_OURS = ("AWS_", "SLS_", "NO_PROXY")
_NOTHING_CHOSEN = Choices()


def deploy(
    endpoint: Endpoint,
    stage: str,
    *,
    places: Places,
    parameters: Mapping[str, str] | None = None,
    log: Path | None = None,
    abandoned: threading.Event | None = None,
) -> Stack:
    """Deploy the service in ``places`` to ``stage``. ``parameters`` are those of ``serverless.yml``; ``log`` receives the CLI's words. When
    it is ``abandoned``, the call of the CLI that is under way is ended, and no further one is made.

    Raises:
        SetupError: when the Serverless CLI cannot be installed.
        DeploymentError: when the deploy fails.
    """
    cli = Cli(endpoint, stage, places, parameters or {}, log, abandoned or threading.Event())
    with cli.packaged() as package:
        name = _packaged_name(package, stage)
        cli.run("deploy", "--package", str(package))
    return read_stack(endpoint, stage, name=name, choices=config_of(places.service).choices)


def name_of(
    endpoint: Endpoint,
    stage: str,
    *,
    places: Places,
    parameters: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """What the stack is called that :func:`deploy` would make; nothing is deployed.

    Raises:
        SetupError, DeploymentError: as :func:`deploy`.
    """
    with Cli(endpoint, stage, places, parameters or {}, log).packaged() as package:
        return _packaged_name(package, stage)


def _packaged_name(package: Path, stage: str) -> str:
    """The stack's name, as the CLI resolved it: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml (stackName)."""
    try:
        service = json.loads((package / STATE_FILE).read_text(encoding="utf-8"))["service"]
        provider = service["provider"]
        return str(provider.get("stackName") or f"{service['service']}-{provider.get('stage') or stage}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return stack_name(stage)


def remove(endpoint: Endpoint, stage: str, *, places: Places, name: str | None = None, log: Path | None = None) -> None:
    """Remove ``stage``, whose stack has this ``name``, and all it holds.

    Raises:
        SetupError, DeploymentError: as :func:`deploy`.
    """
    try:
        Cli(endpoint, stage, places, log=log).run("remove")
    except DeploymentError:
        # When the stack is gone, the CLI asks whether it had a container registry, and fails where there are none.
        if is_deployed(endpoint, stage, name=name):
            raise


def is_deployed(endpoint: Endpoint, stage: str, *, name: str | None = None) -> bool:
    """Whether there is such a stage or a stack of it, in whatever state; ``name`` as in :func:`read_stack`.

    Raises:
        DeploymentError: when that cannot be found out.
    """
    return any(_is_there(endpoint, each) for each in stacks_of(name or stack_name(stage)))


def _is_there(endpoint: Endpoint, name: str) -> bool:
    try:
        endpoint.cloudformation().describe_stacks(StackName=name)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationError":
            return False
        raise cannot_read(name, endpoint, error) from error
    return True


def make_sure_is_free(endpoint: Endpoint, stage: str, *, name: str | None = None) -> None:
    """Look before deploying what is to be removed again: a stage that is there already is somebody's.

    Raises:
        DeploymentError: when there is such a stage.
    """
    if is_deployed(endpoint, stage, name=name):
        raise DeploymentError(
            f"deploying stage {stage} to {endpoint.place}: it is there already, and a run ends with removing its stage. "
            "Name another with --stage, or remove that one first, if it is yours."
        )


def read_stack(endpoint: Endpoint, stage: str, *, name: str | None = None, choices: Choices = _NOTHING_CHOSEN) -> Stack:
    """What is deployed on ``stage``. ``name`` is the stack's, or of several stacks
    (:mod:`taskguard.service.resources`); without one it is our own service's. ``choices`` are the user's.

    Raises:
        DiscoveryError: as :func:`taskguard.service.discovery.discover`.
    """
    return discover(endpoint, name or stack_name(stage), stage=stage, choices=choices)


def require_service(places: Places) -> None:
    """Look for the service.

    Raises:
        SetupError: when there is none in its folder.
    """
    if not is_there(places.service):
        raise SetupError(
            f"looking for a service in {places.service}: there is no serverless.yml. Name the folder of a service, or go there."
        )


def get_ready(places: Places) -> None:
    """Look for what a deploy needs, and install what can be installed: better missed now than when an engine is up.

    Raises:
        SetupError: when there is no service in its folder, or no CLI to deploy it with.
    """
    require_service(places)
    serverless_cli(places.cache)


def deadline_seconds() -> float:
    """How long a call of the CLI may take: what the environment says, or five minutes.

    Raises:
        SetupError: what it says is no number of seconds.
    """
    text = os.environ.get(DEADLINE_VARIABLE) or f"{_DEADLINE_SECONDS:g}"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SetupError(f"reading {DEADLINE_VARIABLE}: {text!r} is no number of seconds. Give one, or unset it.")
    return seconds


@dataclass(frozen=True, slots=True)
class Cli:
    """The Serverless CLI, for one stage of the service in ``places``; the rest as for :func:`deploy`."""

    endpoint: Endpoint
    stage: str
    places: Places
    parameters: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    abandoned: threading.Event = field(default_factory=threading.Event)
    within_seconds: float = field(default_factory=deadline_seconds)

    @contextmanager
    def packaged(self) -> Iterator[Path]:
        """What the CLI would deploy, in a folder that is there for as long: the archive and the templates."""

        def make(folder: Path) -> None:
            with _first_packaging(self.places):
                self.run("package", "--package", str(folder))

        service, url = self.places.service, self.endpoint.url
        key = key_of(
            service,
            deployed_files(service),
            self.stage,
            self.endpoint.region,
            self.parameters,
            host=urlsplit(url).hostname if url else None,
            environment=_environment(self.endpoint, self.places),
        )
        with tempfile.TemporaryDirectory(prefix="taskguard-package-") as folder:
            Packages(self.places.cache / "packages").get(key, make, Path(folder))
            yield Path(folder)

    def run(self, *arguments: str) -> None:
        """Run it in a copy of the service."""
        cli = serverless_cli(self.places.cache)
        options = [f"--param={name}={value}" for name, value in self.parameters.items()]
        # A deploy must not disturb the timing of what runs on the same engine meanwhile.
        command = ["nice", str(cli), *arguments, *options, "--stage", self.stage, "--region", self.endpoint.region]
        what = f"`serverless {arguments[0]} --stage {self.stage}` at {self.endpoint.place}"
        with tempfile.TemporaryDirectory(prefix="taskguard-deploy-") as scratch:
            folder = Path(scratch, "service")
            folder.mkdir()
            copy_of(self.places.service, folder)
            (folder / "node_modules").symlink_to(cli.parents[1], target_is_directory=True)
            if self.abandoned.is_set():
                raise DeploymentError(f"{what} was not begun: the run was interrupted.")
            status, output = self._ended(command, folder, _environment(self.endpoint, self.places))
        if status:
            kept = f"\nAll of it is in {self.log}." if self.log else ""
            raise DeploymentError(f"{what} {self._why(status)}. The end of what it said:\n{_tail(output)}{kept}")

    def _ended(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
        """The command's status and output, which the log receives as it comes. An interrupt, that it is abandoned, or its deadline ends
        the CLI and what it started."""
        deadline, said, late = time.monotonic() + self.within_seconds, bytearray(), False
        with self._open_log() as log, _started(command, folder, environment) as (process, output):
            while not (self.abandoned.is_set() or late):
                if select.select([output], [], [], _LOOKS_EVERY_SECONDS)[0]:
                    chunk = os.read(output, _CHUNK_BYTES)
                    if not chunk:
                        with suppress(subprocess.TimeoutExpired):
                            process.wait(max(0.0, deadline - time.monotonic()))
                        break
                    said += chunk
                    log(chunk)
                elif process.poll() is not None:
                    # Something that it started says nothing, and does not end.
                    break
                late = time.monotonic() > deadline
        # Whatever the machine's own encoding, and whatever a service says.
        return _TOO_LATE if late else process.returncode, said.decode("utf-8", errors="replace")

    def _why(self, status: int) -> str:
        if status != _TOO_LATE:
            return "failed"
        return f"had not ended after {self.within_seconds:g} s, so it was ended ({DEADLINE_VARIABLE} allows for more)"

    @contextmanager
    def _open_log(self) -> Iterator[Callable[[bytes], object]]:
        if self.log is None:
            yield lambda _: None
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with naming(self.log), self.log.open("ab", buffering=0) as file:
            yield file.write


@contextmanager
def _started(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The command, in a session of its own, and the file descriptor of what it says; when this is left it has ended, and what it
    started too."""
    output, its_end = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        try:
            yield process, output
        finally:
            if process.poll() is None:
                _kill(process)
                process.wait()
    finally:
        os.close(output)


@contextmanager
def _first_packaging(places: Places) -> Iterator[None]:
    """Let nobody else package while the dependencies are downloaded for the first time.

    The plugin that collects them keeps them in a cache, and two that fill it at once get in each other's way.
    """
    locked = places.service / "handlers" / "requirements.txt"
    done = places.cache / "home" / f"packaged-{digest_of(locked)[:12]}"
    if done.exists():
        yield
        return
    done.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(done.with_name("packaging.lock")):
        yield
        done.touch()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment(endpoint: Endpoint, places: Places) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NOT_OURS)}
    cache, home = places.cache, places.cache / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        **config_of(places.service).environment,
        # Stack events are looked at every five seconds by default.
        "SLS_AWS_MONITORING_FREQUENCY": "50",
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TELEMETRY_DISABLED": "1",
        "CI": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        # The user's settings for the CLI have no say either; what it keeps from deploy to deploy is kept in the cache.
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
        "PYTHON": str(python_with_pip(cache)),
        "NO_COLOR": "1",
        **endpoint.environment(),
        # The user's own profiles must not have a say in where a local deploy goes.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()][-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines)
