"""Installs what a service depends on, once for each set of dependencies: packages of Python with uv, of Node.js with npm or what else
wrote their lock file.

Nothing that a package wants to be run when it is installed is run, as far as the installer can be told so. What was installed is kept
in the user's cache, found by the digest of all that it follows from. It must not know what the packages are for.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from taskguard.errors import DeploymentError, SetupError
from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.caching import cached, digest
from taskguard.service.deployers.commands import run
from taskguard.service.deployers.locks import NPM, Lock, lock_above, lock_in, unread_beside
from taskguard.service.deployers.package_managers import (
    SETTINGS,
    Manager,
    command,
    manager_for,
    prepare,
    tidy,
    variables,
)
from taskguard.service.deployers.workspaces import (
    members_beside,
    members_named,
    with_those_of_root,
    without_catalogs,
    without_members,
    workspace_of,
)
from taskguard.service.files import copy_of, deployed_files, digest_of
from taskguard.targets import machine
from taskguard.targets.environments import Python
from taskguard.targets.machine import State

FOLDER = "dependencies"
"""Where they are in the cache."""
REQUIREMENTS = "requirements.txt"
MANIFEST = "package.json"
_LOCAL = re.compile(r"^\s*(-|\.|/|\S+\s*@\s*file:)", re.MULTILINE)
"""A line of requirements that leads to other files."""
_LOCAL_MODULES = re.compile(
    r"""\b(file|link|workspace|portal|patch):|"workspaces"|patchedDependencies|^packages:$""", re.MULTILINE
)
"""A package that lies among the service's own files, or is changed by some of them."""


@dataclass(frozen=True, slots=True)
class Modules:
    """The ``folder`` called ``node_modules`` with what was installed, and a sentence for each lock file that had no say in it."""

    folder: Path
    set_aside: tuple[str, ...] = ()


def requirements_in(folder: Path, name: str = REQUIREMENTS) -> Path | None:
    """The requirements of Python code in this folder, in the file of this ``name``, where there are any."""
    file = folder / name
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return file if any(line.strip() and not line.strip().startswith("#") for line in lines) else None


def manifest_in(folder: Path, *, development: bool = False) -> Path | None:
    """The ``package.json`` of Node.js code in this folder, where it names packages; those for ``development`` as well."""
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DeploymentError(f"reading {file.name} in {folder.name}: {error}. Mend it, and run again.") from error
    named = ("dependencies", "optionalDependencies", *(("devDependencies",) if development else ()))
    return file if isinstance(told, dict) and any(told.get(each) for each in named) else None


def python_packages(job: Job, requirements: Path, python: Python) -> Path:
    """A folder with the packages that the file ``requirements`` asks for, as this interpreter wants them.

    Raises:
        DeploymentError: they cannot be installed.
    """
    text = requirements.read_text(encoding="utf-8-sig", errors="replace")
    local = _LOCAL.search(text) is not None
    about = digest_of(requirements.parent) if local else text
    what = f"installing {requirements.name} of {requirements.parent.name}"

    def install(folder: Path) -> None:
        command = [find_uv_bin(), "pip", "install", "--quiet", "--python", python.executable, "--target", str(folder)]
        # What is built of local files may leave others beside them.
        writes = (folder, requirements.parent) if local else (folder,)
        view = View(writes=writes, sees=(Path(command[0]), requirements.parent), programs=(python.executable,))
        words = [*command, "--requirement", str(requirements)]
        run(job, words, requirements.parent, installing(job), what, view=view, installs=True)

    name = f"python-{digest(about, python.version, python.abi)}"
    return cached(job.places.cache / FOLDER, name, install)


def node_modules(job: Job, manifest: Path, *, development: bool = False) -> Modules:
    """The packages that ``manifest`` asks for, in the versions that the lock file beside it names; those for ``development`` as well. What
    lies beside the service in a workspace comes from there, where no lock says otherwise.

    Raises:
        SetupError: there is no npm.
        DeploymentError: they cannot be installed.
    """
    npm = machine.npm()
    if npm.state is State.MISSING:
        raise SetupError(f"installing the packages of {manifest.parent.name}: {npm.name}: {npm.what}. {npm.to_do}")
    source = manifest.parent
    lock = lock_in(source)
    manager, set_aside = _manager(job, source, lock)
    unlocked = lock is None or (lock.manager != NPM and manager is None)
    words = ["npm", "install" if unlocked else "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    words += [] if development else ["--omit=dev"]
    what = f"`npm {words[1]}`"
    if manager is not None:
        words, what = command(manager, development=development), f"{manager.name}, by {lock.file.name if lock else ''}"
    named = (
        MANIFEST,
        ".npmrc",
        *([] if lock is None or unlocked else [lock.file.name]),
        *(SETTINGS if manager else ()),
    )
    files = {name: (source / name).read_bytes() for name in named if (source / name).is_file()}
    told = json.loads(files[MANIFEST].decode("utf-8-sig"))
    root = workspace_of(job.places.service) if unlocked else None
    members: Mapping[str, Path] = {}
    if root is not None:
        told = with_those_of_root(told, root) if development else told
        members = members_named(told, members_beside(job.places.service))
        told = without_members(told, members)
    if unlocked and (told := without_catalogs(told, root or source)) != json.loads(files[MANIFEST].decode("utf-8-sig")):
        files[MANIFEST] = json.dumps(told).encode()
    local = any(_LOCAL_MODULES.search(content.decode("utf-8-sig", errors="replace")) for content in files.values())

    def install(folder: Path) -> None:
        if local:
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        environment, view = installing(job), View()
        if manager is not None:
            prepare(folder, manager)
            environment |= variables(folder, sandboxed=job.endpoint.sandboxed)
            view = View(writes=(folder,), sees=(manager.folder,))
        run(
            job,
            words,
            folder,
            environment,
            f"installing the packages of {source.name} with {what}",
            view=view,
            installs=True,
        )
        tidy(folder)
        (folder / "node_modules").mkdir(exist_ok=True)
        for name, member in members.items():
            place = folder / "node_modules" / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            copy_of(member, place, of_others=job.endpoint.sandboxed)

    contents = [hashlib.sha256(content).hexdigest() for content in files.values()]
    contents += [digest_of(member / each) for member in members.values() for each in deployed_files(member)]
    by = manager.folder.name if manager is not None else words[1]
    about = (*contents, by, development, sys.platform, platform.machine(), *([digest_of(source)] if local else []))
    folder = cached(job.places.cache / FOLDER, f"node-{digest(*about)}", install)
    taken = (
        f"{name} was taken from {each.name}, which lies beside the service in its workspace"
        for name, each in members.items()
    )
    return Modules(folder / "node_modules", (*set_aside, *taken))


def _manager(job: Job, source: Path, lock: Lock | None) -> tuple[Manager | None, tuple[str, ...]]:
    """What installs instead of npm, and a sentence for each lock that has no say."""
    where = "" if source.name == "service" else f"{source.name}/"
    newest = "npm installed the newest versions that package.json allows"
    if lock is None:
        above = lock_above(source, job.places.service)
        told = (
            f"{where}package.json has no lock file of its own, and {above.name} above it has no say: {newest}"
            if above
            else ""
        )
        return None, ((told,) if told else ())
    beside = tuple(
        f"{where}{name} has no say: packages were installed by {lock.file.name} beside it"
        for name in unread_beside(lock)
    )
    if lock.manager == NPM:
        return None, beside
    try:
        return manager_for(lock, job.places.cache), beside
    except SetupError as error:
        why = " ".join(str(error).splitlines()[:2])
        return None, (*beside, f"{where}{lock.file.name} was not followed: {why}; {newest}")


def installing(job: Job) -> dict[str, str]:
    """The environment of a program that installs: the user's own, whose package index and settings are needed, and no account of AWS. In a
    sandbox it is told of the index alone, and keeps nothing that another install would use."""
    downloads = job.places.cache / "downloads"
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_")}
    shared = {"npm_config_cache": str(downloads / "npm"), "UV_CACHE_DIR": str(downloads / "uv"), **kept}
    return {
        "npm_config_update_notifier": "false",
        **({} if job.endpoint.sandboxed else shared),
        "CI": "1",
        "NO_COLOR": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
