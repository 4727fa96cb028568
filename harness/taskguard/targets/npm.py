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
        install_locked(folder, cache, what)

    digest = hashlib.sha256(about).hexdigest()[:12]
    return once(cache / "nodejs" / f"{files.name}-{digest}", install, what) / "node_modules"


def install_locked(folder: Path, cache: Path, what: str, *, with_scripts: bool = False) -> None:
    """Install into ``folder`` what the lock file there names, but for what is needed for development; errors speak of ``what``.
    ``with_scripts`` what the packages bring is run.

    Raises:
        SetupError: it cannot be installed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(f"installing {what}: npm is not on the path. It comes with Node.js: install that.")
    words = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        words if with_scripts else [*words, "--ignore-scripts"],
        cwd=folder,
        env=_environment(cache),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(
            f"installing {what} failed:\n{done.stderr.strip() or done.stdout.strip()}\n"
            "Check the network and npm's settings, then run the command again."
        )


def _environment(cache: Path) -> Mapping[str, str]:
    # What npm itself keeps goes to the cache too, unless the user has a place for it.
    return {
        "npm_config_cache": str(cache / "downloads" / "npm"),
        "npm_config_update_notifier": "false",
    } | os.environ
