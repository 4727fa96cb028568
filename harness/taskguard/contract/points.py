"""What each check is worth where several services are graded by one contract, and each setting that has points of its own.

Points decide no verdict. This must not know what a check asks, nor how a run came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from taskguard.support.typed import nearest

CHECK_NAMES = (
    "ingress",
    "refusals",
    "settlement",
    "idempotency",
    "effect",
    "first_failure_rate",
    "later_failure_rate",
    "independence",
    "backoff",
    "partial_batches",
    "order",
    "redrive",
    "dead_letter_log",
    "record",
    "transitions",
    "configuration",
)
"""The checks, by the names that a contract gives points to."""

USUAL = 1.0
"""What a check is worth of which nothing is said."""

Worth: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]

PointsTable: TypeAlias = Mapping[str, Worth | Mapping[str, Worth]]
"""The table as it is written: a number for each check, and for each setting as ``settings.tls = 2``."""

SETTINGS = "settings"
CHECK_OF_SETTINGS = "configuration"


def of_setting(name: str) -> str:
    """What a setting is called where points are given to it."""
    return f"{SETTINGS}.{name}"


def flat(points: PointsTable) -> Mapping[str, float]:
    """The points by the names of checks and, as ``settings.tls``, of settings.

    Raises:
        ValueError: what is no table of settings is one.
    """
    found: dict[str, float] = {}
    for name, worth in points.items():
        if not isinstance(worth, Mapping):
            found[name] = worth
        elif name == SETTINGS:
            found |= {of_setting(setting): each for setting, each in worth.items()}
        else:
            raise ValueError(f"points.{name} is a table: give a number, or points to settings, as settings.tls = 2")
    return found


def refuse_strangers(points: Mapping[str, float], demanded: Mapping[str, bool]) -> None:
    """Refuse points that nothing could earn; ``demanded`` are the settings, and whether each is a must.

    Raises:
        ValueError: they are given to no check and no setting, or to a setting that is none of the contract's demands.
    """
    settings = {of_setting(name): is_must for name, is_must in demanded.items()}
    for name in points:
        is_setting = name.startswith(f"{SETTINGS}.")
        known = settings if is_setting else CHECK_NAMES
        if name not in known:
            what = "setting" if is_setting else "check"
            raise ValueError(f'points has no {what} "{name}"; {nearest(name, known)}')
        if is_setting and not settings[name]:
            setting = name.removeprefix(f"{SETTINGS}.")
            raise ValueError(
                f'points: {name} is worth {points[name]:g}, and [settings] {setting} is not "must": nothing could earn them'
            )


def in_words(points: Mapping[str, float]) -> str:
    """The points as a sentence."""
    settings = [name for name in points if name not in CHECK_NAMES]
    named = ", ".join(f"{name} {points[name]:g}" for name in (*CHECK_NAMES, *settings) if name in points)
    others = "" if len(points) - len(settings) == len(CHECK_NAMES) else "; each other check 1"
    rest = f"; {CHECK_OF_SETTINGS} is for all other settings" if settings else ""
    return f"Points: {named}{others}{rest}."
