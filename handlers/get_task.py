"""getTask: GET /task/{taskId}. Answers with a task's record as it stands.

It reads only; it must not know how a record comes about.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST

from handlers import answers, exact_json, settings
from handlers.runtime import new_logger
from handlers.task_message import TASK_ID_RULE, is_task_id
from handlers.task_record import Attempt, Status, TaskRecord
from handlers.task_store import StoreError, TaskStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = new_logger()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Answers questions for tasks from a store."""

    store: TaskStore

    def look_up(self, task_id: str) -> Response[str]:
        """Answers a request: 200, 400, 404 or, when AWS fails, 503."""
        if not is_task_id(task_id):
            return answers.error(400, "invalid_task_id", f"A taskId is {TASK_ID_RULE}.")
        try:
            record = self.store.get(task_id)
        except StoreError as failure:
            logger.error("task not read", extra={"taskId": task_id, "reason": str(failure)})
            return answers.error(503, "store_unavailable", "The task could not be read. Ask again.", task_id)
        if record is None:
            return answers.error(404, "task_not_found", f"There is no task {task_id}.", task_id)
        return answers.ok(200, _view(record))


def _view(record: TaskRecord) -> dict[str, Any]:
    optional = {
        "lastError": record.last_error,
        # While a task lives, this is only the time of an attempt's failure, which the attempt itself shows.
        "failedAt": record.failed_at if record.status is Status.DEAD_LETTER else None,
        "completedAt": record.completed_at,
    }
    return {
        "taskId": record.task_id,
        "status": record.status,
        "payload": exact_json.parse(record.payload_json),
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "attempts": [_view_attempt(attempt) for attempt in record.attempts],
        **{name: value for name, value in optional.items() if value is not None},
    }


def _view_attempt(attempt: Attempt) -> dict[str, Any]:
    view = {
        "number": attempt.number,
        "startedAt": attempt.started_at,
        "outcome": attempt.outcome,
        "finishedAt": attempt.finished_at,
        "error": attempt.error,
        "backoffSeconds": attempt.backoff_seconds,
    }
    return {name: value for name, value in view.items() if value is not None}


lookup = Lookup(TaskStore(settings.record_settings(os.environ).table_name))
app = APIGatewayRestResolver()


# Any path, because API Gateway has already chosen this function, and a malformed id must get an answer of ours.
@app.get(".+")
def _get_task() -> Response[str]:
    task_id = app.current_event.path_parameters.get("taskId", "")
    # Some gateways hand the id over as it stood in the URL. No valid id has a percent sign, so decoding twice is harmless.
    return lookup.look_up(unquote(task_id))


@logger.inject_lambda_context(correlation_id_path=API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point for an API Gateway proxy event."""
    return app.resolve(event, context)
