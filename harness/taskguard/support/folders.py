"""Folders that are removed with all that is in them, wherever it lies, and files that are named when they cannot be written."""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # nobody but its maker sees into a folder that is made there
"""Where Linux keeps files in memory: on many a disk it takes eight times as long to make thousands of small ones."""

_ROOM_BYTES = 2 * 1024**3
"""So much must be free there: eight packages of functions as large as there can be."""

_PART = "in-memory"


def memory() -> Path | None:
    """The folder for files in memory; none on a machine that has none, or none with room, or one in which no program runs."""
    with suppress(OSError):
        about = os.statvfs(_MEMORY)
        if about.f_bavail * about.f_frsize >= _ROOM_BYTES and not about.f_flag & os.ST_NOEXEC:
            return _MEMORY
    return None


def make_part_in_memory(folder: str | Path) -> None:
    """Make a part of this folder, for many small files, which lies in memory if there is room, and goes with the folder."""
    part = Path(folder, _PART)
    with suppress(OSError):
        if (there := memory()) is not None:
            (there / part.parent.name).mkdir(mode=0o700)
            part.symlink_to(there / part.parent.name, target_is_directory=True)
            return
    part.mkdir()


def part_in_memory(folder: str | Path) -> Path:
    """Where that part of this folder is."""
    return Path(folder, _PART).resolve()


def remove(folder: str | Path) -> None:
    """Remove this folder and its part in memory, as far as they can be: also what is read-only, as the packages of functions are."""
    own = _MEMORY / Path(folder).name
    for each in (own, folder) if part_in_memory(folder) == own else (folder,):
        for place, _, _ in os.walk(each):
            with suppress(OSError):
                Path(place).chmod(0o700)
        shutil.rmtree(each, ignore_errors=True)


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
