"""Moments in one format and one zone, wherever a report shows one."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """Return it to the second, in UTC: `2026-01-02 03:04:05 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def written(text: str) -> str:
    """Return a moment that a file has as text (ISO 8601) so, or as it is when it is none."""
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text
