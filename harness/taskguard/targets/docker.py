"""LocalStack in Docker, through testcontainers: on a free port of 127.0.0.1, and gone with whoever started it.

The public image starts a container for each function, so it is handed Docker's socket. An image whose label says that
its functions are processes (``image/Dockerfile``) is not.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.images import Image
from testcontainers.core.config import get_docker_socket, testcontainers_config
from testcontainers.core.container import DockerContainer

from taskguard.engine.settings import LOCALSTACK_VARIABLES
from taskguard.errors import TargetError
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint, Instance
from taskguard.targets.docker_daemon import WORK_SECONDS, connected, find_image, told
from taskguard.targets.guardian import guard
from taskguard.targets.process import OnThisMachine, answered, claim_port, end_of_log, log_in, port_taken

PUBLIC_IMAGE = "localstack/localstack:4.13.1"
START_TIMEOUT_SECONDS = 120.0
STOP_GRACE_SECONDS = 10
_PORT = 4566
_INSTANCE = "taskguard.instance"
_FUNCTIONS = "taskguard.functions"
_PORT_TAKEN = ("port is already allocated", "address already in use")


@dataclass(frozen=True, slots=True)
class DockerInstance(Instance):
    """A container, known by its name. A guardian ends it with its owner while the file ``guarded`` is there."""

    kind = "docker"

    name: str
    port: int
    folder: str
    guarded: str
    region: str
    image: str
    image_id: str
    docker: str
    localstack: str = ""
    sandbox: str = ""

    def endpoint(self) -> Endpoint:
        return Endpoint(
            target="docker",
            url=f"http://127.0.0.1:{self.port}",
            region=self.region,
            log=self.log,
            versions=(
                ("localstack", self.localstack),
                ("image", self.image),
                ("image id", self.image_id),
                ("docker", self.docker),
                ("sandbox", f"containers; builds: {self.sandbox or 'none'}"),
            ),
            sandboxed=bool(self.sandbox),
        )

    @property
    def log(self) -> Path:
        """Where its log is once it has ended; until then it is Docker's: ``docker logs <name>``."""
        return log_in(self.folder)

    def is_running(self) -> bool:
        with connected() as docker:
            try:
                return bool(docker.containers.get(self.name).status == "running")
            except NotFound:
                return False

    def stay(self) -> None:
        Path(self.guarded).unlink(missing_ok=True)

    def end(self) -> None:
        with connected() as docker:
            with suppress(NotFound):
                container = docker.containers.get(self.name)
                # In order, so that LocalStack can take its functions' containers along.
                container.stop(timeout=STOP_GRACE_SECONDS)
                self.keep_log(container)
            ours = {"label": f"{_INSTANCE}={self.name}"}
            for each in docker.containers.list(all=True, filters=ours, ignore_removed=True):
                with suppress(NotFound):
                    each.remove(force=True, v=True)
        self.stay()

    def keep_log(self, container: Container) -> None:
        """Write the container's log, up to now, into the folder."""
        # Whoever has removed the folder wants no log.
        with suppress(FileNotFoundError), self.log.open("wb") as file:
            file.writelines(container.logs(stream=True))


def image_to_start() -> str:
    """The image that the environment names; the public one by default."""
    return os.environ.get("LOCALSTACK_IMAGE") or PUBLIC_IMAGE


@dataclass(eq=False)
class LocalStackInDocker(OnThisMachine[DockerInstance]):
    """A container in the making. ``sandboxed`` is whether what is deployed to it is built in a sandbox; its functions are in containers
    anyway."""

    engine = "LocalStack"

    image: str = field(default_factory=image_to_start)
    sandboxed: bool = False

    def _start(self) -> Endpoint:
        with connected() as docker:
            image, daemon = find_image(docker, self.image), docker.version()["Version"]
        name = f"taskguard-{secrets.token_hex(6)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.instance = instance = DockerInstance(
            name=name,
            port=claim_port(self.port, self.engine),
            folder=str(self.folder),
            guarded=str(self.folder / f"{name}.guarded"),
            region=self.region,
            image=self.image,
            image_id=str(image.id),
            docker=daemon,
            sandbox=sandbox_here().version if self.sandboxed else "",
        )
        # Before there is a container: whenever this process is killed, somebody knows what to end.
        guard(instance, self.owner_pid, Path(instance.guarded))
        with told(f"starting {self.image} on port {instance.port}"), _prepared(instance, image) as container:
            _start_container(container, instance.port)
            version = _wait_until_ready(instance, container.get_wrapped_container())
        self.instance = replace(instance, localstack=version)
        return self.instance.endpoint()


@contextmanager
def _prepared(instance: DockerInstance, image: Image) -> Iterator[DockerContainer]:
    """A container that is not started yet; it outlives this context, testcontainers' own connection does not."""
    container = DockerContainer(instance.image, docker_client_kw={"timeout": WORK_SECONDS}, name=instance.name)
    # Orphans of functions end within the container.
    container.with_kwargs(init=True, labels={_INSTANCE: instance.name})
    # Testcontainers itself knows no address of the host's, Docker's library does.
    container.ports[f"{_PORT}/tcp"] = ("127.0.0.1", instance.port)  # type: ignore[assignment]
    container.with_envs(**LOCALSTACK_VARIABLES, LOCALSTACK_HOST=f"127.0.0.1:{instance.port}")
    if image.labels.get(_FUNCTIONS) != "processes":
        container.with_volume_mapping(get_docker_socket(), "/var/run/docker.sock", "rw")
        container.with_env("LAMBDA_DOCKER_FLAGS", functions_flags(instance.name))
    try:
        yield container
    finally:
        container.get_docker_client().client.close()


def functions_flags(name: str) -> str:
    """How LocalStack is told to label its functions' containers: what it leaves when it is killed is found by that."""
    return f"--label {_INSTANCE}={name}"


def _start_container(container: DockerContainer, port: int) -> None:
    # Without the container that ends containers: it would have to be pulled, and a guardian does its work.
    before = testcontainers_config.ryuk_disabled
    testcontainers_config.ryuk_disabled = True
    try:
        container.start()
    except APIError as error:
        if any(words in str(error.explanation) for words in _PORT_TAKEN):
            raise port_taken(port, LocalStackInDocker.engine) from error
        raise
    finally:
        testcontainers_config.ryuk_disabled = before


def _wait_until_ready(instance: DockerInstance, container: Container) -> str:
    """Wait until LocalStack answers; its version."""

    def version() -> str | None:
        container.reload()
        if container.status != "running":
            status = container.attrs["State"]["ExitCode"]
            raise TargetError(
                f"starting {instance.image}: it ended with status {status}.\n{_log_tail(instance, container)}"
            )
        found = answered(f"http://127.0.0.1:{instance.port}/_localstack/health", "version")
        return str(found) if found is not None else None

    try:
        return str(wait_for(version, seconds=START_TIMEOUT_SECONDS))
    except WaitedInVain:
        raise TargetError(
            f"starting {instance.image}: no answer on port {instance.port} within {START_TIMEOUT_SECONDS:.0f} s."
            f"\n{_log_tail(instance, container)}"
        ) from None


def _log_tail(instance: DockerInstance, container: Container) -> str:
    instance.keep_log(container)
    return end_of_log(instance.folder)


if __name__ == "__main__":
    # Part of `make test-docker`: better missed once, before there are tests that all miss it.
    try:
        with connected() as daemon:
            find_image(daemon, image_to_start())
    except TargetError as error:
        print(f"make test-docker: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
