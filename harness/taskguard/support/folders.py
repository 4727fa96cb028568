"""Folders that are removed with all that is in them, and files that are named when they cannot be written."""

import os
import shutil
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
def naming(file: str | Path) -> Iterator[None]:
    """Let an error in writing this file name it: the operating system does so only when a file is opened, not when a disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
