"""processTask: works on tasks from the queue. One delivery of a message is one attempt at its task.

An attempt is claimed in the record before the work, and its outcome reported there after it. If the message is here before
submitTask, which sends it first, has stored the task, the claim stores it. A failed attempt puts the message off by the backoff
and reports it as failed, so SQS itself counts the attempts and, after the last one, moves the message to the dead-letter queue.
A message is acknowledged only when its task is done or belongs to another message. This module must not know how records are
stored, nor what becomes of dead letters.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from handlers import batch, exact_json, settings, task_message, trail
from handlers.backoff import Backoff
from handlers.batch import Delivery, KeepMessage
from handlers.failure_simulation import FailureSimulation, SimulatedFailure
from handlers.metrics import Metrics
from handlers.runtime import new_logger
from handlers.task_message import NotATask, TaskMessage
from handlers.task_queue import QueueError, TaskQueue
from handlers.task_record import Claim, ClaimRefused, Status, TaskRecord
from handlers.task_store import AttemptSuperseded, StoreError, TaskStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = new_logger()
metrics = Metrics(settings.stage(os.environ))

Work = Callable[[TaskMessage, int], None]
"""The work on a task, given the number of the attempt. Any exception is a failed attempt."""


def simulated_work(failures: FailureSimulation) -> Work:
    """Work that does nothing but fail as often as it is told to."""

    def work(task: TaskMessage, attempt: int) -> None:
        failures.check(task.task_id, attempt)

    return work


@dataclass(frozen=True, slots=True)
class Consumer:
    """Works on the tasks of a queue."""

    store: TaskStore
    queue: TaskQueue
    backoff: Backoff
    work: Work

    def consume(self, delivery: Delivery) -> None:
        """Makes one attempt. Returns if the message is to be acknowledged, raises KeepMessage if not."""
        about = {"messageId": delivery.message_id, "receiveCount": delivery.receive_count}
        try:
            task = task_message.parse(delivery.body)
        except NotATask as poison:
            self._keep_poison(delivery, str(poison), about)
        about["taskId"] = task.task_id
        try:
            claim = self.store.claim(
                task.task_id,
                task.payload_json,
                message_id=delivery.message_id,
                attempt=delivery.receive_count,
                sent_at=delivery.sent_at,
            )
        except StoreError as failure:
            logger.error("attempt not begun", extra={**about, "reason": str(failure)})
            raise KeepMessage from failure
        if isinstance(claim, ClaimRefused):
            self._settle_refused(claim, task, delivery, about)
            return
        if claim.stored:
            metrics.task_submitted()
        metrics.attempt_begun(claim.attempt)
        logger.info("attempt started", extra=about)
        try:
            self.work(task, claim.attempt)
        except Exception as failure:
            self._retry_later(claim, failure, delivery, about)
        self._complete(claim, about)

    def _settle_refused(
        self, refusal: ClaimRefused, task: TaskMessage, delivery: Delivery, about: dict[str, Any]
    ) -> None:
        record = refusal.record
        is_settled = record.status in (Status.COMPLETED, Status.DEAD_LETTER)
        if not is_settled and not _belongs_to_another(record, task, delivery.message_id):
            # A message is dropped only on proof that its task does not need it, or the task might wait for ever.
            if record.message_id is None:
                logger.error("claim refused for no reason; message kept", extra=about)
                self._put_off(delivery, self.backoff.delay_seconds(delivery.receive_count), about)
            else:
                # Acknowledging could delete the message under the newer attempt, a new visibility would disturb its backoff.
                logger.warning("stale delivery kept", extra={**about, "lastAttempt": record.last_attempt})
            raise KeepMessage
        about = {**about, "status": record.status, "owner": record.message_id}
        # Another payload: its request was refused, after it had been sent, because the id was taken meanwhile.
        same_payload = exact_json.same(record.payload_json, task.payload_json)
        logger.info("duplicate dropped", extra={**about, "samePayload": same_payload})

    def _complete(self, claim: Claim, about: dict[str, Any]) -> None:
        try:
            completed_at = self.store.complete(claim)
        except AttemptSuperseded as late:
            logger.warning("late success ignored", extra={**about, "reason": str(late)})
            raise KeepMessage from late
        except StoreError as unreported:
            logger.error("success not recorded", extra={**about, "reason": str(unreported)})
            raise KeepMessage from unreported
        metrics.task_completed(created_at=claim.created_at, completed_at=completed_at)
        logger.info("attempt succeeded", extra=about)

    def _retry_later(self, claim: Claim, failure: Exception, delivery: Delivery, about: dict[str, Any]) -> NoReturn:
        error = str(failure) if isinstance(failure, SimulatedFailure) else f"{type(failure).__name__}: {failure}"
        delay_seconds = self.backoff.delay_seconds(claim.attempt)
        about = {**about, "error": error, "backoffSeconds": delay_seconds}
        try:
            self.store.retry_later(claim, error, delay_seconds)
            metrics.attempt_failed(claim.attempt)
        except AttemptSuperseded as late:
            logger.warning("late failure ignored", extra={**about, "reason": str(late)})
            raise KeepMessage from failure
        except StoreError as unreported:
            # The message keeps its backoff all the same: its next delivery takes the task over.
            logger.error("failure not recorded", extra={**about, "reason": str(unreported)})
        self._put_off(delivery, delay_seconds, about)
        logger.warning("attempt failed", extra=about)
        raise KeepMessage from failure

    def _keep_poison(self, delivery: Delivery, why: str, about: dict[str, Any]) -> NoReturn:
        delay_seconds = self.backoff.delay_seconds(delivery.receive_count)
        about = {**about, "reason": why, "backoffSeconds": delay_seconds}
        logger.error("poison message kept for the dead-letter queue", extra=about)
        self._put_off(delivery, delay_seconds, about)
        raise KeepMessage

    def _put_off(self, delivery: Delivery, delay_seconds: int, about: dict[str, Any]) -> None:
        try:
            self.queue.return_after(delivery.receipt_handle, delay_seconds)
        except QueueError as failure:
            # Not lost: it comes back after the queue's own visibility timeout.
            logger.error("backoff not set", extra={**about, "reason": str(failure)})


def _belongs_to_another(record: TaskRecord, task: TaskMessage, message_id: str) -> bool:
    """Whether another message has the task, or may have it and this one may not."""
    if record.message_id is not None:
        return record.message_id != message_id
    return record.payload_json != task.payload_json or message_id in record.earlier_messages


def _from_environment() -> Consumer:
    values = settings.process_settings(os.environ)
    return Consumer(
        TaskStore(values.table_name),
        TaskQueue(values.task_queue_url),
        values.backoff,
        simulated_work(values.failure_simulation),
    )


consumer = _from_environment()


@trail.recorded
@metrics.published
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lambda's entry point for an SQS event; answers with the messages that stay on the queue."""
    return batch.process(event, context, consumer.consume, logger, task_message.subject)
