"""Runs one program until its deadline, and then ends it with all that it started.

It is asked to end first, so that it can end what it started in order; what is left after a grace is killed. It must not know which program
it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from taskguard.support import folders

_LOOKS_EVERY_SECONDS = 0.2
_LOOKS_FOR_DESCENDANTS_EVERY_SECONDS = 5.0
GRACE_SECONDS = 20.0
"""How long a program may take to end what it started, once it is asked to."""
_FIRST_TO_GO = "500"
"""Where memory runs out, Linux ends first what has the most of this, and not the gradebook:
https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html."""


class Stopped(StrEnum):
    """Why a program was ended that had not ended by itself."""

    LATE = "late"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run: its words, its folder, the file that has all it says, and how long it may take. Of the environment it sees all but what
    is ``hidden``. Its temporary files are in a folder of its own, and gone with it."""

    words: Sequence[str]
    folder: Path
    log: Path
    deadline_seconds: float
    grace_seconds: float = GRACE_SECONDS
    hidden: frozenset[str] = frozenset()


def run(program: Program, abandoned: threading.Event) -> int | Stopped:
    """The program's exit status; or why it was stopped, at its deadline or since it was ``abandoned``. All that it started is gone."""
    # Short, since sockets are made there, whose names may not be long.
    with folders.temporary("g") as temporary, program.log.open("wb") as log:
        process = subprocess.Popen(
            program.words,
            cwd=program.folder,
            env={name: os.environ[name] for name in os.environ.keys() - program.hidden} | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A process group of its own: Ctrl-C in the terminal reaches the gradebook alone.
            start_new_session=True,
        )
        _let_go_first(process.pid)
        return _ended(process, program, abandoned)


def _ended(process: subprocess.Popen[bytes], program: Program, abandoned: threading.Event) -> int | Stopped:
    began = time.monotonic()
    family = _Family(process)
    try:
        while (status := process.poll()) is None:
            if abandoned.wait(_LOOKS_EVERY_SECONDS):
                return Stopped.ABANDONED
            if time.monotonic() - began > program.deadline_seconds:
                return Stopped.LATE
            family.look_now_and_then()
        return status
    finally:
        family.end(program.grace_seconds)


class _Family:
    """A process and all that descends from it, also what has another parent by the time that it is ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._seen: set[psutil.Process] = set()
        self._looked_at = time.monotonic()

    def look_now_and_then(self) -> None:
        """See who descends from it: after a crash nobody could tell."""
        if time.monotonic() - self._looked_at > _LOOKS_FOR_DESCENDANTS_EVERY_SECONDS:
            self._look()

    def end(self, grace_seconds: float) -> None:
        """Ask the process to end, wait, and kill what is left."""
        if self._process.poll() is None:
            self._look()
            with suppress(ProcessLookupError):
                self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        if self._process.poll() is None:
            self._look()
            self._process.kill()
            self._process.wait()
        for each in self._seen:
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(self._seen, timeout=grace_seconds)

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        with suppress(psutil.Error):
            self._seen.update(psutil.Process(self._process.pid).children(recursive=True))


def _let_go_first(pid: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST_TO_GO)
