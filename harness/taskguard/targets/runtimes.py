"""Finds, on this machine, what Lambda functions run on: an interpreter and the libraries that Lambda itself provides.

A function of runtime ``python3.13`` runs on Python 3.13 where one is found, else on the harness's own interpreter; the
run's manifest says which. The libraries (the runtime interface client and boto3) are installed once, from a lock file,
into a folder of their own, so that a function sees those and nothing of the harness's environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from uv import find_uv_bin

from taskguard.engine.settings import FunctionRuntime
from taskguard.errors import SetupError
from taskguard.places import PROJECT, STATE

_LOCK = PROJECT / "requirements" / "lambda-runtime.txt"
# Found last: where the runtime interface client has its native transport, that one is used.
_FALLBACK = Path(__file__).parents[1] / "engine" / "functions" / "runtime_client"
LAMBDA_RUNTIME = "python3.13"
_TELL_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


def find_runtime(name: str) -> FunctionRuntime:
    """What functions of the Lambda runtime ``name`` (``python3.13``) run on here.

    Raises:
        SetupError: when it is no Python runtime, or the libraries cannot be installed.
    """
    if not name.startswith("python3."):
        raise SetupError(
            f"looking for the Lambda runtime {name}: only Python runtimes run as local processes; "
            "choose a python3.x runtime in serverless.yml"
        )
    interpreter, version = find_interpreter(name)
    libraries = install(_LOCK, interpreter, f"python{version}", "the Lambda runtime's libraries")
    return FunctionRuntime(interpreter, (str(libraries), str(_FALLBACK)), version)


def install(lock: Path, interpreter: str, name: str, what: str) -> Path:
    """The packages of a lock file, installed for ``interpreter`` in a folder of their own, once for each version of the
    lock; ``name`` is the folder's, and errors speak of ``what``.

    Raises:
        SetupError: when they cannot be installed.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = STATE / "runtimes" / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _install(lock, interpreter, scratch, what)
        scratch.chmod(0o755)
        try:
            scratch.rename(folder)
        except OSError:
            # Somebody else was faster, and theirs is as good.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def find_interpreter(name: str) -> tuple[str, str]:
    """The interpreter for the Lambda runtime ``name`` here, and its version; this one where there is none of that version."""
    wanted = name.removeprefix("python") + "."
    for candidate in _candidates(name):
        version = _version_of(candidate)
        if version is not None and version.startswith(wanted):
            return candidate, version
    return sys.executable, ".".join(map(str, sys.version_info[:3]))


def _candidates(name: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(map(int, name.removeprefix("python").split("."))):
        yield sys.executable
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        executable = Path(folder) / name
        if executable.is_file() and os.access(executable, os.X_OK):
            yield str(executable)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    minor = name.removeprefix("python")
    for version in sorted((pyenv / "versions").glob(f"{minor}.*"), key=_patch_level, reverse=True):
        if (version / "bin" / name).is_file():
            yield str(version / "bin" / name)


def _patch_level(folder: Path) -> int:
    patch = folder.name.rsplit(".", 1)[-1]
    return int(patch) if patch.isdigit() else -1


def _version_of(executable: str) -> str | None:
    # A version manager's shim answers by failing when its version is not the selected one.
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-c", _TELL_VERSION], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _install(lock: Path, interpreter: str, folder: Path, what: str) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode"]
    command += ["--python", interpreter, "--target", str(folder), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(
            f"installing {what} for {interpreter} failed:\n{done.stderr.strip()}\n"
            "Check the network and your package index's settings, then run the command again."
        )


if __name__ == "__main__":
    # Part of `make setup`: what can be installed beforehand need not be when a run starts.
    find_runtime(LAMBDA_RUNTIME)
