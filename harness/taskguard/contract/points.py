"""What each check is worth where several services are graded by one contract: its points.

Points decide no verdict. This must not know what a check asks, nor how a run came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

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


def in_words(points: Mapping[str, Worth]) -> str:
    """The points as a sentence."""
    named = ", ".join(f"{name} {points[name]:g}" for name in CHECK_NAMES if name in points)
    return f"Points: {named}{'' if len(points) == len(CHECK_NAMES) else '; each other check 1'}."
