"""The package managers of Node.js beside npm: each is installed once, into the user's cache, in the version that reads a lock file of a
form, and installs just what that lock says.

Nothing that a package or the service wants to be run meanwhile is run: no scripts, no plugins, no program of the service's in the
manager's place. It must not know what is installed, nor where a service comes from.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.service.deployers.locks import Lock
from taskguard.service.registries import registries
from taskguard.targets.environments import once
from taskguard.targets.npm import install_locked

FOLDER = "package-managers"
"""Where they are in the cache."""
PACKAGES = DATA / "package-managers.json"
"""Which packages of the npm registry they are, with the digests of these."""
STORE = ".taskguard-store"
"""What a manager keeps for another install, in the folder that it installs into."""
SETTINGS = (".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", "bunfig.toml")
"""Files beside a lock that have a say in what is installed, and how."""
_OF_THE_PROJECT = ("engines", "packageManager", "devEngines", "scripts")
"""What is no matter of the packages, and would have another version of the manager or of Node.js asked for, or something run."""
_PROGRAMS_OF_YARN = ("plugins", "yarnPath")
_PROCESSORS = {"x86_64": "x64", "amd64": "x64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Manager:
    """A manager that can be called: its ``name`` with its version, the ``words`` that call it, and the ``folder`` it is installed in."""

    name: str
    words: tuple[str, ...]
    folder: Path
    kind: str


def manager_for(lock: Lock, cache: Path) -> Manager:
    """The manager that reads this lock.

    Raises:
        SetupError: none is known, or it cannot be installed.
    """
    kind = "yarn-classic" if lock.manager == "yarn" and lock.version == "1" else lock.manager
    known: Mapping[str, Any] = json.loads(PACKAGES.read_text(encoding="utf-8"))[kind]
    form = _machine() if kind == "bun" else lock.version
    package = known["packages"].get(form)
    if package is None:
        why = "on this machine" if kind == "bun" else f"of version {lock.version}"
        raise SetupError(f"no {lock.manager} is known here that reads a {lock.file.name} {why}")
    name, version = package["name"], package["version"]
    folder = once(
        cache / FOLDER / f"{kind}-{version}",
        lambda folder: _install(folder, cache, name, version, package["integrity"]),
        f"{kind} {version}",
    )
    program = str(folder / "node_modules" / name / known["program"])
    words = (program,) if kind == "bun" else ("node", program)
    return Manager(f"{lock.manager} {version}", words, folder, kind)


def _machine() -> str:
    processor = platform.machine().lower()
    return f"{sys.platform}-{_PROCESSORS.get(processor, processor)}"


def prepare(folder: Path, manager: Manager) -> None:
    """Change the copies in ``folder`` of what lies beside a lock, so that the manager takes them and runs nothing of the service's."""
    manifest = folder / "package.json"
    told = json.loads(manifest.read_text(encoding="utf-8-sig"))
    manifest.write_text(json.dumps({key: value for key, value in told.items() if key not in _OF_THE_PROJECT}))
    lock = folder / "pnpm-lock.yaml"
    if manager.kind == "pnpm":
        # The document before the last one is pnpm's own; and what a hook of the service's did when packages were resolved is in the lock.
        text = re.split(r"^---$", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[-1]
        lock.write_text(re.sub(r"^pnpmfileChecksum:.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    settings = folder / ".yarnrc.yml"
    if manager.kind == "yarn" and settings.is_file():
        said = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
        kept = {key: value for key, value in said.items() if key not in _PROGRAMS_OF_YARN}
        settings.write_text(yaml.safe_dump(kept), encoding="utf-8")


def command(manager: Manager, *, development: bool) -> list[str]:
    """The command that installs into the folder it is called in what the lock there says, and nothing where that does not fit
    ``package.json``: without what is for ``development`` alone, as far as the manager can leave it out."""
    return [*manager.words, *_COMMANDS[manager.kind](development)]


def _of_pnpm(development: bool) -> Sequence[str]:
    # https://pnpm.io/settings#nodelinker: where links are not supported, as in a package of Lambda's.
    kept = ("--config.node-linker=hoisted", f"--store-dir={STORE}")
    words = ("install", "--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile", *kept)
    return words if development else (*words, "--prod")


def _of_yarn_classic(development: bool) -> Sequence[str]:
    words = ("install", "--frozen-lockfile", "--ignore-scripts", "--ignore-engines", "--non-interactive")
    return (*words, f"--production={'false' if development else 'true'}")


def _of_yarn(_: bool) -> Sequence[str]:
    # Not each version can leave out what is for development.
    return ("install", "--immutable")


def _of_bun(development: bool) -> Sequence[str]:
    words = ("install", "--frozen-lockfile", "--ignore-scripts", "--linker=hoisted", "--backend=copyfile")
    return words if development else (*words, "--production")


_COMMANDS: Mapping[str, Callable[[bool], Sequence[str]]] = {
    "pnpm": _of_pnpm,
    "yarn": _of_yarn,
    "yarn-classic": _of_yarn_classic,
    "bun": _of_bun,
}


def variables(folder: Path, *, sandboxed: bool) -> dict[str, str]:
    """The environment variables of an install into ``folder``. In a sandbox Yarn, which does not read npm's settings, is told of the
    registry that they name."""
    store = str(folder / STORE)
    return {
        "BUN_INSTALL_CACHE_DIR": store,
        "YARN_CACHE_FOLDER": store,
        "YARN_GLOBAL_FOLDER": store,
        "YARN_IGNORE_PATH": "1",
        "YARN_ENABLE_GLOBAL_CACHE": "0",
        "YARN_ENABLE_SCRIPTS": "0",
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_NODE_LINKER": "node-modules",
        **(_registry_for_yarn() if sandboxed else {}),
    }


def _registry_for_yarn() -> dict[str, str]:
    settings = registries()
    told = {key: value for key, _, value in (line.partition("=") for line in settings.npmrc.splitlines())}
    names = {"registry": "YARN_NPM_REGISTRY_SERVER", "https-proxy": "YARN_HTTPS_PROXY", "proxy": "YARN_HTTP_PROXY"}
    # Not each version of Yarn's has the same setting for it, and an unknown one is an error.
    names |= {"cafile": "NODE_EXTRA_CA_CERTS"}
    found = {name: told[key] for key, name in names.items() if told.get(key) and name not in settings.variables}
    server = re.sub(r"^https?:", "", told.get("registry", "")).rstrip("/")
    if server and (token := told.get(f"{server}/:_authToken")):
        found["YARN_NPM_AUTH_TOKEN"] = token
    return found


def tidy(folder: Path) -> None:
    """Remove what a manager kept for itself."""
    shutil.rmtree(folder / STORE, ignore_errors=True)


def _install(folder: Path, cache: Path, name: str, version: str, integrity: str) -> None:
    wanted = {"dependencies": {name: version}}
    locked = {"": wanted, f"node_modules/{name}": {"version": version, "integrity": integrity}}
    (folder / "package.json").write_text(json.dumps({"private": True, **wanted}))
    (folder / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": locked}))
    install_locked(folder, cache, f"{name} {version}")
