"""Which interpreter a Lambda runtime runs on here."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from taskguard.engine.settings import Provider
from taskguard.errors import SetupError
from taskguard.places import DATA
from taskguard.targets import runtimes
from taskguard.targets.environments import Environment, Python
from taskguard.targets.runtimes import find_runtime, interpreter_of, provider

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

    monkeypatch.setattr("taskguard.targets.runtimes.installed", install)
    monkeypatch.setattr(runtimes, "RUNTIMES", (*runtimes.RUNTIMES, NAME))
    return machine


@pytest.mark.parametrize("name", [name for name in runtimes.RUNTIMES if name.startswith("python")])
def test_each_python_that_a_runtime_asks_for_has_its_libraries(name: str) -> None:
    version = name.removeprefix("python")
    environment = {"python_version": version, "python_full_version": f"{version}.1"}
    found = [
        requirement.name
        for line in (DATA / "lambda-runtime.txt").read_text().splitlines()
        if line[:1].isalpha() and (requirement := Requirement(line.rstrip("\\ ")))
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    assert sorted(found) == sorted(set(found))
    assert {"awslambdaric", "boto3"} <= set(found)


def test_an_interpreter_for_which_there_are_no_libraries_is_not_taken(machine: Machine) -> None:
    machine.put("one", "echo 3.8.18", "python3.8")
    assert find_runtime("python3.8", CACHE).interpreter == sys.executable


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


@pytest.mark.parametrize("name", ["python2.7", "java21", "go1.x", "nodejs", ""])
def test_a_runtime_of_another_language_is_refused(machine: Machine, name: str) -> None:
    with pytest.raises(SetupError, match="functions in Python and Node"):
        find_runtime(name, CACHE)


@pytest.fixture
def nodes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose version managers keep what a test puts there, and whose packages are installed."""
    for name, folder in (("NVM_DIR", "nvm"), ("FNM_DIR", "fnm"), ("VOLTA_HOME", "volta")):
        monkeypatch.setenv(name, str(machine.folder / folder))

    def install(files: Path, cache: Path, what: str) -> Path:
        return cache / files.name / "node_modules"

    monkeypatch.setattr("taskguard.targets.runtimes.npm_packages", install)
    return machine


def put_node(machine: Machine, where: str, version: str) -> str:
    return machine.put(where, f"echo v{version}", "node")


def test_a_node_of_that_major_version_is_taken_wherever_it_is(nodes: Machine) -> None:
    on_path = put_node(nodes, "one", "20.20.2")
    of_nvm = put_node(nodes, "nvm/versions/node/v22.4.1/bin", "22.4.1")
    put_node(nodes, "nvm/versions/node/v22.3.9/bin", "22.3.9")
    of_fnm = put_node(nodes, "fnm/node-versions/v18.20.0/installation/bin", "18.20.0")
    of_volta = put_node(nodes, "volta/tools/image/node/24.1.0/bin", "24.1.0")
    wanted = {"nodejs20.x": on_path, "nodejs22.x": of_nvm, "nodejs18.x": of_fnm, "nodejs24.x": of_volta}
    found = {name: find_runtime(name, CACHE).interpreter for name in wanted}
    assert found == wanted


def test_without_one_of_that_major_version_the_one_on_the_path_is_taken_and_its_version_told(nodes: Machine) -> None:
    on_path = put_node(nodes, "one", "20.20.2")
    put_node(nodes, "nvm/versions/node/v22.4.1/bin", "22.4.1")
    found = find_runtime("nodejs16.x", CACHE)
    assert (found.interpreter, found.version, found.language, found.name) == (on_path, "20.20.2", "node", "nodejs16.x")
    stand_in, own = interpreter_of("nodejs16.x"), interpreter_of("nodejs20.x")
    assert stand_in is not None
    assert own is not None
    assert (stand_in.runs_on, stand_in.is_own) == ("Node.js 20.20.2", False)
    assert (own.runs_on, own.is_own) == ("Node.js 20.20.2", True)


def test_without_one_on_the_path_the_newest_is_taken(nodes: Machine) -> None:
    put_node(nodes, "nvm/versions/node/v18.20.0/bin", "18.20.0")
    newest = put_node(nodes, "nvm/versions/node/v22.4.1/bin", "22.4.1")
    assert find_runtime("nodejs20.x", CACHE).interpreter == newest


def test_without_any_node_it_is_said_what_to_do(nodes: Machine) -> None:
    put_node(nodes, "one", "x")
    with pytest.raises(SetupError, match=r"none is on PATH.*Install Node.js 22"):
        find_runtime("nodejs22.x", CACHE)
    assert interpreter_of("nodejs22.x") is None


@pytest.mark.parametrize(
    ("name", "client", "sdk"),
    [
        ("nodejs16.x", "aws-lambda-ric-3", "sdk-v2"),
        ("nodejs18.x", "aws-lambda-ric-3", "sdk-v3"),
        ("nodejs22.x", "aws-lambda-ric-3", "sdk-v3"),
        ("nodejs24.x", "aws-lambda-ric-4", "sdk-v3"),
    ],
)
def test_a_node_runtime_has_the_client_and_the_sdk_that_lambda_brings(
    nodes: Machine, name: str, client: str, sdk: str
) -> None:
    put_node(nodes, "one", "20.20.2")
    found = find_runtime(name, CACHE)
    assert found.library_path == (
        str(CACHE / "client/node_modules" / client),
        str(CACHE / sdk / "node_modules"),
    )


def environment_of(told: Provider) -> dict[str, str]:
    return dict(json.loads(Path(told.environment_file).read_text(encoding="utf-8")))


def test_whoever_tells_an_engine_of_runtimes_is_given_what_installing_needs_and_no_credentials(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("npm_config_registry", "UV_INDEX_URL", "https_proxy", "AWS_PROFILE", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "the user's")
    told = environment_of(provider(CACHE, machine.folder))
    assert {"npm_config_registry", "UV_INDEX_URL", "https_proxy", "PATH"} <= told.keys()
    assert not {"AWS_PROFILE", "GITHUB_TOKEN"} & told.keys()


def test_it_tells_what_a_runtime_runs_on_or_what_is_wrong(machine: Machine) -> None:
    told = provider(CACHE, machine.folder)
    done = subprocess.run(
        [*told.command, "java21"], env=environment_of(told), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("looking for the Lambda runtime java21:")
