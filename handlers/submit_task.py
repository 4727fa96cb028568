"""submitTask: POST /task. Stores a task, then puts it on the queue, and answers 202 only when both are done.

A request that got no 202 can be sent again as it is: the same id with the same payload stores nothing twice, and a task that
is still PENDING is put on the queue again, since nobody can know whether the first message was sent (the consumer drops
duplicates). This module must not know how a task is worked on.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST

from handlers import answers, exact_json, settings, task_request
from handlers.metrics import Metrics
from handlers.runtime import new_logger
from handlers.task_message import TaskMessage
from handlers.task_queue import QueueError, TaskQueue
from handlers.task_record import Status
from handlers.task_request import BadRequest
from handlers.task_store import StoreError, TaskStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = new_logger()
metrics = Metrics(settings.stage(os.environ))


@dataclass(frozen=True, slots=True)
class Submission:
    """Accepts tasks into a store and a queue."""

    store: TaskStore
    queue: TaskQueue

    def submit(self, body: str | None, *, is_base64: bool, content_type: str | None) -> Response[str]:
        """Answers a request: 202, 400, 409, 413, 415 or, when AWS fails, 503."""
        try:
            request = task_request.parse(body, is_base64=is_base64, content_type=content_type)
            message = task_request.to_message(request, request.task_id or str(uuid.uuid4()))
        except BadRequest as refusal:
            logger.info("request refused", extra={"error": refusal.code, "reason": str(refusal)})
            return answers.error(refusal.status, refusal.code, str(refusal))
        return self._accept(message)

    def _accept(self, message: TaskMessage) -> Response[str]:
        task_id = message.task_id
        try:
            existing = self.store.create(task_id, message.payload_json)
            if existing is None:
                metrics.task_submitted()
            if existing and not exact_json.same(existing.payload_json, message.payload_json):
                logger.info("task id taken", extra={"taskId": task_id})
                return answers.error(
                    409,
                    "task_id_conflict",
                    f"A task {task_id} with another payload exists. Choose another taskId, or send the payload it has.",
                    task_id,
                )
            if existing and existing.status is not Status.PENDING:
                logger.info("task is known and under way", extra={"taskId": task_id, "status": existing.status})
                return answers.ok(202, {"taskId": task_id})
            message_id = self.queue.send(message)
        except StoreError as failure:
            return _unavailable("store_unavailable", "The task may not have been stored", task_id, failure)
        except QueueError as failure:
            return _unavailable("queue_unavailable", "The task is stored but may not be on the queue", task_id, failure)
        logger.info("task accepted", extra={"taskId": task_id, "messageId": message_id, "again": existing is not None})
        return answers.ok(202, {"taskId": task_id})


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
