"""What every function needs of its surroundings: the time, a logger, and how patient AWS clients are.

It must not know of tasks.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

from aws_lambda_powertools import Logger
from botocore.config import Config

# A call that gets no answer is over after 2 × 2 s of waiting and at most 1 s between the two tries.
LONGEST_CALL_SECONDS = 5
CLIENT_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


def utc_now() -> str:
    """The time in ISO 8601, UTC, with milliseconds: 2026-11-23T20:06:00.000Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_time(milliseconds: int) -> str:
    """A time in milliseconds since the epoch, in the form of utc_now."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_logger() -> Logger:
    """A logger that writes one line of JSON for each record, to standard output."""
    # ASCII only: a payload may hold a lone surrogate, which standard output would refuse together with the whole line.
    serializer = partial(json.dumps, separators=(",", ":"), ensure_ascii=True, default=str)
    return Logger(service="TaskGuard", json_serializer=serializer, utc=True, use_rfc3339=True)
