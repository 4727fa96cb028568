"""Times as they are written down: read the same way from a record, a log and a report.

It must not know what happened then.
"""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = datetime.fromtimestamp(0, UTC)


def milliseconds(stamp: object) -> float | None:
    """An ISO 8601 time as milliseconds since the epoch; none when it is not one, or that itself or before it, as a language's zero for no time."""
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        return None
    # Without a zone it could be any.
    is_one = moment.tzinfo is not None and moment > _EPOCH
    return moment.timestamp() * 1000 if is_one else None
