"""submitTask: POST /task. Puts a task on the queue, then stores it, and answers 202 only when both are done.

In this order, because a message drives its task to an end by itself, and a record does not: whoever comes first, this
function or processTask, stores the record, so a record always has a message that was sent before it. A request that got no 202
can be sent again as it is. Of two payloads under one id the one that is stored first is the task; the other is refused, and
its message, if it was sent already, is dropped by processTask. This module must not know how a task is worked on.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST

from handlers import answers, exact_json, settings, task_request
from handlers.metrics import Metrics
from handlers.runtime import new_logger, utc_now
from handlers.task_message import TaskMessage
from handlers.task_queue import QueueError, TaskQueue
from handlers.task_record import Status, TaskRecord
from handlers.task_request import BadRequest
from handlers.task_store import StoreError, TaskStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = new_logger()
metrics = Metrics(settings.stage(os.environ))


@dataclass(frozen=True, slots=True)
class Submission:
    """Accepts tasks into a queue and a store. `now` tells the time as a record has it."""

    store: TaskStore
    queue: TaskQueue
    now: Callable[[], str] = utc_now

    def submit(self, body: str | None, *, is_base64: bool, content_type: str | None) -> Response[str]:
        """Answers a request: 202, 400, 409, 413, 415 or, when AWS fails, 503."""
        try:
            request = task_request.parse(body, is_base64=is_base64, content_type=content_type)
            message = task_request.to_message(request, request.task_id or str(uuid.uuid4()))
        except BadRequest as refusal:
            logger.info("request refused", extra={"error": refusal.code, "reason": str(refusal)})
            return answers.error(refusal.status, refusal.code, str(refusal))
        # Under an id of our own there can be nothing yet.
        return self._accept(message) if request.task_id is None else self._accept_unless_known(message)

    def _accept_unless_known(self, message: TaskMessage) -> Response[str]:
        try:
            known = self.store.get(message.task_id)
        except StoreError as failure:
            state = "Nothing was sent, since it could not be read whether the task exists"
            return _unavailable("store_unavailable", state, message.task_id, failure)
        if known is None:
            return self._accept(message)
        if known.status is not Status.PENDING or not _is_same(known, message):
            return _answer_known(known, message)
        # Word for word the payload that is stored: processTask takes no other for this task.
        return self._accept(replace(message, payload_json=known.payload_json), again=True)

    def _accept(self, message: TaskMessage, *, again: bool = False) -> Response[str]:
        task_id = message.task_id
        # Before the message is sent: no task can be delivered before it was created.
        created_at = self.now()
        try:
            message_id = self.queue.send(message)
        except QueueError as failure:
            return _unavailable("queue_unavailable", "The task may not be on the queue", task_id, failure)
        about = {"taskId": task_id, "messageId": message_id}
        try:
            existing = self.store.create(task_id, message.payload_json, created_at)
        except StoreError as failure:
            return _unavailable("store_unavailable", "The task is on the queue and may be done", task_id, failure)
        if existing is None:
            metrics.task_submitted()
        elif not _is_same(existing, message):
            logger.warning("message sent in vain: the task id was taken meanwhile", extra=about)
            return _answer_known(existing, message)
        logger.info("task accepted", extra={**about, "again": again, "stored": existing is None})
        return answers.ok(202, {"taskId": task_id})


def _is_same(record: TaskRecord, message: TaskMessage) -> bool:
    return exact_json.same(record.payload_json, message.payload_json)


def _answer_known(record: TaskRecord, message: TaskMessage) -> Response[str]:
    task_id = message.task_id
    if _is_same(record, message):
        logger.info("task is known and under way", extra={"taskId": task_id, "status": record.status})
        return answers.ok(202, {"taskId": task_id})
    logger.info("task id taken", extra={"taskId": task_id})
    return answers.error(
        409,
        "task_id_conflict",
        f"A task {task_id} with another payload exists. Choose another taskId, or send the payload it has.",
        task_id,
    )


def _unavailable(code: str, state: str, task_id: str, failure: Exception) -> Response[str]:
    logger.error("task not accepted", extra={"taskId": task_id, "error": code, "reason": str(failure)})
    return answers.error(
        503,
        code,
        f"{state}. Send the same request again, with the taskId {task_id}: the work is done once however often it is sent.",
        task_id,
    )


def _from_environment() -> Submission:
    values = settings.submit_settings(os.environ)
    return Submission(TaskStore(values.table_name), TaskQueue(values.task_queue_url))


submission = _from_environment()
app = APIGatewayRestResolver()


# Any path, because API Gateway has already chosen this function, and a custom domain may put its own path before /task.
@app.post(".+")
def _post_task() -> Response[str]:
    event = app.current_event
    return submission.submit(
        event.body, is_base64=bool(event.is_base64_encoded), content_type=event.headers.get("content-type")
    )


@metrics.published
@logger.inject_lambda_context(correlation_id_path=API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point for an API Gateway proxy event."""
    return app.resolve(event, context)
