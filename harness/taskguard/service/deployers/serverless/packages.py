"""Packages of a service that were made before: what the Serverless CLI would make again, byte for byte, is kept.

A package is found by all that goes into it: the service's files, the stage, the region and the parameters, the host that it is for
(on this machine stages are open by default), the variables of the environment that the files name, and the lock files of the CLI and of
the pip that collects the dependencies. It must not know how a package is made or deployed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from taskguard.service.deployers.serverless.cli import PACKAGE_FILES
from taskguard.service.deployers.serverless.renewing import FRAMES, Frame, Made, renewed
from taskguard.service.files import files_of
from taskguard.targets.environments import PIP_LOCK

MOST_KEPT = 60
_FORMAT = 1
_PARTS = ("*.zip", "*.json")
STATE_FILE = "serverless-state.json"
"""What the CLI writes last, and wants to see before it deploys."""

_NAMED = re.compile(rb"""\benv:\s*(\w+)|\bprocess\.env(?:\.|\[\s*['"`])(\w+)|\{([^{}]*)\}\s*=\s*process\.env\b""")
"""How a variable of the environment is named: ``${env:NAME}``, ``process.env.NAME`` or ``["NAME"]``, ``const { NAME } = process.env``."""
_COMPUTED = re.compile(rb"\benv:\s*\$\{")


def key_of(
    service: Path,
    files: tuple[str, ...],
    stage: str | None,
    region: str,
    parameters: Mapping[str, str],
    *,
    host: str | None,
    environment: Mapping[str, str],
    made_by: Iterable[Path] = (),
    by_name: Collection[str] = (),
) -> str:
    """What the package of ``service``, of which ``files`` are deployed, is found by; hexadecimal.

    ``host`` is the engine's, without its port, and ``None`` for AWS. Of the CLI's ``environment`` those variables count that the
    files name; all of them, where a file computes a name. ``made_by`` are files that it is made with, beside the CLI's. Of the files
    ``by_name``, below the service's folder, the contents do not count.
    """
    about = [_FORMAT, stage, region, host, sorted(parameters.items()), sys.platform]
    digest = hashlib.sha256(json.dumps(about).encode())
    named: set[str] = set()
    for file in (file for name in sorted(files) for file in files_of(service / name)):
        name_below = file.relative_to(service).as_posix()
        digest.update(name_below.encode() + b"\0")
        if name_below in by_name:
            continue
        content = file.read_bytes()
        digest.update(hashlib.sha256(content).digest())
        named |= environment.keys() if _COMPUTED.search(content) else _named_in(content)
    digest.update(json.dumps(sorted((name, environment[name]) for name in named & environment.keys())).encode())
    for file in (*PACKAGE_FILES, PIP_LOCK, *made_by):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


class Packages:
    """Packages in ``folder``, for as many processes as like."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(
        self,
        key: str,
        make: Callable[[Path], None],
        place: Path,
        frame: Frame | None = None,
        key_now: Callable[[], str] | None = None,
    ) -> None:
        """Put the package of this key into the empty folder ``place``; ``make`` makes it there when it is not kept, unless one of the same
        ``frame`` is, from which it can be made. It is not kept when ``key_now`` tells another key by then: files were changed meanwhile."""
        kept = self._folder / key
        if not self._copy(kept, place):
            self._folder.mkdir(parents=True, exist_ok=True)
            # A lock's file is never removed: others may wait on it, and who came next would not wait for them. So it is one of
            # 256, whatever the number of packages there ever were.
            with FileLock(self._folder / f"{key[:2]}.lock"):
                if not self._copy(kept, place):
                    if frame is None or not self._renew(frame, place):
                        make(place)
                    if (place / STATE_FILE).exists() and (key_now is None or key_now() == key):
                        self._keep(place, kept)
                        self._forget_oldest()
        if frame is not None and kept.is_dir():
            Made(key, frame.digests()).write(self._note(frame))

    def _renew(self, frame: Frame, place: Path) -> bool:
        """Make it from the one that was wanted last in this frame, where that will do; else ``place`` is empty again."""
        before = Made.read(self._note(frame))
        if before is None or not self._copy(self._folder / before.package, place):
            return False
        if renewed(place, before, frame):
            return True
        shutil.rmtree(place)
        place.mkdir()
        return False

    def _note(self, frame: Frame) -> Path:
        return self._folder / FRAMES.replace("*", frame.key)

    def _copy(self, kept: Path, place: Path) -> bool:
        if not kept.is_dir():
            return False
        try:
            for file in kept.iterdir():
                shutil.copy2(file, place)
            os.utime(kept)
        except OSError:
            # Somebody has just forgotten it.
            shutil.rmtree(place)
            place.mkdir()
            return False
        return True

    def _keep(self, place: Path, kept: Path) -> None:
        # All of it or nothing: others look while it is copied.
        scratch = Path(tempfile.mkdtemp(dir=self._folder, prefix="new-"))
        for pattern in _PARTS:
            for file in place.glob(pattern):
                shutil.copy2(file, scratch)
        scratch.rename(kept)

    def _forget_oldest(self) -> None:
        kept: list[tuple[float, Path]] = []
        for folder in self._folder.iterdir():
            with suppress(OSError):
                if folder.is_dir():
                    kept.append((folder.stat().st_mtime, folder))
        for _, folder in sorted(kept, reverse=True)[MOST_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)
        for note in self._folder.glob(FRAMES):
            made = Made.read(note)
            if made is None or not (self._folder / made.package).is_dir():
                note.unlink(missing_ok=True)


def _named_in(content: bytes) -> set[str]:
    found = b" ".join(b" ".join(groups) for groups in _NAMED.findall(content))
    return set(re.findall(r"\w+", found.decode(errors="replace")))
