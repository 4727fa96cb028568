"""Lock files of Node.js packages: which one a folder's packages are installed by, and what else lies there that says the same.

A pure reading of files: it must not know how anything is installed.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from taskguard.service.deployers.workspaces import patterns_in

NPM = "npm"
MANAGERS = {
    "package-lock.json": NPM,
    "npm-shrinkwrap.json": NPM,
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "yarn.lock": "yarn",
}
"""Who writes a lock file of this name. Of several the first one counts, but that of the manager which ``package.json`` names before it:
npm, pnpm and Yarn leave no lock of another's, and Bun may write one of Yarn's beside its own."""
_VERSIONS = {
    "pnpm": re.compile(r"^lockfileVersion: *'?(\d+)", re.MULTILINE),
    "yarn": re.compile(r"^__metadata:\s+version: *(\d+)", re.MULTILINE),
}
CLASSIC = "1"
"""The version of a lock of Yarn's that names none."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file, the name of the ``manager`` that reads it, and the ``version`` of its form: empty where the manager's newest reads all."""

    file: Path
    manager: str
    version: str = ""


def lock_in(folder: Path) -> Lock | None:
    """The lock file that the packages of the ``package.json`` in this folder are installed by."""
    found = [folder / name for name in MANAGERS if (folder / name).is_file()]
    if not found:
        return None
    named = _named_manager(folder)
    file = next((each for each in found if MANAGERS[each.name] == named), found[0])
    manager = MANAGERS[file.name]
    return Lock(file, manager, _version(file, manager))


def unread_beside(lock: Lock) -> tuple[str, ...]:
    """The names of lock files that lie beside this one, of other managers."""
    folder = lock.file.parent
    return tuple(name for name, who in MANAGERS.items() if who != lock.manager and (folder / name).is_file())


def lock_above(folder: Path, service: Path) -> Path | None:
    """The lock file of a workspace that ``folder``, which has none of its own, may be a part of: in the scratch copy it lies in, or in the
    repository that ``service`` lies in."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for above in (*_above(folder, lambda parent: parent == temporary), *_above(service, _is_repository)):
        if patterns_in(above) is not None:
            return next((above / name for name in MANAGERS if (above / name).is_file()), None)
    return None


def _above(folder: Path, is_last: Callable[[Path], bool]) -> tuple[Path, ...]:
    """The folders that hold this one, up to the last; none where that is not among them."""
    parents = folder.resolve().parents
    last = next((number for number, each in enumerate(parents) if is_last(each)), -1)
    return tuple(parents[: last + 1])


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists()


def _named_manager(folder: Path) -> str:
    """Of ``packageManager``: https://nodejs.org/api/packages.html#packagemanager."""
    with suppress(OSError, ValueError, AttributeError):
        told = json.loads((folder / "package.json").read_text(encoding="utf-8-sig")).get("packageManager")
        return str(told or "").partition("@")[0]
    return ""


def _version(file: Path, manager: str) -> str:
    pattern = _VERSIONS.get(manager)
    if pattern is None:
        return ""
    # pnpm may have what it needs itself in a document before the one of the packages.
    told = pattern.findall(file.read_text(encoding="utf-8", errors="replace"))
    return told[-1] if told else CLASSIC
