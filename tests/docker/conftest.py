"""These tests need a Docker daemon and an image, so they run only when asked for: with ``--target docker``."""

from __future__ import annotations

import os

import pytest

from harness.targets.docker import PUBLIC_IMAGE
from harness.targets.names import TargetName


@pytest.fixture(autouse=True)
def only_with_docker(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--target") != TargetName.DOCKER:
        pytest.skip("needs Docker: run with --target docker")


@pytest.fixture(scope="session")
def image() -> str:
    """The image that the target starts."""
    return os.environ.get("LOCALSTACK_IMAGE") or PUBLIC_IMAGE
