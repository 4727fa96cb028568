"""What the recorder's lines tell, as events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.history import Event

from tests.unit.taskguard.recorder_lines import (
    STACK,
    recording_of,
)

E = TypeVar("E", bound=Event)
BATCH = ("m1", "m2", "m3")


def events(folder: Path, *lines: str, only: frozenset[str] | None = None, partial_batches: bool = True) -> list[Event]:
    return events_of(recording_of(folder, *lines), STACK, MessageWords(), partial_batches=partial_batches, only=only)


def of_kind(found: list[Event], kind: type[E]) -> list[E]:
    return [event for event in found if isinstance(event, kind)]


def failures(*identifiers: Any) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]})
