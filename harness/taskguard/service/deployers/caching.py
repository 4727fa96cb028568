"""Folders that are made once and kept in the user's cache: found by the digest of all that they follow from, and not for ever.

It must not know what is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskguard.support.folders import remove
from taskguard.targets.environments import once

MOST_KEPT = 20
"""Of one kind."""
_IN_USE_SECONDS = 3600.0
"""What was asked for so lately may be in use by somebody."""


def digest(*about: object) -> str:
    """What a folder is found by that follows from all this; hexadecimal."""
    return hashlib.sha256(json.dumps([str(each) for each in about]).encode()).hexdigest()[:24]


def cached(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` in ``folder``, which ``make`` fills where it is not there yet. It is there as a whole or not at all, and whoever
    gets it must not change it."""
    found = once(folder / name, make)
    with suppress(OSError):
        os.utime(found)
    _forget_oldest(folder)
    return found


def _forget_oldest(folder: Path) -> None:
    kept: list[tuple[float, Path]] = []
    for each in folder.iterdir():
        with suppress(OSError):
            if each.is_dir() and not each.name.startswith("new-"):
                kept.append((each.stat().st_mtime, each))
    for used_at, each in sorted(kept, reverse=True)[MOST_KEPT:]:
        if used_at < time.time() - _IN_USE_SECONDS:
            remove(each)
