"""What cannot be done is refused in one line before anything is started, and a signal ends a command wherever it is."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from taskguard.places import Places, cache_folder
from taskguard.support.waiting import wait_for

from tests.places import PROJECT
from tests.unit.taskguard.cli_support import Command, Ended

TASKGUARD = str(Path(sys.executable).with_name("taskguard"))
CACHE = str(cache_folder())
HEEDING = [sys.executable, "-c", "import os, signal, sys; signal.signal(2, signal.default_int_handler); os.execv(sys.argv[1], sys.argv[1:])"]  # fmt: skip


@pytest.fixture
def grade(taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Ended]:
    """Grades our service into a folder, with all there that the user has."""

    def grade() -> Ended:
        monkeypatch.setenv("TASKGUARD_CACHE", CACHE)
        return taskguard("grade", PROJECT, "--out", tmp_path / "run")

    return grade


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """This process may use so much of it, as one whose shell was told ``ulimit``."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def refused(status: int, err: str, said: str, folder: Path) -> None:
    assert status == 3, err
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (folder / "run" / "engine").exists()


def test_too_few_open_files(grade: Callable[[], Ended], tmp_path: Path) -> None:
    with limited(resource.RLIMIT_NOFILE, 64):
        ended = grade()
    refused(ended.status, ended.err, "open files: 64 at once. The engine needs 128 at least", tmp_path)


def test_no_loopback_interface(tmp_path: Path) -> None:
    alone = ["unshare", "-rn"] if os.getuid() else ["unshare", "-n"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody have a network of his own")
    command = [*alone, TASKGUARD, "grade", str(PROJECT), "--out", str(tmp_path / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    refused(ended.returncode, ended.stderr, "Switch the loopback interface on", tmp_path)


def test_a_run_folder_that_cannot_be_made(taskguard: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = taskguard("grade", PROJECT, "--out", tmp_path / "file" / "run")
    assert ended.status == 3
    assert ended.err.count("\n") == 1
    assert str(tmp_path / "file") in ended.err


def test_a_run_folder_without_room(grade: Callable[[], Ended], tmp_path: Path) -> None:
    with limited(resource.RLIMIT_FSIZE, 64 * 1024):
        ended = grade()
    refused(ended.status, ended.err, f"File too large: '{tmp_path / 'run' / 'history.jsonl.unfinished'}'", tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_while_it_is_imported_says_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "typer.py").write_text(
        f"open({str(tmp_path / 'begun')!r}, 'w').close()\nimport time\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [*HEEDING, TASKGUARD, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    ) as command:
        wait_for((tmp_path / "begun").exists, seconds=30)
        command.send_signal(number)
        assert command.communicate(timeout=10)[0] == b""
    assert command.returncode == 128 + number


def test_what_make_started_ends_with_it(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in ("requirements/development.txt", "pyproject.toml", "package.json", "package-lock.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    program = tmp_path / ".venv" / "bin" / "taskguard"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\ntrap 'touch ended; exit 143' TERM\ntouch begun\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    for ready in (".venv/.ready", ".venv/.prepared", "node_modules/.ready"):
        (tmp_path / ready).parent.mkdir(exist_ok=True)
        (tmp_path / ready).touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    with subprocess.Popen(["make", "grade"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as make:
        wait_for((tmp_path / "begun").exists, seconds=30)
        make.terminate()
        make.wait(10)
    wait_for((tmp_path / "ended").exists, seconds=10)


def test_a_user_without_a_home_has_a_cache_of_his_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("TASKGUARD_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    assert cache_folder() == tmp_path / f"taskguard-{os.getuid()}"
    assert cache_folder().stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Places.of(tmp_path).cache.is_relative_to(tmp_path)
    assert Places.of(tmp_path).cache != tmp_path / f"taskguard-{os.getuid()}"
