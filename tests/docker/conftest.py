"""These tests need a Docker daemon and an image, so they run only when asked for: with ``--taskguard-target docker``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient
from taskguard.targets.docker import image_to_start
from taskguard.targets.docker_daemon import connected
from taskguard.targets.names import TargetName
from taskguard.testing.plugin import asked


@pytest.fixture(autouse=True)
def only_with_docker(request: pytest.FixtureRequest) -> None:
    if asked(request.config, "target") != TargetName.DOCKER:
        pytest.skip("needs Docker: run with --taskguard-target docker")


@pytest.fixture(scope="session")
def image() -> str:
    """The image that the target starts."""
    return image_to_start()


@pytest.fixture
def docker() -> Iterator[DockerClient]:
    """The daemon."""
    with connected() as client:
        yield client
