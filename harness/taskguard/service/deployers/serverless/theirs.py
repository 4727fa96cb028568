"""Packages a service of the Serverless Framework that is not ours, and deploys it where its plugins have a part in that.

It is packaged by our CLI in a scratch copy of its folder, through a configuration that stands in for its own
(``data/serverless/theirs``): what version and plugins it was written for, and what it wants of an account, does not matter then. Its
packages are installed there first. What it was packaged into is kept, where the same files make the same package again; then neither
npm nor the CLI is needed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from taskguard.errors import DeploymentError
from taskguard.places import DATA
from taskguard.service.config import config_of
from taskguard.service.deployers.base import Job, scratch_copy, scratch_of
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.dependencies import manifest_in, node_modules
from taskguard.service.deployers.environment import environment_of
from taskguard.service.deployers.publishing import CODE_BUCKET, Bucket
from taskguard.service.deployers.serverless.calls import call, environment_for
from taskguard.service.deployers.serverless.cli import serverless_cli
from taskguard.service.deployers.serverless.configurations import configuration_in, makes_the_same_again
from taskguard.service.deployers.serverless.packages import Packages, key_of
from taskguard.service.deployers.serverless.publishing import Package
from taskguard.service.files import deployed_files
from taskguard.support import folders
from taskguard.targets.runtimes import sdk_v2

WRAPPER_FILES = tuple(
    DATA / "serverless" / "theirs" / name
    for name in (
        "serverless.taskguard.cjs",
        "taskguard.plugin.cjs",
        "taskguard.bundle.cjs",
        "taskguard.npm.cjs",
        "taskguard.sdk.cjs",
    )
)
_NOTE = "taskguard-note.json"
"""What the plugin told, beside the package."""
_MOST_CALLS = 4
"""The CLI is called again once what a call asked for is installed and built."""


@contextmanager
def packaged(job: Job) -> Iterator[Package]:
    """The service's package, in a folder that is there for as long.

    Raises:
        SetupError: a program that it takes is missing.
        DeploymentError: it cannot be packaged; the message ends with what was said, and names the file with all of it.
    """
    service, url = job.places.service, job.endpoint.url
    key = key_of(
        service,
        deployed_files(service),
        job.stage,
        job.endpoint.region,
        job.parameters,
        host=urlsplit(url).hostname if url else None,
        environment=environment_for(job),
        made_by=WRAPPER_FILES,
    )
    with folders.temporary("package") as place:
        folder = place / "package"
        folder.mkdir()
        if makes_the_same_again(service):
            Packages(job.places.cache / "packages").get(key, lambda made: _Packaging(job).into(made), folder)
        else:
            _Packaging(job).into(folder)
        yield _package_in(folder)


def _package_in(folder: Path) -> Package:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        return Package(
            folder=folder,
            stack_name=note["stackName"],
            stage=note["stage"],
            keys_below=note["keysBelow"],
            parameters=note["parameters"],
            set_aside=tuple(note["setAside"]),
            at_deploy=tuple(note["atDeploy"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise DeploymentError(
            f"reading what the Serverless CLI packaged: {error!r}. The service's own plugins may have changed it; try it with fewer of them."
        ) from error


def deploy_with_hooks(job: Job, package: Package) -> tuple[str, ...]:
    """Deploy the package with the CLI, which lets the service's plugins do what they do at a deploy: in a scratch copy, where they see what
    they see when it is packaged. A sentence, where that failed once the stack was there.

    Raises:
        SetupError, DeploymentError: as :func:`packaged`.
    """
    plugins = "; ".join(package.at_deploy)
    Bucket(job.endpoint).make()
    with scratch_copy(job) as scratch:
        # A copy: what a plugin may change there is read by nobody else.
        copy = scratch_of(scratch) / "package"
        shutil.copytree(package.folder, copy)
        (copy / _NOTE).unlink()
        packaging = _Packaging(job)
        packaging.prepare(scratch)
        # What a plugin asks for once others have done something cannot be brought any more.
        packaging.bring_sdk()
        try:
            packaging.call(scratch, copy, "deploy", "--force")
        except DeploymentError as failed:
            if not job.abandoned.is_set() and (copy / _NOTE).exists():
                return (f"what plugins do after a deploy failed ({plugins}): {_last_words(failed)}",)
            raise DeploymentError(
                f"{failed}\nThe service's plugins have a part in its deploy: {plugins}. One that the pipeline can do without is left out by "
                '`[service] without_plugins = ["its-name"]` in taskguard.toml.'
            ) from None
    return ()


def _last_words(failed: DeploymentError) -> str:
    """What a program said at its end, or before it names its versions."""
    said = [line.strip() for line in str(failed).splitlines() if line.startswith("  ")]
    return next((after for line, after in pairwise(said) if line == "Error:"), said[-1] if said else str(failed))


class _Packaging:
    """Calls the CLI for the service of a job in a scratch copy, to package it and to deploy it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._said: list[str] = []
        self._has_built = False
        self._sdk: Path | None = None

    def into(self, folder: Path) -> None:
        """Leave the package and the note in ``folder``."""
        with scratch_copy(self._job) as scratch:
            self.prepare(scratch)
            # Beside the copy, so that the CLI has to write nowhere else.
            made = scratch_of(scratch) / "package"
            made.mkdir()
            for _ in range(_MOST_CALLS):
                note = self._package(scratch, made)
                needs = note.get("needs") or {}
                if not any(needs.values()):
                    make_sure_it_holds_files(made)
                    note["setAside"] = [*note["setAside"], *self._said]
                    (made / _NOTE).write_text(json.dumps(note), encoding="utf-8")
                    shutil.copytree(made, folder, dirs_exist_ok=True)
                    return
                self._do(needs, scratch)
        raise DeploymentError(f"packaging {self._job.places.service}: it asks for ever more to be installed: {needs}.")

    def prepare(self, scratch: Path) -> None:
        """Install what the CLI needs in the copy, and give it the configuration that stands in for the service's."""
        self._install(scratch, development=True)
        for file in WRAPPER_FILES:
            shutil.copy2(file, scratch)

    def bring_sdk(self) -> None:
        """Have the SDK there that the Framework's version 3 gives to plugins, and this CLI does not."""
        self._sdk = sdk_v2(self._job.places.cache)

    def _package(self, scratch: Path, folder: Path) -> dict[str, Any]:
        """Call the CLI, which packages or says what it needs first; what it told."""
        note = folder / _NOTE
        self.call(scratch, folder, "package")
        return dict(json.loads(note.read_text(encoding="utf-8"))) if note.exists() else {}

    def call(self, scratch: Path, folder: Path, doing: str, *options: str) -> None:
        """Let the CLI do this with the package in ``folder``."""
        told = {
            "cli": str(serverless_cli(self._job.places.cache).parents[1] / "serverless"),
            "theirs": configuration_in(scratch),
            "bucket": CODE_BUCKET,
            "region": self._job.endpoint.region,
            "without": config_of(self._job.places.service).without_plugins,
            "note": str(folder / _NOTE),
            "sdk": str(self._sdk) if self._sdk else None,
            "mayBuild": self._has_script(scratch, "build") and not self._has_built,
        }
        environment = {**environment_for(self._job), "TASKGUARD_WRAPPER": json.dumps(told)}
        environment["TASKGUARD_PROGRAMS"] = programs = str(_npm_for(scratch))
        environment["PATH"] = os.pathsep.join([programs, *filter(None, [environment.get("PATH")])])
        words = (doing, "--config", WRAPPER_FILES[0].name, *options)
        sees = (self._sdk,) if self._sdk else ()
        try:
            call(self._job, scratch, *words, package=folder, environment=environment, sees=sees)
        except DeploymentError as failed:
            raise DeploymentError(f"{failed}{self._of_the_stage()}") from None

    def _of_the_stage(self) -> str:
        if self._job.stage is not None:
            return f"\nIts stage was {self._job.stage}; if the service's files know only some, name one of them with --stage."
        return "\nThis is the stage that the service has where none is named; name another with --stage."

    def _install(self, folder: Path, *, development: bool = False) -> None:
        """Install the packages of the ``package.json`` in this folder, if it has one; those for ``development`` as well."""
        manifest = manifest_in(folder, development=development)
        if manifest is None:
            return
        modules = node_modules(self._job, manifest, development=development)
        self._said += modules.set_aside
        # A copy: what a service changes there must not be another's.
        subprocess.run(["cp", "-a", str(modules.folder), str(folder / "node_modules")], check=True)

    def _do(self, needs: dict[str, list[str]], scratch: Path) -> None:
        for name in needs.get("install", ()):
            self._install(scratch / name)
            (scratch / name / "node_modules").mkdir(exist_ok=True)
        if needs.get("sdk"):
            self.bring_sdk()
        if needs.get("build"):
            self._has_built = True
            self._said.append(f"built with its own `npm run build`, for {', '.join(needs['build'])} was not there")
            environment = environment_of(self._job)
            run(self._job, ["npm", "run", "build"], scratch, environment, "building the service with `npm run build`")

    @staticmethod
    def _has_script(folder: Path, name: str) -> bool:
        try:
            return name in json.loads((folder / "package.json").read_text(encoding="utf-8-sig"))["scripts"]
        except (OSError, ValueError, KeyError, TypeError):
            return False


def _npm_for(scratch: Path) -> Path:
    """The folder of the program that stands in for npm where plugins call it in this copy of a service."""
    folder = scratch_of(scratch) / "programs"
    folder.mkdir(exist_ok=True)
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\nexec node {shlex.quote(str(scratch / "taskguard.npm.cjs"))} "$@"\n', encoding="utf-8")
    npm.chmod(0o755)
    return folder


def make_sure_it_holds_files(package: Path) -> None:
    """Before anything is read there: what a program in a sandbox made may lead out of it.

    Raises:
        DeploymentError: there is a link.
    """
    for each in package.rglob("*"):
        if each.is_symlink():
            raise DeploymentError(
                f"reading what the Serverless CLI packaged: {each.name} is a link to {each.readlink()}, and only files are deployed. Let the "
                "service's plugins copy what they package."
            )
