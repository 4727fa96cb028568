"""Packages and deploys our own service with the Serverless CLI, as its own users would on AWS: its plugins come with the CLI."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from taskguard.places import Places
from taskguard.service.deployers.base import Job, scratch_copy
from taskguard.service.deployers.serverless.calls import call, environment_for
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.serverless.packages import Packages, key_of
from taskguard.service.files import deployed_files, digest_of


@contextmanager
def packaged(job: Job) -> Iterator[Path]:
    """What the CLI would deploy, in a folder that is there for as long: the archive and the templates.

    Raises:
        SetupError: the CLI cannot be installed.
        DeploymentError: it fails.
    """

    def make(folder: Path) -> None:
        with _first_packaging(job.places):
            with_the_cli(job, "package", folder)

    service, url = job.places.service, job.endpoint.url
    key = key_of(
        service,
        deployed_files(service),
        job.stage,
        job.endpoint.region,
        job.parameters,
        host=urlsplit(url).hostname if url else None,
        environment=environment_for(job),
    )
    with tempfile.TemporaryDirectory(prefix="taskguard-package-") as scratch:
        folder = Path(scratch, "package")
        folder.mkdir()
        Packages(job.places.cache / "packages").get(key, make, folder)
        yield folder


def with_the_cli(job: Job, doing: str, package: Path | None = None) -> None:
    """Run the CLI in a copy of the service; ``package`` as for :func:`taskguard.service.deployers.serverless.calls.call`.

    Raises:
        SetupError, DeploymentError: as :func:`packaged`.
    """
    with scratch_copy(job) as folder:
        (folder / "node_modules").symlink_to(serverless_cli(job.places.cache).parents[1], target_is_directory=True)
        call(job, folder, doing, package=package)


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
