"""What events are made of: their base, moments, counts, the names of queues.

It must not know any event.
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from taskguard.support.typed import Strict

QueueName: TypeAlias = Literal["work", "dead-letter"]

Moment: TypeAlias = Annotated[float, Meta(ge=0, le=1e14)]
"""A time that was seen, in milliseconds. No clock tells one before 1970, nor one after the year 5000."""

Finite: TypeAlias = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A number that somebody told or wrote down: any there is."""

Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Happened(Strict, frozen=True, kw_only=True, tag_field="event"):
    """What all events are: of a moment. A field with a default was added later: files that were written before lack it."""

    at_ms: Moment


class OfDelivery(Happened, frozen=True, kw_only=True):
    """What is said of one delivery. `receive_count` is how often the queue had handed out this message, this time included.
    `delivery_id` names the hand-over (on Lambda the invocation's request id); the messages of one batch may share it. `task_id` is
    None when the message is not a task."""

    task_id: str | None
    message_id: str
    receive_count: Count
    delivery_id: str


def refuse_other_statuses(code: int) -> None:
    # More than HTTP gives a meaning to, as any client takes them: a pipeline may answer so.
    if code != 0 and not 100 <= code <= 999:
        raise ValueError(f"status_code is 0, or a number of three digits, not {code}")


def refuse_other_queues(name: str) -> None:
    if name not in ("work", "dead-letter"):
        raise ValueError(f'queue is "work" or "dead-letter", not {name!r}')
