"""What the recorder's lines tell, as events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.history import Event
from taskguard.service.stack import Stack

from tests.unit.taskguard.recorder_lines import (
    FUNCTION,
    STACK,
    recording_of,
)

E = TypeVar("E", bound=Event)
BATCH = ("m1", "m2", "m3")


def events(
    folder: Path,
    *lines: str,
    only: frozenset[str] | None = None,
    partial_batches: bool = True,
    heeds: Mapping[str, bool | None] | None = None,
    stack: Stack = STACK,
) -> list[Event]:
    """With ``heeds`` it is said of each function by itself whether its mapping heeds partial batches."""
    by_function = {FUNCTION: partial_batches} if heeds is None else heeds
    return events_of(recording_of(folder, *lines), stack, MessageWords(), partial_batches=by_function, only=only)


def of_kind(found: list[Event], kind: type[E]) -> list[E]:
    return [event for event in found if isinstance(event, kind)]


def failures(*identifiers: Any) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]})
