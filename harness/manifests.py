"""Finds out what a manifest tells of a run: versions, settings, and digests of what was deployed."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from harness import __version__
from harness.history import Manifest
from harness.paths import PROJECT
from harness.running import Run

_DEPLOYED = ("serverless.yml", "serverless", "handlers", "package-lock.json")


def manifest_of(run: Run, tasks: int) -> Manifest:
    """The manifest of a run of ``tasks`` tasks that has just ended."""
    expected = run.expectations
    return Manifest(
        taskguard_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seed=expected.failure_seed,
        rate=expected.failure_rate,
        tasks=tasks,
        target=run.endpoint.target,
        stage=run.stack.stage,
        region=run.stack.region,
        expectations=expected,
        versions={
            "python": platform.python_version(),
            "boto3": metadata.version("boto3"),
            **dict(run.endpoint.versions),
        },
        digests={name: _digest(PROJECT / name) for name in _DEPLOYED},
    )


def _digest(path: Path) -> str:
    """SHA-256 over a file, or over all files of a folder with their names; hexadecimal."""
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path.parent).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(f for f in path.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
