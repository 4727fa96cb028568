"""What `taskguard watch` hears: files of a service that change, and keys of a terminal."""

from __future__ import annotations

import os
import pty
import sys
import termios
import threading
from functools import partial
from pathlib import Path

import pytest
from taskguard.loop.changes import told_of_changes
from taskguard.loop.keys import told_of_keys
from taskguard.support.waiting import wait_for

WITHIN_SECONDS = 20


def test_files_in_folders_of_every_age_are_heard_of(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    heard = threading.Event()

    def is_heard(file: Path) -> bool:
        """Whether a change of it is: what looks at it may only have been begun."""
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(len(file.read_text()) if file.exists() else 0) * 2)
        return heard.wait(0.3)

    with told_of_changes(tmp_path, heard.set):
        for name in ("serverless.yml", "src/work.py", "later/work.py"):
            wait_for(partial(is_heard, tmp_path / name), seconds=WITHIN_SECONDS)
            heard.clear()
    assert not [thread for thread in threading.enumerate() if thread.name == "changes"]


def test_keys_are_heard_without_enter_and_the_terminal_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    before, keys = termios.tcgetattr(terminal), list[str]()
    with os.fdopen(terminal, closefd=True) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with told_of_keys(keys.append) as has_keys:
            assert has_keys
            os.write(keyboard, b"gQ")
            wait_for(lambda: keys == ["g", "q"], seconds=WITHIN_SECONDS)
        assert termios.tcgetattr(terminal) == before
    os.close(keyboard)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with told_of_keys(lambda _: None) as has_keys:
            assert not has_keys
