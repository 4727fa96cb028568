"""monitorDLQ: marks the tasks whose messages reached the dead-letter queue, and logs one record for each.

The record is marked first and logged then, so a task is never logged as dead and yet alive; a message delivered again logs the
same values again. A task that died before anybody could store it is stored now, as dead. Any body is survived: what is no task is
logged as poison. This module must not know why a task failed, nor how often it may.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers import batch, exact_json, settings, task_message, trail
from handlers.batch import Delivery, KeepMessage
from handlers.metrics import Metrics
from handlers.runtime import new_logger
from handlers.task_message import NotATask
from handlers.task_record import MarkedDead, TaskRecord
from handlers.task_store import StoreError, TaskStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

LONGEST_POISON_CHARACTERS = 1_000

logger = new_logger()
metrics = Metrics(settings.stage(os.environ))


@dataclass(frozen=True, slots=True)
class Undertaker:
    """Lays dead tasks to rest."""

    store: TaskStore

    def bury(self, delivery: Delivery) -> None:
        """Handles one dead letter. Raises KeepMessage if the record could not be marked."""
        about = {"messageId": delivery.message_id, "receiveCount": delivery.receive_count}
        try:
            task = task_message.parse(delivery.body)
        except NotATask as poison:
            body = delivery.body[:LONGEST_POISON_CHARACTERS]
            _log("poison message dead-lettered", "POISON_DEAD_LETTER", {"body": body, "reason": str(poison), **about})
            return
        try:
            outcome = self.store.mark_dead(
                task.task_id, task.payload_json, message_id=delivery.message_id, sent_at=delivery.sent_at
            )
        except StoreError as failure:
            logger.error("task not marked as dead", extra={"taskId": task.task_id, "reason": str(failure), **about})
            raise KeepMessage from failure
        record = outcome.record
        if isinstance(outcome, MarkedDead):
            if outcome.stored:
                metrics.task_submitted()
            if outcome.newly:
                metrics.task_dead_lettered(created_at=record.created_at, marked_at=record.updated_at)
            _log("task dead-lettered", "TASK_DEAD_LETTER", _epitaph(record) | about)
        else:
            reason = {"taskId": task.task_id, "status": record.status, "owner": record.message_id}
            _log("dead letter of no consequence", "DEAD_LETTER_IGNORED", reason | about)


def _epitaph(record: TaskRecord) -> dict[str, Any]:
    return {
        "taskId": record.task_id,
        "payload": exact_json.parse(record.payload_json),
        "attempts": record.last_attempt,
        "lastError": record.last_error,
        "createdAt": record.created_at,
        "failedAt": record.failed_at,
    }


def _log(message: str, event: str, values: dict[str, Any]) -> None:
    # A task that is lost is an error; a duplicate that came to rest here is not.
    level = logger.info if event == "DEAD_LETTER_IGNORED" else logger.error
    level(message, extra={"event": event, **values})


undertaker = Undertaker(TaskStore(settings.record_settings(os.environ).table_name))


@trail.recorded
@metrics.published
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry point for an SQS event; answers with the messages that stay on the dead-letter queue."""
    return batch.process(event, context, undertaker.bury, logger, task_message.subject)
