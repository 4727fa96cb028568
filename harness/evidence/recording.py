"""Reads a flight recorder's file as it stands: invocations and AWS calls, without knowing what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Invocation:
    """One Lambda invocation. ``ended_at_ms`` and ``response`` are none while it is under way."""

    function: str
    request_id: str
    payload: str
    started_at_ms: float
    response: str | None = None
    is_error: bool = False
    ended_at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call of a function, and its answer; ``error_code`` is none when it succeeded."""

    function: str
    request_id: str | None
    service: str
    operation: str
    parameters: Mapping[str, Any]
    status: int
    error_code: str | None
    started_at_ms: float
    ended_at_ms: float


@dataclass(slots=True)
class Recording:
    """What was recorded up to now, in the order of the file. ``damage`` tells of lines that could not be read."""

    invocations: dict[str, Invocation] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)

    def of_functions(self, names: frozenset[str]) -> Iterator[Invocation]:
        """The invocations of these functions."""
        return (i for i in self.invocations.values() if i.function in names)


def read_recording(path: Path) -> Recording:
    """Read all complete lines of ``path``; it may still be written to.

    Raises:
        OSError: when there is no such file.
    """
    recording = Recording()
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                break
            try:
                _add(recording, json.loads(line))
            except (ValueError, KeyError) as error:
                recording.damage.append(f"line {number} of {path.name}: {error!r}")
    return recording


def _add(recording: Recording, line: dict[str, Any]) -> None:
    match line["kind"]:
        case "invocation-started":
            recording.invocations[line["requestId"]] = Invocation(
                line["function"], line["requestId"], line["payload"], line["startedAt"]
            )
        case "invocation-ended":
            invocation = recording.invocations[line["requestId"]]
            invocation.response = line["response"]
            invocation.is_error = line["error"]
            invocation.ended_at_ms = line["endedAt"]
        case "aws-call":
            recording.calls.append(
                Call(
                    function=line["function"],
                    request_id=line["requestId"],
                    service=line["service"],
                    operation=line["operation"],
                    parameters=line["parameters"],
                    status=line["status"],
                    error_code=line["error"]["code"] if line["error"] else None,
                    started_at_ms=line["startedAt"],
                    ended_at_ms=line["endedAt"],
                )
            )
