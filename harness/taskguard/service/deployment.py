"""Deploys a pipeline with the Serverless CLI, and finds out what is deployed.

It knows nothing of what the pipeline does. Each deploy runs in a copy of the service, so that two may run at once, and a changed
copy can be deployed as well.
"""

import hashlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from filelock import FileLock

from taskguard.errors import DeploymentError, SetupError
from taskguard.places import Places
from taskguard.service.discovery import cannot_read, discover
from taskguard.service.files import SERVICE_FILES, copy_of
from taskguard.service.ours import stack_name
from taskguard.service.packages import Packages, key_of
from taskguard.service.serverless_cli import serverless_cli
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import python_with_pip

_TAIL_LINES = 25
_LOOKS_EVERY_SECONDS = 0.1
"""How often it is seen whether a call of the CLI was abandoned."""
_NOT_OURS = ("AWS_", "SLS_", "NO_PROXY")


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
    given = dict(parameters or {})
    with tempfile.TemporaryDirectory(prefix="taskguard-package-") as scratch:
        package(endpoint, stage, Path(scratch), places=places, parameters=given, log=log, abandoned=abandoned)
        _serverless(["deploy", "--package", scratch, *_options(given)], endpoint, stage, places, log, abandoned)
    return read_stack(endpoint, stage)


def package(
    endpoint: Endpoint,
    stage: str,
    place: Path,
    *,
    places: Places,
    parameters: Mapping[str, str],
    log: Path | None = None,
    abandoned: threading.Event | None = None,
) -> None:
    """Put what the Serverless CLI would deploy of the service in ``places`` into the empty folder ``place``: the archive and the templates.

    Raises:
        SetupError, DeploymentError: as :func:`deploy`.
    """

    def make(folder: Path) -> None:
        with _first_packaging(places):
            arguments = ["package", "--package", str(folder), *_options(parameters)]
            _serverless(arguments, endpoint, stage, places, log, abandoned)

    host = urlsplit(endpoint.url).hostname if endpoint.url else None
    environment = _environment(endpoint, places.cache)
    key = key_of(places.service, SERVICE_FILES, stage, endpoint.region, parameters, host=host, environment=environment)
    Packages(places.cache / "packages").get(key, make, place)


def _options(parameters: Mapping[str, str]) -> list[str]:
    return [f"--param={name}={value}" for name, value in parameters.items()]


def remove(endpoint: Endpoint, stage: str, *, places: Places, log: Path | None = None) -> None:
    """Remove ``stage`` and all it holds.

    Raises:
        SetupError, DeploymentError: as :func:`deploy`.
    """
    try:
        _serverless(["remove"], endpoint, stage, places, log)
    except DeploymentError:
        # When the stack is gone, the CLI asks whether it had a container registry, and fails where there are none.
        if is_deployed(endpoint, stage):
            raise


def is_deployed(endpoint: Endpoint, stage: str) -> bool:
    """Whether there is such a stage, in whatever state.

    Raises:
        DeploymentError: when that cannot be found out.
    """
    try:
        endpoint.cloudformation().describe_stacks(StackName=stack_name(stage))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return False
        raise cannot_read(stack_name(stage), endpoint, error) from error
    except BotoCoreError as error:
        raise cannot_read(stack_name(stage), endpoint, error) from error
    return True


def make_sure_is_free(endpoint: Endpoint, stage: str) -> None:
    """Look before deploying what is to be removed again: a stage that is there already is somebody's.

    Raises:
        DeploymentError: when there is such a stage.
    """
    if is_deployed(endpoint, stage):
        raise DeploymentError(
            f"deploying stage {stage} to {endpoint.place}: it is there already, and a run ends with removing its stage. "
            "Name another with --stage, or remove that one first, if it is yours."
        )


def read_stack(endpoint: Endpoint, stage: str) -> Stack:
    """What is deployed on ``stage``.

    Raises:
        DiscoveryError: as :func:`taskguard.service.discovery.discover`.
    """
    return discover(endpoint, stack_name(stage), stage=stage)


def require_service(places: Places) -> None:
    """Look for the service.

    Raises:
        SetupError: when there is none in its folder.
    """
    if not (places.service / "serverless.yml").is_file():
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


def _serverless(
    arguments: list[str],
    endpoint: Endpoint,
    stage: str,
    places: Places,
    log: Path | None,
    abandoned: threading.Event | None = None,
) -> None:
    cli = serverless_cli(places.cache)
    with tempfile.TemporaryDirectory(prefix="taskguard-deploy-") as scratch:
        folder = _copy(places.service, Path(scratch), cli.parents[1])
        # A deploy must not disturb the timing of what runs on the same engine meanwhile.
        command = ["nice", str(cli), *arguments, "--stage", stage, "--region", endpoint.region]
        if abandoned is not None and abandoned.is_set():
            raise DeploymentError(
                f"`serverless {arguments[0]} --stage {stage}` at {endpoint.place} was not begun: the run was interrupted."
            )
        environment = _environment(endpoint, places.cache) | _no_profile(Path(scratch))
        output = _run(command, folder, environment, log, abandoned)
    if output is not None:
        kept = f"\nAll of it is in {log}." if log else ""
        raise DeploymentError(
            f"`serverless {arguments[0]} --stage {stage}` at {endpoint.place} failed. The end of what it said:\n"
            f"{_tail(output)}{kept}"
        )


@contextmanager
def _first_packaging(places: Places) -> Iterator[None]:
    """Let nobody else package while the dependencies are downloaded for the first time.

    The plugin that collects them keeps them in a cache, and two that fill it at once get in each other's way.
    """
    locked = places.service / "handlers" / "requirements.txt"
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()[:12] if locked.exists() else "none"
    done = places.cache / "home" / f"packaged-{digest}"
    if done.exists():
        yield
        return
    done.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(done.with_name("packaging.lock")):
        yield
        done.touch()


def _run(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path | None,
    abandoned: threading.Event | None = None,
) -> str | None:
    """Run to the end; the output when it failed. An interrupt, or that it is abandoned, ends the CLI and what it started."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Whatever the machine's own encoding, and whatever a service says.
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output = _output(process, abandoned)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(output)
    return output if process.returncode else None


def _output(process: "subprocess.Popen[str]", abandoned: threading.Event | None) -> str:
    while True:
        try:
            return process.communicate(timeout=None if abandoned is None else _LOOKS_EVERY_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if abandoned is not None and abandoned.is_set():
                _kill(process)


def _kill(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _copy(service: Path, scratch: Path, node_modules: Path) -> Path:
    folder = scratch / "service"
    folder.mkdir()
    copy_of(service, folder)
    (folder / "node_modules").symlink_to(node_modules, target_is_directory=True)
    return folder


def _no_profile(scratch: Path) -> dict[str, str]:
    """The user's own profiles must not have a say in where a local deploy goes."""
    nothing = scratch / "no-aws-profile"
    nothing.touch()
    return {"AWS_CONFIG_FILE": str(nothing), "AWS_SHARED_CREDENTIALS_FILE": str(nothing)}


def _environment(endpoint: Endpoint, cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NOT_OURS)}
    home = cache / "home"
    home.mkdir(parents=True, exist_ok=True)
    return kept | {
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
    }


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()][-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines)
