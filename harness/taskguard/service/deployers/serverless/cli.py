"""The Serverless CLI: installed once, into the user's cache, from the package files that come with TaskGuard."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets import machine
from taskguard.targets.environments import once
from taskguard.targets.machine import State
from taskguard.targets.npm import install_locked

PACKAGE_FILES = tuple(DATA / "serverless" / name for name in ("package.json", "package-lock.json"))
_PROGRAM = Path("node_modules", ".bin", "serverless")


def serverless_cli(cache: Path) -> Path:
    """The CLI's program, in the folder ``node_modules/.bin``.

    Raises:
        SetupError: when it cannot be installed, or there is no Node.js to run it.
    """
    node = machine.node()
    if node.state is State.MISSING:
        raise SetupError(f"running the Serverless CLI: {node.name}: {node.what}. {node.to_do}")
    folder = folder_of_cli(cache)
    return once(folder, lambda folder: _install(folder, cache), "the Serverless CLI") / _PROGRAM


def folder_of_cli(cache: Path) -> Path:
    """Where it is installed, or would be."""
    about = b"".join(file.read_bytes() for file in PACKAGE_FILES) + sys.platform.encode()
    return cache / "serverless" / hashlib.sha256(about).hexdigest()[:12]


def _install(folder: Path, cache: Path) -> None:
    for file in PACKAGE_FILES:
        shutil.copyfile(file, folder / file.name)
    install_locked(folder, cache, "the Serverless CLI", with_scripts=True)
    if not (folder / _PROGRAM).exists():
        raise SetupError(f"installing the Serverless CLI failed: npm left no {_PROGRAM}. Run the command again.")
