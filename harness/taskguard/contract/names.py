"""The one mapping between a pipeline's own names and History's: where a task's id, payload and record are found."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from taskguard.support.strict_json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNames:
    """The fields of a queue message's JSON body."""

    task_id: str = "taskId"
    payload: str = "payload"

    def read(self, body: str) -> tuple[str | None, Json]:
        """The task's id and payload; no id when the body is not a task, whose payload is then the body itself."""
        try:
            document = json.loads(body)
            task_id = document[self.task_id]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None, body
        if not isinstance(task_id, str):
            return None, body
        return task_id, document.get(self.payload)

    def body(self, task_id: str, payload_json: str) -> str:
        """The body that carries this task, its payload given as JSON text; compact, as the pipeline writes it."""
        return f'{{"{self.task_id}":{json.dumps(task_id)},"{self.payload}":{payload_json}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNames:
    """The attributes of a task's record. ``payload`` may be JSON text or a map; times are ISO 8601."""

    task_id: str = "taskId"
    status: str = "status"
    payload: str = "payload"
    created_at: str = "createdAt"
    changed_at: str = "updatedAt"
    completed_at: str = "completedAt"
    attempts: str = "attempts"
    last_error: str = "lastError"
    attempt_number: str = "number"
    attempt_started_at: str = "startedAt"
    attempt_finished_at: str = "finishedAt"
    attempt_outcome: str = "outcome"
    attempt_error: str = "error"
    attempt_backoff: str = "backoffSeconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveNames:
    """The attributes of a record that are changed when its task is redriven, and the statuses that decide whether it is."""

    dead: str = "DEAD_LETTER"
    pending: str = "PENDING"
    completed: str = "COMPLETED"
    message_id: str = "messageId"
    claim_id: str = "claimId"
    last_attempt: str = "lastAttempt"
    failed_at: str = "failedAt"
    updated_at: str = "updatedAt"
    redrives: str = "redrives"
    redriven_at: str = "redrivenAt"
    earlier_attempts: str = "earlierAttempts"
    earlier_messages: str = "earlierMessages"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailNames:
    """The records that a consumer's edge leaves in its log, and their fields."""

    event: str = "event"
    received: str = "TRAIL_RECEIVED"
    answered: str = "TRAIL_ANSWERED"
    raised: str = "TRAIL_RAISED"
    call: str = "TRAIL_CALL"
    poison: str = "POISON_DEAD_LETTER"
    dead: str = "TASK_DEAD_LETTER"
    request_id: str = "requestId"
    at: str = "at"
    messages: str = "messages"
    answer: str = "answer"
    error: str = "error"
    message_id: str = "messageId"
    receive_count: str = "receiveCount"
    queue_arn: str = "queueArn"
    receipt: str = "receipt"
    task_id: str = "taskId"
    body_digest: str = "bodySha256"
    body: str = "body"
    payload: str = "payload"
    started_at: str = "startedAt"
    ended_at: str = "endedAt"
    queue_url: str = "queueUrl"
    entries: str = "entries"
    entry_id: str = "id"
    visibility_timeout: str = "visibilityTimeout"
    status: str = "status"
    refused: str = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All of a pipeline's names that evidence is read by."""

    message: MessageNames = field(default_factory=MessageNames)
    table: TableNames = field(default_factory=TableNames)
    redrive: RedriveNames = field(default_factory=RedriveNames)
    trail: TrailNames = field(default_factory=TrailNames)
