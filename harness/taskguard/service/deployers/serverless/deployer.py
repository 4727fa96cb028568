"""Deploys with the Serverless CLI. Each call runs in a copy of the service, so that two may run at once, and a changed copy can be
deployed as well. It knows nothing of what the pipeline does."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from taskguard.places import Places
from taskguard.service.config import DeployerName
from taskguard.service.deployers.base import Deployed, Job, scratch_copy
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.serverless.cli import PACKAGE_FILES, serverless_cli
from taskguard.service.deployers.serverless.packages import STATE_FILE, Packages, key_of
from taskguard.service.files import deployed_files, digest_of
from taskguard.service.ours import stack_name
from taskguard.targets.environments import python_with_pip

_FILE = "serverless.yml"


class Serverless:
    """The Serverless Framework's services."""

    name = DeployerName.SERVERLESS
    looks_for = _FILE
    stages_apart = True

    def file_in(self, service: Path) -> str | None:
        return _FILE if (service / _FILE).is_file() else None

    def get_ready(self, cache: Path) -> None:
        serverless_cli(cache)

    def digests(self) -> Mapping[str, str]:
        lock = PACKAGE_FILES[1]
        return {lock.name: digest_of(lock)}

    def name_of(self, job: Job) -> str:
        with packaged(job) as package:
            return _packaged_name(package, job.stage)

    def deploy(self, job: Job) -> Deployed:
        with packaged(job) as package:
            name = _packaged_name(package, job.stage)
            _call(job, "deploy", "--package", str(package))
        return Deployed(stack_name=name)

    def remove(self, job: Job) -> None:
        _call(job, "remove")


@contextmanager
def packaged(job: Job) -> Iterator[Path]:
    """What the CLI would deploy, in a folder that is there for as long: the archive and the templates.

    Raises:
        SetupError, DeploymentError: as :meth:`Serverless.deploy`.
    """

    def make(folder: Path) -> None:
        with _first_packaging(job.places):
            _call(job, "package", "--package", str(folder))

    service, url = job.places.service, job.endpoint.url
    key = key_of(
        service,
        deployed_files(service),
        job.stage,
        job.endpoint.region,
        job.parameters,
        host=urlsplit(url).hostname if url else None,
        environment=_environment(job),
    )
    with tempfile.TemporaryDirectory(prefix="taskguard-package-") as folder:
        Packages(job.places.cache / "packages").get(key, make, Path(folder))
        yield Path(folder)


def _packaged_name(package: Path, stage: str) -> str:
    """The stack's name, as the CLI resolved it: https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml (stackName)."""
    try:
        service = json.loads((package / STATE_FILE).read_text(encoding="utf-8"))["service"]
        provider = service["provider"]
        return str(provider.get("stackName") or f"{service['service']}-{provider.get('stage') or stage}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return stack_name(stage)


def _call(job: Job, *arguments: str) -> None:
    """Run the CLI in a copy of the service."""
    cli = serverless_cli(job.places.cache)
    options = [f"--param={name}={value}" for name, value in job.parameters.items()]
    # A deploy must not disturb the timing of what runs on the same engine meanwhile.
    command = ["nice", str(cli), *arguments, *options, "--stage", job.stage, "--region", job.endpoint.region]
    with scratch_copy(job.places.service) as folder:
        (folder / "node_modules").symlink_to(cli.parents[1], target_is_directory=True)
        run(job, command, folder, _environment(job), f"`serverless {arguments[0]} --stage {job.stage}`")


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


def _environment(job: Job) -> dict[str, str]:
    return {
        # Stack events are looked at every five seconds by default.
        "SLS_AWS_MONITORING_FREQUENCY": "50",
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TELEMETRY_DISABLED": "1",
        **environment_of(job),
        # The deploy installs the handlers' dependencies with pip, which the system's own Python may lack.
        "PYTHON": str(python_with_pip(job.places.cache)),
    }
