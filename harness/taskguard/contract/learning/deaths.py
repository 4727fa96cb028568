"""A task that died, and what was logged of it while its dead letter was handled. It must not know how it was logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskguard.support.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A task that died, the JSON ``records`` that were logged with its id, and the lines of plain text (``texts``) that name it. ``receives`` is how often it was received, ``own`` how many of
    these attempts failed by themselves, ``created`` and ``failed``
    are when it was handed in and when its last attempt failed, each from and to in milliseconds, and ``errors`` is what was logged in
    attempts that failed by themselves."""

    task_id: str
    sent: Json
    message_id: str
    receives: int
    own: int
    created: tuple[float, float]
    failed: tuple[float, float]
    errors: tuple[str, ...]
    records: tuple[Mapping[str, Json], ...]
    texts: tuple[str, ...] = ()
