"""A task's record: its states and its attempts, as values.

It must not know how the table stores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a task stands. COMPLETED and DEAD_LETTER are final."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    RETRYING = "RETRYING"
    COMPLETED = "COMPLETED"
    DEAD_LETTER = "DEAD_LETTER"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of the task that was worked on; `number` is the message's receive count. Times are ISO 8601 in UTC."""

    number: int
    started_at: str
    outcome: str
    finished_at: str | None = None
    error: str | None = None
    backoff_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """All that is kept of a task. Times are ISO 8601 in UTC.

    `message_id` is the message that owns the task: any other message for it is a duplicate. `earlier_messages` are those that
    the task died with before it was put back to work, when `attempts` and `last_attempt` started anew. `failed_at` is when the
    latest failure was reported or, on a dead task, when its last attempt failed.
    """

    task_id: str
    payload_json: str
    status: Status
    created_at: str
    updated_at: str
    last_attempt: int
    attempts: tuple[Attempt, ...]
    message_id: str | None = None
    earlier_messages: tuple[str, ...] = ()
    claim_id: str | None = None
    last_error: str | None = None
    failed_at: str | None = None
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one attempt of a task, and to report its outcome."""

    task_id: str
    message_id: str
    attempt: int
    claim_id: str
    # Where the attempt stands in the record's list.
    index: int
    # When the task was created.
    created_at: str
    # Whether the claim is what stored the record; not always known when DynamoDB's answer was lost, and then false.
    stored: bool


@dataclass(frozen=True, slots=True)
class ClaimRefused:
    """A claim that was not granted, with the record as it stands."""

    record: TaskRecord


@dataclass(frozen=True, slots=True)
class MarkedDead:
    """A record that is DEAD_LETTER on account of the message asked about: `newly`, or it was so before.

    `stored` tells whether there was none, and this is what stored it.
    """

    record: TaskRecord
    newly: bool
    stored: bool = False


@dataclass(frozen=True, slots=True)
class NotMarkedDead:
    """The message does not decide over this record: nothing was changed."""

    record: TaskRecord
