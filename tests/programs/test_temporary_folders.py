"""Temporary folders go with whoever made them, and at the latest when the next of their kind is made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from taskguard.support.folders import temporary

HOLDS = """
import sys
from taskguard.support.folders import temporary
with temporary("build") as folder:
    (folder / "npmrc").write_text("secret")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def held_elsewhere() -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a folder, which was made some time ago."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    made_before(folder)
    return process, folder


def made_before(folder: Path) -> None:
    os.utime(folder, (1, 1))


def test_one_goes_with_its_process_and_with_the_next_when_that_was_killed(place: Path) -> None:
    process, folder = held_elsewhere()
    with process:
        with temporary("build") as mine:
            assert folder.is_dir()
            assert mine.parent == folder.parent == place
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "npmrc").is_file()
        with temporary("other"):
            assert folder.is_dir()
        with temporary("build"):
            assert not folder.exists()
    assert list(place.iterdir()) == []


def test_one_that_was_made_just_now_and_what_is_no_folder_is_left_alone(place: Path) -> None:
    new = place / "taskguard-build-new"
    new.mkdir()
    (place / "taskguard-build-file").touch()
    (place / "taskguard-build-link").symlink_to(new)
    for each in place.iterdir():
        if each != new:
            os.utime(each, (1, 1), follow_symlinks=False)
    with temporary("build"):
        pass
    assert len(list(place.iterdir())) == 3
    made_before(new)
    with temporary("build"):
        pass
    assert not new.exists()
