"""Packages of npm's, installed once into the user's cache from package files that come with TaskGuard."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from taskguard.errors import SetupError
from taskguard.targets.environments import once


def npm_packages(files: Path, cache: Path, what: str) -> Path:
    """The folder ``node_modules`` with the packages that the lock file in the folder ``files`` names, installed when they are not; errors
    speak of ``what``. Nothing that the packages bring is run.

    Raises:
        SetupError: when they cannot be installed.
    """
    names = ("package.json", "package-lock.json")
    about = b"".join((files / name).read_bytes() for name in names) + sys.platform.encode()

    def install(folder: Path) -> None:
        for name in names:
            shutil.copyfile(files / name, folder / name)
        _ci(folder, cache, what)

    digest = hashlib.sha256(about).hexdigest()[:12]
    return once(cache / "nodejs" / f"{files.name}-{digest}", install, what) / "node_modules"


def npm_environment(cache: Path) -> Mapping[str, str]:
    """What npm is run with: what it keeps goes to the cache too, unless the user has a place for it."""
    return {
        "npm_config_cache": str(cache / "downloads" / "npm"),
        "npm_config_update_notifier": "false",
    } | os.environ


def _ci(folder: Path, cache: Path, what: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(f"installing {what}: npm is not on the path. It comes with Node.js: install that.")
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        env=npm_environment(cache),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(
            f"installing {what} failed:\n{done.stderr.strip()}\n"
            "Check the network and npm's settings, then run the command again."
        )
