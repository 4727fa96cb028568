"""Environments of their own for what TaskGuard runs but must not be installed beside: the engine, functions, MiniStack, pip.

Each is a folder of packages, installed from a lock file of the package by uv into the user's cache, once for each version of the lock
and of Python; whoever uses it runs an interpreter that sees these packages and no others. What is installed in another way
(the Serverless CLI) is made by :func:`once` too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from filelock import FileLock
from uv import find_uv_bin

from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.support import folders

ENGINE_LOCK = DATA / "engine.txt"
PIP_LOCK = DATA / "pip.txt"
ENGINE_MINORS = (13, 12, 11)
"""The versions of Python 3 that LocalStack runs on; the newest is taken first, after this process's own."""
_SHIMS = "shims"
"""What the folder of pyenv's stand-ins is called, which find out each time which interpreter is meant."""
_TELL = "import sys, sysconfig as s; print('.'.join(map(str, sys.version_info[:3])), s.get_config_var('SOABI'), s.get_platform())"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter of this machine; ``abi`` tells for which compiled packages it is."""

    executable: str
    version: str
    abi: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter, and the folder of the packages that it is to see."""

    python: Python
    packages: Path

    def version_of(self, distribution: str) -> str:
        return next(iter(metadata.distributions(name=distribution, path=[str(self.packages)]))).version


def engine_environment(cache: Path) -> Environment:
    """What the engine's process runs on.

    Raises:
        SetupError: when no interpreter fits, or the packages cannot be installed.
    """
    return installed(ENGINE_LOCK, engine_python(), cache, "LocalStack")


def engine_python() -> Python:
    """The interpreter that LocalStack can run on: this process's own when it fits, else one that is found.

    Raises:
        SetupError: when there is none.
    """
    for minor in sorted(ENGINE_MINORS, key=lambda minor: minor != sys.version_info[1]):
        if (found := find_python(f"3.{minor}")) is not None:
            return found
    raise SetupError(
        f"looking for a Python for the engine: LocalStack needs 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}, and no other "
        "is on PATH, among pyenv's or among uv's. Install one, for instance with `uv python install 3.13`."
    )


def find_python(version: str) -> Python | None:
    """An interpreter of a version such as ``3.13``: this process's own, one on PATH, pyenv's or uv's; none when there is none."""
    for candidate in _candidates(version):
        found = _asked(candidate)
        if found is not None and found.version.startswith(f"{version}."):
            return found
    return None


def installed(lock: Path, python: Python, cache: Path, what: str) -> Environment:
    """The packages of a lock file for this interpreter, installed when they are not; errors speak of ``what``.

    Raises:
        SetupError: when they cannot be installed.
    """
    minor = python.version.rpartition(".")[0]
    digest = hashlib.sha256(lock.read_bytes() + python.abi.encode()).hexdigest()[:12]

    def install(folder: Path) -> None:
        command = [find_uv_bin(), "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode"]
        command += ["--python", python.executable, "--target", str(folder), "--requirement", str(lock)]
        # Not in the current folder, whose project may have settings of its own for uv.
        environment = {"UV_CACHE_DIR": str(cache / "downloads" / "uv")} | os.environ
        # What uv builds leaves locks of its own among the temporary files.
        with folders.temporary("install") as temporary:
            environment["TMPDIR"] = str(temporary)
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupError(
                f"installing {what} for {python.executable} failed:\n{done.stderr.strip()}\n"
                "Check the network and your package index's settings, then run the command again."
            )

    return Environment(python, once(cache / "python" / f"{lock.stem}-python{minor}-{digest}", install, what))


def once(folder: Path, make: Callable[[Path], None], what: str = "") -> Path:
    """``folder``, which ``make`` fills when it is not there; of several processes one makes it, and it is there as a whole or not at all.
    ``what`` it is, is logged when it takes a while."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The lock's file stays: who waits for one that is removed would hold another than whoever comes next.
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if folder.is_dir():
            return folder
        for left in folder.parent.glob(f"new-{folder.name}-*"):
            # By somebody who was killed: nobody else is at it now.
            shutil.rmtree(left, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"new-{folder.name}-"))
        if what:
            _log.info("Installing %s into %s (once)", what, folder)
        try:
            scratch.chmod(0o755)
            make(scratch)
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def pip_environment(cache: Path) -> Environment:
    """What collects a service's dependencies.

    Raises:
        SetupError: when it cannot be installed.
    """
    return installed(PIP_LOCK, engine_python(), cache, "pip")


def python_with_pip(cache: Path, python: Python | None = None) -> Path:
    """A program that is an interpreter (none: the engine's) with pip, whatever this process's own environment holds. In its folder it is under
    its usual names, and pip beside it.

    Raises:
        SetupError: when it cannot be made.
    """
    environment = pip_environment(cache)
    # The user's own home, where pip's settings are: who calls this may have another.
    variables = {"HOME": str(Path.home()), "PYTHONPATH": str(environment.packages)}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    python = python or environment.python
    text = f'#!/bin/sh\n{exports}exec {shlex.quote(python.executable)} -s "$@"\n'
    names = {"python": text, "python3": text, f"python{python.version.rpartition('.')[0]}": text}
    names |= dict.fromkeys(("pip", "pip3"), text.replace(' -s "', ' -s -m pip "'))

    def make(folder: Path) -> None:
        for name, content in names.items():
            (folder / name).write_text(content)
            (folder / name).chmod(0o755)

    digest = hashlib.sha256("".join(names.values()).encode()).hexdigest()[:12]
    return once(cache / "python" / f"with-pip-{digest}", make) / "python"


def _candidates(version: str) -> Iterator[str]:
    name = f"python{version}"
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    on_path = [Path(folder) / name for folder in os.environ.get("PATH", "").split(os.pathsep)]
    found_there = [each for each in on_path if each.is_file() and os.access(each, os.X_OK)]
    yield from (str(each) for each in found_there if each.parent.name != _SHIMS)
    for versions, pattern in _kept_apart(version):
        for found in sorted(versions.glob(pattern), key=_patch_level, reverse=True):
            if (found / "bin" / name).is_file():
                yield str(found / "bin" / name)
    # They lead to one of these, and take ten times as long.
    yield from (str(each) for each in found_there if each.parent.name == _SHIMS)


def _kept_apart(version: str) -> Iterator[tuple[Path, str]]:
    """Where version managers keep interpreters: the folder, and what those of this version are called in it."""
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions"), f"{version}.*"
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        yield Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(data, "uv", "python")), f"cpython-{version}.*"


def _patch_level(folder: Path) -> int:
    patch = folder.name.removeprefix("cpython-").split("-")[0].rpartition(".")[2]
    return int(patch) if patch.isdigit() else -1


@lru_cache
def _asked(executable: str) -> Python | None:
    # A version manager's shim answers by failing when its version is not the selected one.
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-c", _TELL], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, abi = answer.stdout.strip().partition(" ")
    return Python(executable, version, abi)
