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
from taskguard.targets.environments import once

PACKAGE_FILES = tuple(DATA / "serverless" / name for name in ("package.json", "package-lock.json"))
_NODE = "Install Node.js 20.19 or later (it brings npm), and run the command again."
_LEAST_NODE = (20, 19)
_PROGRAM = Path("node_modules", ".bin", "serverless")


def serverless_cli(cache: Path) -> Path:
    """The CLI's program, in the folder ``node_modules/.bin``.

    Raises:
        SetupError: when it cannot be installed, or there is no Node.js to run it.
    """
    _refuse_other_node()
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in PACKAGE_FILES) + sys.platform.encode()).hexdigest()[
        :12
    ]
    return once(cache / "serverless" / digest, lambda folder: _install(folder, cache), "the Serverless CLI") / _PROGRAM


def _refuse_other_node() -> None:
    node = shutil.which("node")
    if node is None:
        raise SetupError(f"running the Serverless CLI: there is no Node.js. {_NODE}")
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = tuple(int(part) for part in done.stdout.strip().removeprefix("v").split(".") if part.isdigit())
    if version[:2] < _LEAST_NODE:
        raise SetupError(
            f"running the Serverless CLI: Node.js is {done.stdout.strip() or 'of no known version'}. {_NODE}"
        )


def _install(folder: Path, cache: Path) -> None:
    if shutil.which("npm") is None:
        raise SetupError(f"installing the Serverless CLI: there is no npm. {_NODE}")
    for file in PACKAGE_FILES:
        shutil.copyfile(file, folder / file.name)
    # What npm itself keeps goes to the cache too, unless the user has a place for it.
    environment = {"npm_config_cache": str(cache / "npm"), "npm_config_update_notifier": "false"} | os.environ
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
