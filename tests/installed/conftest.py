"""A stranger's machine: a wheel in a fresh virtual environment, a home without a cache, and folders that are not this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from taskguard.service import sandboxing
from taskguard.support.sandbox.availability import sandbox_here
from uv import find_uv_bin

from tests.places import PROJECT, copy_of_service

# Where package managers are told of the user's index: it is needed to install anything, and nothing of it is TaskGuard's.
_SETTINGS = (".npmrc", ".config/pip", ".config/uv", ".pip", ".netrc")


@dataclass(frozen=True)
class Machine:
    """``bin`` is the virtual environment's, ``home`` the user's, ``service`` a copy of our service below ``folder``."""

    wheel: Path
    bin: Path
    home: Path
    folder: Path
    service: Path
    environment: dict[str, str]

    def run(self, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command of the virtual environment, in ``folder``, by default the one above the service's."""
        program, *arguments = command
        return subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def files(self) -> set[Path]:
        """All files of the home and the folder, but for those in the cache."""
        cache = self.cache
        found = (path for root in (self.home, self.folder) for path in root.rglob("*") if path.is_file())
        return {path for path in found if not path.is_relative_to(cache)}

    @property
    def cache(self) -> Path:
        """The user's cache folder, as the platform has it."""
        library = self.home / "Library" / "Caches"
        return (library if sys.platform == "darwin" else self.home / ".cache") / "taskguard"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    scratch = tmp_path_factory.mktemp("stranger")
    home, folder = scratch / "home", scratch / "elsewhere"
    for name in _SETTINGS:
        _copied(Path.home() / name, home / name)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASKGUARD_", "XDG_", "PYTHON", "UV_PYTHON", "VIRTUAL_ENV", "AWS_", "npm_", "NPM_"))
    }
    uv = find_uv_bin()
    environment = {
        **kept,
        # As in a shell in which the environment was activated.
        "PATH": os.pathsep.join([str(scratch / "venv" / "bin"), os.environ["PATH"]]),
        # What was downloaded before need not be again.
        "UV_CACHE_DIR": subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip(),
        "HOME": str(home),
        # Where other tools keep what is theirs: interpreters, and rustup, since pip asks rustc for its version.
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
        "PYTHONDONTWRITEBYTECODE": "1",
        # A service elsewhere is a stranger's, whatever it looks like.
        sandboxing.VARIABLE: "on" if sandbox_here() else "off",
    }
    _do([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(scratch)], cwd=PROJECT)
    [wheel] = scratch.glob("taskguard-*.whl")
    _do([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(scratch / "venv")], cwd=scratch)
    python = scratch / "venv" / "bin" / "python"
    _do([uv, "pip", "install", "--quiet", "--python", str(python), str(wheel), "pytest", "click"], cwd=scratch)
    yield Machine(
        wheel=wheel,
        bin=python.parent,
        home=home,
        folder=folder,
        service=copy_of_service(folder / "service"),
        environment=environment,
    )
    # Environments are large, and this is the quickest way.
    subprocess.run(["rm", "-rf", str(scratch)], check=False)


def _copied(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, place)
    elif source.exists():
        shutil.copy2(source, place)


def _do(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
