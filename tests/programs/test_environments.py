"""Environments of their own: which interpreter they are for, and that what is made is made once, and whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from taskguard.errors import SetupError
from taskguard.places import CACHE_VARIABLE, Places
from taskguard.targets import environments
from taskguard.targets.environments import Environment, Python, engine_python, find_python, once, python_with_pip


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any interpreter but this process's, which is Python 3.99."""
    this = SimpleNamespace(version_info=(3, 99, 0), executable=sys.executable, version="3.99.0")
    monkeypatch.setattr(environments, "sys", this)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def put(program: Path, version: str) -> str:
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {version} abi platform\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    "place", ["path/python3.12", "pyenv/versions/3.12.4/bin/python3.12", "uv/cpython-3.12.4-linux/bin/python3.12"]
)
def test_the_engine_takes_an_interpreter_that_is_found(machine: Path, place: str) -> None:
    found = put(machine / place, "3.12.4")
    assert engine_python() == Python(found, "3.12.4", "abi platform")


def test_the_engine_s_newest_interpreter_is_taken(machine: Path) -> None:
    put(machine / "path" / "python3.11", "3.11.9")
    put(machine / "pyenv/versions/3.13.1/bin/python3.13", "3.13.1")
    put(machine / "pyenv/versions/3.14.0/bin/python3.14", "3.14.0")
    assert engine_python().version == "3.13.1"


def test_of_uv_s_the_latest_patch_is_taken_by_number(machine: Path) -> None:
    for patch in (9, 10, 2):
        put(machine / f"uv/cpython-3.12.{patch}-linux-x86_64-gnu/bin/python3.12", f"3.12.{patch}")
    found = find_python("3.12")
    assert found is not None
    assert found.version == "3.12.10"


def test_a_version_manager_s_stand_in_is_asked_last(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shims = machine / "pyenv" / "shims"
    stand_in = put(shims / "python3.12", "3.12.4")
    monkeypatch.setenv("PATH", str(shims), prepend=":")
    assert find_python("3.12") == Python(stand_in, "3.12.4", "abi platform")
    real = put(machine / "pyenv/versions/3.12.5/bin/python3.12", "3.12.5")
    assert find_python("3.12") == Python(real, "3.12.5", "abi platform")


def test_without_an_interpreter_for_the_engine_it_is_said_what_to_install(machine: Path) -> None:
    put(machine / "path" / "python3.14", "3.14.0")
    with pytest.raises(SetupError, match=r"LocalStack needs 3\.11, 3\.12 or 3\.13.*uv python install 3\.13"):
        engine_python()


def test_of_many_at_once_one_makes_it_and_all_have_it_whole(tmp_path: Path) -> None:
    made: list[int] = []

    def make(folder: Path) -> None:
        made.append(1)
        (folder / "first").touch()
        time.sleep(0.05)
        (folder / "second").touch()

    def files(_: int) -> set[str]:
        return {path.name for path in once(tmp_path / "cache" / "it", make, "it").iterdir()}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(files, range(4))) == [{"first", "second"}] * 4
    assert len(made) == 1


def test_processes_at_once_make_it_once(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from taskguard.targets.environments import once
def make(folder):
    with open({str(tmp_path / "made")!r}, "a") as file: file.write("x")
    time.sleep(0.3)
    (folder / "whole").touch()
assert (once(Path({str(tmp_path / "it")!r}), make, "it") / "whole").exists()
"""
    several = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(60) for process in several] == [0, 0, 0]
    assert (tmp_path / "made").read_text() == "x"


def test_what_fails_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise SetupError("no network")

    with pytest.raises(SetupError):
        once(tmp_path / "it", fail, "it")
    # The lock stays: somebody may be waiting for it.
    assert [path.name for path in tmp_path.iterdir()] == ["it.lock"]
    assert once(tmp_path / "it", lambda folder: (folder / "whole").touch(), "it").is_dir()


def test_what_somebody_left_who_was_killed_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / "new-it-abc").mkdir()
    (tmp_path / "new-other-abc").mkdir()
    once(tmp_path / "it", lambda _: None, "it")
    assert {path.name for path in tmp_path.iterdir()} == {"it", "it.lock", "new-other-abc"}


def test_who_waits_for_it_does_not_install_it_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began = threading.Event()

    def make(folder: Path) -> None:
        began.set()
        time.sleep(0.05)

    with caplog.at_level("INFO", "taskguard"), ThreadPoolExecutor(2) as pool:
        first = pool.submit(once, tmp_path / "it", make, "the engine")
        assert began.wait(10)
        assert once(tmp_path / "it", make, "the engine") == first.result()
    assert caplog.messages == [f"Installing the engine into {tmp_path / 'it'} (once)"]


def test_pip_s_interpreter_has_the_user_s_home_and_pip_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "it's pip"
    (packages / "pip").mkdir(parents=True)
    (packages / "pip" / "__init__.py").touch()
    (packages / "pip" / "__main__.py").write_text("import os, sys; print(os.environ['HOME'], *sys.argv[1:])")
    pip = Environment(Python(sys.executable, "3"), packages)
    monkeypatch.setattr(environments, "pip_environment", lambda _: pip)
    program = python_with_pip(tmp_path / "cache")
    elsewhere = {**os.environ, "HOME": "/nowhere"}
    said = subprocess.run([program, "-m", "pip", "a b"], env=elsewhere, capture_output=True, text=True, check=True)
    assert said.stdout == f"{Path.home()} a b\n"
    # By its path a package that was made before is found again.
    assert python_with_pip(tmp_path / "cache") == program


def test_places_are_the_service_s_and_the_cache_is_the_user_s_or_as_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    places = Places.of(tmp_path / "service")
    assert (places.service, places.state) == (tmp_path / "service", tmp_path / "service" / ".taskguard")
    assert (places.cache, places.runs, places.env_file) == (
        tmp_path / "cache",
        Path("runs"),
        tmp_path / "service" / ".env",
    )
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert Places.of().cache.is_relative_to(tmp_path)
    assert Places.of().cache.name == "taskguard"
