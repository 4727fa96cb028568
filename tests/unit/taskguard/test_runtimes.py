"""Which interpreter a Lambda runtime runs on here."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from taskguard.errors import SetupError
from taskguard.targets.environments import Environment, Python, find_runtime

CACHE = Path("/libraries")
NAME = "python3.99"
OURS = f"python3.{sys.version_info[1]}"


class Machine:
    """A machine whose PATH and pyenv hold what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pyenv = folder / "pyenv"

    def put(self, where: str, answer: str, name: str = NAME) -> str:
        """An executable that does what ``answer``, a line of shell, says."""
        executable = self.folder / where / name
        executable.parent.mkdir(parents=True, exist_ok=True)
        executable.write_text(f"#!/bin/sh\n{answer}\n")
        executable.chmod(0o755)
        return str(executable)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("shims", "one", "two")))
    monkeypatch.setenv("PYENV_ROOT", str(machine.pyenv))

    def install(lock: Path, python: Python, cache: Path, what: str) -> Environment:
        return Environment(python, cache / f"python{python.version}")

    monkeypatch.setattr("taskguard.targets.environments.installed", install)
    return machine


def test_the_interpreter_of_that_version_is_found_on_the_path(machine: Machine) -> None:
    python = machine.put("one", "echo 3.99.4")
    found = find_runtime(NAME, CACHE)
    assert (found.interpreter, found.version) == (python, "3.99.4")


def test_a_version_manager_s_shim_that_fails_is_passed_over(machine: Machine) -> None:
    machine.put("shims", "echo 'pyenv: python3.99: command not found' >&2; exit 127")
    machine.put("one", "exit 0")
    python = machine.put("two", "echo 3.99.1")
    assert find_runtime(NAME, CACHE).interpreter == python


@pytest.mark.parametrize("answer", ["echo 3.98.0", "echo 3.990.0", "echo no version", "exit 1", "echo 3.99.0; exit 1"])
def test_an_interpreter_that_is_not_what_its_name_says_is_not_taken(machine: Machine, answer: str) -> None:
    machine.put("one", answer)
    assert find_runtime(NAME, CACHE).interpreter == sys.executable


def test_a_file_that_cannot_be_run_is_not_taken(machine: Machine) -> None:
    Path(machine.put("one", "echo 3.99.4")).chmod(0o644)
    Path(machine.put("two", "")).write_bytes(b"\x7fELF broken")
    assert find_runtime(NAME, CACHE).interpreter == sys.executable


def test_a_version_of_pyenv_s_is_found_without_its_shim(machine: Machine) -> None:
    machine.put("shims", "exit 127")
    python = machine.put("pyenv/versions/3.99.2/bin", "echo 3.99.2")
    machine.put("pyenv/versions/3.98.0/bin", "echo 3.98.0", "python3.98")
    assert find_runtime(NAME, CACHE).interpreter == python


def test_the_latest_patch_of_pyenv_s_is_taken_by_number(machine: Machine) -> None:
    for version in ("3.99.9", "3.99.10", "3.99.2", "3.99.dev", "3.99-dev", "3.990.11"):
        machine.put(f"pyenv/versions/{version}/bin", f"echo {version}")
    found = find_runtime(NAME, CACHE)
    assert (found.interpreter, found.version) == (str(machine.pyenv / "versions/3.99.10/bin" / NAME), "3.99.10")


def test_the_path_comes_before_pyenv(machine: Machine) -> None:
    machine.put("pyenv/versions/3.99.2/bin", "echo 3.99.2")
    python = machine.put("two", "echo 3.99.1")
    assert find_runtime(NAME, CACHE).interpreter == python


def test_without_one_the_harness_s_own_interpreter_is_taken_and_its_version_told(machine: Machine) -> None:
    found = find_runtime(NAME, CACHE)
    assert (found.interpreter, found.version) == (sys.executable, platform.python_version())


def test_our_own_version_is_our_own_interpreter(machine: Machine) -> None:
    machine.put("one", f"echo {platform.python_version()}", OURS)
    assert find_runtime(OURS, CACHE).interpreter == sys.executable


def test_a_function_sees_the_runtime_s_libraries_and_then_the_fallback_transport(machine: Machine) -> None:
    machine.put("one", "echo 3.99.4")
    libraries, fallback = find_runtime(NAME, CACHE).library_path
    assert libraries == str(CACHE / "python3.99.4")
    assert Path(fallback, "runtime_client.py").is_file()


@pytest.mark.parametrize("name", ["nodejs22.x", "python2.7", "java21", "provided.al2023", ""])
def test_a_runtime_that_is_not_python_3_is_refused(machine: Machine, name: str) -> None:
    with pytest.raises(SetupError, match="only Python runtimes"):
        find_runtime(name, CACHE)
