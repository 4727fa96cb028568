"""Folders that are removed with all that is in them, and files that are named when they cannot be written."""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def remove(folder: str | Path) -> None:
    """Remove this folder, as far as it can be: also what is read-only in it, as the packages of functions are."""
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary(kind: str) -> Iterator[Path]:
    """A folder ``taskguard-<kind>-…`` among the temporary files, as long as this is entered. First those of the same kind are removed that
    processes left which were killed."""
    prefix = f"taskguard-{kind}-"
    for each in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_left(each)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with _locked(folder):
            yield folder
    finally:
        remove(folder)


_NEW_SECONDS = 60
"""For how long a folder may be one that its owner has made and not locked yet."""


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):
        about = folder.lstat()
        is_old = time.time() - about.st_mtime > _NEW_SECONDS
        if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and is_old:
            with _locked(folder):
                remove(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which goes with this process. Raises an OSError if another holds it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


@contextmanager
def naming(file: str | Path) -> Iterator[None]:
    """Let an error in writing this file name it: the operating system does so only when a file is opened, not when a disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
