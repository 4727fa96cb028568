"""Hears of changed files of a service, from the system (watchfiles). It must not know what becomes of that.

Folders that a deploy does not send are not looked at: those of installed packages have many thousand files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from taskguard.service.files import deployed_files

_STEP_MS = 50
"""For how long nothing more must happen until a change is told: an editor writes a file in several steps."""


@contextmanager
def told_of_changes(service: Path, tell: Callable[[], None]) -> Iterator[None]:
    """As long as this is entered, ``tell`` is called after files of the service changed, were made or removed, in another thread. It may be
    called for nothing."""
    following = _Following(service.resolve(), tell)
    following.begin()
    try:
        yield
    finally:
        following.end()


class _Following:
    """Looks at the service's folder itself, and with all that is below them at those folders in it that a deploy sends."""

    def __init__(self, service: Path, tell: Callable[[], None]) -> None:
        self._service, self._tell = service, tell
        self._over, self._others = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=each, name="changes", daemon=True) for each in (self._flat, self._deep)
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        self._others.set()
        for thread in self._threads:
            thread.join()

    def _folders(self) -> list[Path]:
        return [folder for name in deployed_files(self._service) if (folder := self._service / name).is_dir()]

    def _flat(self) -> None:
        folders = self._folders()
        for _ in _changes(self._service, until=self._over, recursive=False):
            if (now := self._folders()) != folders:
                folders = now
                self._others.set()
            self._tell()

    def _deep(self) -> None:
        while not self._over.is_set():
            self._others.clear()
            if folders := self._folders():
                for _ in _changes(*folders, until=self._others, recursive=True):
                    self._tell()
            else:
                self._others.wait()


def _changes(*folders: Path, until: threading.Event, recursive: bool) -> Iterator[object]:
    from watchfiles import watch  # noqa: PLC0415  # only who watches needs it

    try:
        yield from watch(*folders, recursive=recursive, stop_event=until, step=_STEP_MS, raise_interrupt=False)
    except FileNotFoundError:
        # One was removed meanwhile.
        until.wait(_STEP_MS / 1000)
