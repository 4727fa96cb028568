"""Times as they are written down: read the same way from a record, a log and a report.

It must not know what happened then.
"""

from __future__ import annotations

from datetime import datetime


def milliseconds(stamp: object) -> float | None:
    """An ISO 8601 time as milliseconds since the epoch; none when it is not one."""
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        return None
    # Without a zone it could be any.
    return moment.timestamp() * 1000 if moment.tzinfo is not None else None
