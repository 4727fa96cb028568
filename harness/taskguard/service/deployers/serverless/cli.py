"""The Serverless CLI: installed once, into the user's cache, from the package files that come with TaskGuard."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets import machine
from taskguard.targets.environments import once
from taskguard.targets.machine import Found, State

PACKAGE_FILES = tuple(DATA / "serverless" / name for name in ("package.json", "package-lock.json"))
_PROGRAM = Path("node_modules", ".bin", "serverless")


def serverless_cli(cache: Path) -> Path:
    """The CLI's program, in the folder ``node_modules/.bin``.

    Raises:
        SetupError: when it cannot be installed, or there is no Node.js to run it.
    """
    _refuse(machine.node(), "running")
    folder = folder_of_cli(cache)
    return once(folder, lambda folder: _install(folder, cache), "the Serverless CLI") / _PROGRAM


def folder_of_cli(cache: Path) -> Path:
    """Where it is installed, or would be."""
    about = b"".join(file.read_bytes() for file in PACKAGE_FILES) + sys.platform.encode()
    return cache / "serverless" / hashlib.sha256(about).hexdigest()[:12]


def _refuse(found: Found, doing: str) -> None:
    if found.state is State.MISSING:
        raise SetupError(f"{doing} the Serverless CLI: {found.name}: {found.what}. {found.to_do}")


def _install(folder: Path, cache: Path) -> None:
    _refuse(machine.npm(), "installing")
    for file in PACKAGE_FILES:
        shutil.copyfile(file, folder / file.name)
    # What npm itself keeps goes to the cache too, unless the user has a place for it.
    environment = {
        "npm_config_cache": str(cache / "downloads" / "npm"),
        "npm_config_update_notifier": "false",
    } | os.environ
    done = subprocess.run(
        ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0 or not (folder / _PROGRAM).exists():
        raise SetupError(
            f"installing the Serverless CLI failed:\n{done.stderr.strip()}\n"
            "Check the network and npm's settings, then run the command again."
        )
