"""Packages the service once for all tests and all processes of pytest-xdist, in each way that some test looks at."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from tests.packaging.support import TOPIC, Package, Packaging, package, read_package
from tests.places import PROJECT

PACKAGINGS = {
    "dev": Packaging(),
    "t1": Packaging(
        (
            *("--stage", "t1", "--region", "eu-west-1", "--param=failureSeed=42", "--param=failureRate=0"),
            *("--param=backoffBaseSeconds=1", "--param=backoffFactor=3"),
        ),
        template_only=True,
    ),
    "operated": Packaging(("--param=tracing=true", f"--param=alarmTopicArn={TOPIC}"), template_only=True),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skipif(
        not (PROJECT / "node_modules/.bin/serverless").exists(), reason="run `make setup` first: no Serverless CLI"
    )
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.packaging)
            item.add_marker(missing)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def packages(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the service packaged in each way."""
    folder = shared_folder / "packages"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            making = tmp_path_factory.mktemp("making")
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda way: package(making / way, PACKAGINGS[way]), PACKAGINGS))
            making.rename(folder)
    return folder


@pytest.fixture(scope="session")
def default(packages: Path) -> Package:
    """The service on its default stage."""
    return read_package(packages / "dev")


@pytest.fixture(scope="session")
def other_stage(packages: Path) -> Package:
    """The service on a stage of its own, with all settings of the pipeline given. Its archive holds no dependencies."""
    return read_package(packages / "t1")


@pytest.fixture(scope="session")
def operated(packages: Path) -> Package:
    """The service with tracing, and with a topic for its alarms. Its archive holds no dependencies."""
    return read_package(packages / "operated")


@pytest.fixture(scope="session")
def packaged_elsewhere(packages: Path, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The default stage packaged again: later, in another folder, under another umask, time zone and Python, and with
    nothing kept of an earlier packaging."""
    folder = shared_folder / "packaged-elsewhere"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            surroundings = {
                "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
                "TZ": "America/Los_Angeles",
                "PYTHON": sys.executable,
            }
            making = tmp_path_factory.mktemp("elsewhere") / "another" / "folder"
            package(making, Packaging(umask=0o077, environment=surroundings))
            making.rename(folder)
    return read_package(folder)
