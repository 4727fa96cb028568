"""How many examples a property is tried on: a few while somebody waits, all of them in CI."""

import os
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings

THOROUGH = bool(os.environ.get("CI"))
_EVERYDAY = 10
"""What is all there is to be tried in CI is cut by this, while somebody waits."""


def examples(most: int) -> int:
    """How many of at ``most`` so many examples are tried here."""
    return most if THOROUGH else max(5, most // _EVERYDAY)


Item = TypeVar("Item")


def some(items: Sequence[Item], first: int = 0) -> Sequence[Item]:
    """Those of ``items`` that are tried here: all in CI, otherwise one in ten, beginning with number ``first``."""
    return items if THOROUGH else items[first % _EVERYDAY :: _EVERYDAY]


# On a busy machine everything is slow, and nothing wrong with it.
settings.register_profile(
    "taskguard", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
