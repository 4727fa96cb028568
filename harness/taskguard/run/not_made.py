"""Why a run could not be made, or not to its end: kept in its folder, for whoever made many and reads none of what each said.

It must not know who reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from taskguard.errors import TaskGuardError
from taskguard.support.typed import Refused, Strict, typed, untyped

FILE = "not-made.json"


class NotMade(Strict, frozen=True, kw_only=True):
    """The `error` is the name of its class in :mod:`taskguard.errors`, whose words tell what to do; `message` is what the user was told."""

    error: str
    message: str

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What the run's folder tells; None when it tells nothing."""
        try:
            return typed(cls, json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, Refused):
            return None


@contextmanager
def keeping_why(folder: Path) -> Iterator[None]:
    """Keep in the run's ``folder`` with which error this was left, if one of ours ended it."""
    try:
        yield
    except TaskGuardError as error:
        told = NotMade(error=type(error).__name__, message=str(error))
        text = json.dumps(untyped(told), indent=2) + "\n"
        with suppress(OSError):
            (folder / FILE).write_text(text, encoding="utf-8", errors="backslashreplace")
        raise
