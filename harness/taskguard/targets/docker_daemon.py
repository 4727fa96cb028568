"""Docker's daemon: reached within a bounded time, and whatever it refuses told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from docker import DockerClient
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image
from requests import RequestException
from testcontainers.core.docker_client import DockerClient as TestcontainersClient
from testcontainers.core.docker_client import get_docker_host

from taskguard.errors import TargetError

ANSWER_SECONDS = 10
"""How long a daemon may take to say that it is there."""

WORK_SECONDS = 120
"""How long it may take for anything else; while an image is pulled, for the next sign of progress."""

_HERE = ("localhost", "127.0.0.1", "::1")


@contextmanager
def connected() -> Iterator[DockerClient]:
    """A client of the daemon that the user's settings name: ``DOCKER_HOST``, a Docker context, or the default socket.

    Raises:
        TargetError: when none answers, or one of another machine does; also for what a daemon refuses meanwhile.
    """
    host = get_docker_host() or "its default socket"
    with told(f"reaching Docker at {host}", ". Start Docker, or install it; --target localstack needs none."):
        _ask_whether_it_is_there()
        testcontainers = TestcontainersClient(timeout=WORK_SECONDS)
    try:
        if testcontainers.host() not in _HERE:
            raise TargetError(
                f"reaching Docker at {host}: it is not on this machine, and containers are reached on 127.0.0.1 only. "
                "Set DOCKER_HOST to a daemon of this machine."
            )
        with told(f"speaking with Docker at {host}"):
            yield testcontainers.client
    finally:
        testcontainers.client.close()


def _ask_whether_it_is_there() -> None:
    # A client that is to find out the daemon's version itself leaves its connection open when it gets no answer.
    docker = TestcontainersClient(timeout=ANSWER_SECONDS, version=DEFAULT_DOCKER_API_VERSION).client
    try:
        docker.version(api_version=False)
    finally:
        docker.close()


@contextmanager
def told(doing: str, to_do: str = "") -> Iterator[None]:
    """Turn what Docker's library raises into one line that begins with what was being done and ends with what to do.

    Raises:
        TargetError: for a refusal, or for no answer.
    """
    try:
        yield
    except (DockerException, RequestException) as error:
        raise TargetError(f"{doing}: {_reason(error)}{to_do}") from error


def find_image(docker: DockerClient, name: str) -> Image:
    """The image of this name, pulled when it is not there.

    Raises:
        TargetError: when it is not to be had.
    """
    with told(f"looking for the image {name}"), suppress(ImageNotFound):
        return docker.images.get(name)
    stand_in = (
        ". Where no registry can be reached, build the stand-in with image/build-stand-in.sh and name it: "
        "LOCALSTACK_IMAGE=taskguard/localstack-stand-in:4.13.1"
    )
    with told(f"pulling the image {name}", stand_in):
        return docker.images.pull(name)


def _reason(error: BaseException) -> str:
    """What an error comes down to, on one line: the operating system's word, the daemon's, or that there was none."""
    if isinstance(error, APIError) and error.explanation:
        return " ".join(str(error.explanation).split()).rstrip(".")
    innermost: BaseException | None = error
    while innermost is not None:
        if isinstance(innermost, TimeoutError):
            return "it does not answer"
        if isinstance(innermost, OSError) and innermost.strerror:
            return innermost.strerror.lower()
        innermost = innermost.__cause__ or innermost.__context__
    return " ".join(str(error).split()).rstrip(".")
