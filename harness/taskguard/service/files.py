"""The files of a service that are deployed: which they are, their digest, and a copy of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

SERVICE_FILES = ("serverless.yml", "package.json", "serverless", "handlers")
"""What a deploy sends, of the service's folder."""

_CACHES = ("__pycache__",)
_LEFT_OUT = shutil.ignore_patterns(*_CACHES, "*.pyc")


def files_of(path: Path) -> Iterator[Path]:
    """The file itself, or all files of a folder in the order of their names; none when there is nothing."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(f for f in path.rglob("*") if f.is_file() and not set(_CACHES) & set(f.parts))


def digest_of(path: Path) -> str:
    """SHA-256 over a file, or over all files of a folder with their names; hexadecimal."""
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(f"{file.relative_to(path.parent).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def copy_of(service: Path, folder: Path) -> None:
    """Copy what is deployed of ``service`` into ``folder``, which is there already."""
    for name in SERVICE_FILES:
        source = service / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=_LEFT_OUT)
        elif source.exists():
            shutil.copy2(source, folder / name)
