"""What has been installed or made on this machine, and is kept: where it is, and how large. It must not change anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from taskguard.places import cache_folder
from taskguard.service.deployers.serverless.cli import folder_of_cli
from taskguard.support.this_command import runnable
from taskguard.targets.machine import Found, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A folder of things that are kept; ``size_bytes`` is ``None`` when it is not there yet."""

    name: str
    folder: Path
    size_bytes: int | None


BY_THE_FIRST_RUN = ("engines and libraries", "Serverless CLI")


def folders() -> dict[str, Path]:
    """All folders that TaskGuard keeps things in, by what they hold."""
    cache = cache_folder()
    return {
        "tool": Path(sys.prefix),
        "engines and libraries": cache / "python",
        "Serverless CLI": folder_of_cli(cache) / "node_modules",
        "packages of services": cache / "packages",
        "what uv and npm keep": cache / "downloads",
    }


def kept() -> Iterator[Kept]:
    """What is in these folders."""
    for name, folder in folders().items():
        yield Kept(name=name, folder=folder, size_bytes=_size(folder) if folder.is_dir() else None)


def serverless_cli(folder: Path | None = None) -> Found:
    """Whether the Serverless CLI is installed in ``folder`` (by default where TaskGuard installs it)."""
    folder = folder or folders()["Serverless CLI"]
    name = "Serverless CLI"
    try:
        about = json.loads((folder / "serverless" / "package.json").read_text(encoding="utf-8"))
        return Found(name=name, state=State.OK, what=f"{about['name']} {about['version']}")
    except (OSError, ValueError, KeyError, TypeError):
        return Found(
            name=name,
            state=State.ABSENT,
            what=f"not yet in {folder}",
            to_do=f"`{runnable('taskguard prepare')}` installs it, or the first run.",
        )


def _size(folder: Path) -> int:
    """What the files take; a file with several names, as uv and npm make them, counts once for each."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                total += Path(place, name).lstat().st_size
    return total
