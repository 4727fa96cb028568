"""Folders that are removed with all that is in them."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove(folder: str | Path) -> None:
    """Remove this folder, as far as it can be: also what is read-only in it, as the packages of functions are."""
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(place).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
