"""Runs made by hand, in folders as a command would find them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from taskguard import __version__
from taskguard.history import History, Manifest, RecordObserved, SavedRun

from tests.terms import four_values
from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, changed, the

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD, FIRST_TRY)
BAD_EVENTS = changed(EVENTS, the(EVENTS, RecordObserved), status="PROCESSING")


def run_of(history: History, **other: Any) -> SavedRun:
    """A run of four tasks whose manifest says something ``other``."""
    manifest = Manifest(
        taskguard_version=__version__,
        created_at="2024-01-01T00:00:00+00:00",
        tasks=4,
        target="localstack",
        stage="dev",
        region="eu-central-1",
        **four_values(EXPECTED),
    )
    return SavedRun(history=history, manifest=msgspec.structs.replace(manifest, **other))


def saved(folder: Path, history: History, **other: Any) -> Path:
    """The folder, with such a run in it."""
    run_of(history, **other).write(folder)
    return folder


def of_before_digests(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest of format version 4."""
    return {name: value for name, value in manifest.items() if name != "sha256"} | {"format_version": 4}
