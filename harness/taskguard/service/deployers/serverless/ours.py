"""Packages our own service with the Serverless CLI, and deploys it to AWS with that, as its own users would: its plugins come with the CLI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.deployers.base import Job, scratch_copy
from taskguard.service.deployers.serverless.calls import call, environment_for
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.serverless.packages import STATE_FILE, Packages, key_of
from taskguard.service.deployers.serverless.publishing import Package
from taskguard.service.deployers.serverless.renewing import Frame, contents_of
from taskguard.service.files import deployed_files, digest_of, files_of
from taskguard.service.ours import SEED
from taskguard.support import folders

_CODE = "handlers"
"""All of its Python is packaged as it is."""
_ANY_SEED = "seed-of-the-failures"
"""What is packaged in the place of a seed: each run has another one, and the CLI need not be called for it."""


@contextmanager
def packaged(job: Job) -> Iterator[Package]:
    """What the CLI would deploy, in a folder that is there for as long: the archive and the templates.

    Raises:
        SetupError: the CLI cannot be installed.
        DeploymentError: it fails, or leaves something else.
    """

    def make(folder: Path) -> None:
        with _first_packaging(job.places):
            with_the_cli(job, "package", folder)

    service, url, seed = job.places.service, job.endpoint.url, job.parameters.get(SEED)
    # To AWS it goes by the CLI, which tells one package from another by when it was made.
    if url and seed:
        job = replace(job, parameters={**job.parameters, SEED: _ANY_SEED})
    key = partial(
        key_of,
        service,
        deployed_files(service),
        job.stage,
        job.endpoint.region,
        job.parameters,
        host=urlsplit(url).hostname if url else None,
        environment=environment_for(job),
    )
    contents = contents_of(service, (file for file in files_of(service / _CODE) if file.suffix == ".py"))
    frame = Frame(key(by_name=contents.keys()), contents) if url else None
    with folders.temporary("package") as scratch:
        folder = scratch / "package"
        folder.mkdir()
        Packages(job.places.cache / "packages").get(key(), make, folder, frame, key)
        if url and seed:
            _put_seed(seed, folder)
        yield _package_in(folder, job.stage_or_default)


def _put_seed(seed: str, folder: Path) -> None:
    """Have the package in ``folder`` as if it had been made with this seed."""
    for file in folder.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(_ANY_SEED, json.dumps(seed)[1:-1]), encoding="utf-8")


def _package_in(folder: Path, stage: str) -> Package:
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        service, provider = state["service"]["service"], state["service"]["provider"]
        # As the CLI resolves it: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml (stackName).
        name = provider.get("stackName") or f"{service}-{provider.get('stage') or stage}"
        return Package(folder=folder, stack_name=name, keys_below=state["package"]["artifactDirectoryName"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeploymentError(f"reading what the Serverless CLI packaged: {error!r} in its {STATE_FILE}.") from error


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
