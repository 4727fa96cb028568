"""The tasks of a run, from a seed alone: the same seed gives the same ids and payloads anywhere.

The ids matter most: with a failure seed, the id decides which attempts of a task fail. It must not know how tasks are
submitted, nor what becomes of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from taskguard.support.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task to submit: its id (1 to 128 of `A-Z a-z 0-9 . _ : -`) and its payload, a JSON object. One that was `chosen` is none of
    those that a run was asked for: it is handed in for the `probe` of that name."""

    task_id: str
    payload: dict[str, Json]
    chosen: bool = False
    probe: str | None = None


def tasks(seed: str, count: int, *, exact_numbers: bool = True) -> tuple[Task, ...]:
    """Return `count` tasks that follow from `seed` alone; a longer list begins with the shorter one.

    The payloads are small and vary in what JSON allows: unicode, nesting, empty containers, and with `exact_numbers` those that not
    every language's JSON keeps as they are, `1.0` and integers beyond 2^53.
    """
    prefix = prefix_of(seed)
    return tuple(
        Task(task_id=f"{prefix}-{number:04d}", payload=payload_of(seed, number, exact_numbers=exact_numbers))
        for number in range(1, count + 1)
    )


def prefix_of(seed: str) -> str:
    """What the ids of a seed's tasks begin with."""
    return sha256(f"taskguard-workload:{seed}".encode()).hexdigest()[:10]


def random_seed() -> str:
    """Return a new seed for a run that was given none; print it, so that the run can be repeated."""
    return secrets.token_hex(4)


def payload_of(seed: str, number: int, *, exact_numbers: bool = True) -> dict[str, Json]:
    """The payload of a seed's task of this number, from 1; `exact_numbers` as in :func:`tasks`."""
    dice = sha256(f"taskguard-payload:{seed}:{number}".encode()).digest()
    payload: dict[str, Json] = {"job": _JOBS[dice[0] % len(_JOBS)], "number": number}
    # One after another, so that even a short run has every awkward one.
    name, extra = _EXTRAS[number % len(_EXTRAS)]
    payload[name] = extra if exact_numbers else _PORTABLE.get(name, extra)
    if dice[1] % 2:
        payload["priority"] = dice[2] % 10
    return payload


_JOBS = ("resize-image", "send-email", "build-report", "charge-card", "index-document")

_EXTRAS: tuple[tuple[str, Json], ...] = (
    ("name", "Zoë Žižek 東京 🚀"),
    ("amounts", [1, 1.0, -0.5, 1e-07, 12345678901234567890]),
    ("address", {"street": "Lindenstraße 7", "geo": {"lat": 48.2082, "lon": 16.3738}}),
    ("empty", {"text": "", "list": [], "object": {}, "nothing": None}),
    ("flags", [True, False, 0, 1]),
    ("text", 'quotes " and \\ backslash,\ttab\nand new line'),
    ("ratio", 1.0),
    ("wide", {"a": [{"b": [{"c": [[1, [2.0]]]}]}]}),
)

_PORTABLE: Mapping[str, Json] = {
    "amounts": [1, 0.25, -0.5, 123456789],
    "ratio": 1.5,
    "wide": {"a": [{"b": [{"c": [[1, [2]]]}]}]},
}
"""Instead of those extras: numbers that any JSON keeps."""
