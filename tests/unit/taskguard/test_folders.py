"""A folder is removed with what is read-only in it, by whoever owns it."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskguard.support import folders


@pytest.fixture
def place() -> Iterator[Path]:
    """Where others may look, too."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_read_only_folders_are_removed_too(place: Path) -> None:
    gone = place / "gone"
    inner = gone / "code" / "package"
    inner.mkdir(parents=True)
    (inner / "task.py").write_text("")
    (inner / "task.py").chmod(0o444)
    for folder in (inner, inner.parent):
        folder.chmod(0o555)
    if os.geteuid() == 0:
        for each in (place, gone, inner.parent, inner, inner / "task.py"):
            os.chown(each, 65534, 65534)
    process = multiprocessing.get_context("fork").Process(target=_remove_as_nobody, args=(gone,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert not gone.exists()


def test_what_is_not_there_need_not_be_removed(tmp_path: Path) -> None:
    folders.remove(tmp_path / "nothing")


def _remove_as_nobody(folder: Path) -> None:
    # To root nothing is read-only.
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    folders.remove(folder)


@pytest.fixture
def memory(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for files in memory with room, whatever this machine has."""
    there = place / "memory"
    there.mkdir()
    monkeypatch.setattr(folders, "_MEMORY", there)
    monkeypatch.setattr(folders, "_ROOM_BYTES", 1)
    return there


def test_a_part_in_memory_goes_with_its_folder(memory: Path, tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    folders.make_part_in_memory(folder)
    part = folders.part_in_memory(folder)
    assert part == memory / "engine"
    (part / "package").mkdir()
    folders.remove(folder)
    assert not folder.exists()
    assert not part.exists()


def test_without_room_in_memory_the_part_lies_in_the_folder(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_ROOM_BYTES", 2**70)
    folder = tmp_path / "engine"
    folder.mkdir()
    folders.make_part_in_memory(folder)
    assert folders.part_in_memory(folder).parent == folder
    assert not list(memory.iterdir())


def test_what_has_the_folder_s_name_in_memory_is_left_to_whom_it_belongs(memory: Path, tmp_path: Path) -> None:
    folder, others = tmp_path / "engine", memory / "engine"
    folder.mkdir()
    others.mkdir()
    folders.make_part_in_memory(folder)
    assert folders.part_in_memory(folder).parent == folder
    folders.remove(folder)
    assert others.exists()
