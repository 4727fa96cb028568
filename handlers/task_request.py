"""Reads what a client sent to POST /task, and says exactly what is wrong with it.

Pure: it must not know of API Gateway's events, of the table or of the queue. Whatever bytes a client sends, the outcome is a
TaskRequest or a BadRequest.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from handlers import exact_json, task_message
from handlers.task_message import LARGEST_BODY_BYTES, TASK_ID_RULE, TaskMessage

# Four times the queue's limit: room for any spacing a client may use, and a bound on the work of refusing.
LARGEST_REQUEST_BYTES = 4 * LARGEST_BODY_BYTES

_FIELDS = ("payload", "taskId")
_UTF_8_NAMES = ("utf-8", "utf8", "us-ascii")


class BadRequest(Exception):
    """A request that is refused. `status` is HTTP's, `code` is for machines, the message names the problem."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A valid request; `task_id` is None when the client leaves the choice to us."""

    task_id: str | None
    payload_json: str


def parse(body: str | None, *, is_base64: bool, content_type: str | None) -> TaskRequest:
    """Reads a request. Raises BadRequest with status 400, 413 or 415."""
    _check_content_type(content_type)
    text = _decoded(body or "", is_base64)
    if not text.strip():
        raise BadRequest(400, "empty_body", 'The body is empty. Send a JSON object such as {"payload": {}}.')
    try:
        value = exact_json.parse(text)
    except exact_json.JsonError as error:
        raise BadRequest(400, error.code, f"The body is refused: {error}.") from None
    if not isinstance(value, dict):
        raise BadRequest(400, "not_an_object", "The body must be a JSON object with the field payload.")
    unknown = [name for name in value if name not in _FIELDS]
    if unknown:
        names = ", ".join(repr(name[:40]) for name in unknown[:10])
        raise BadRequest(400, "unknown_fields", f"Unknown fields: {names}. Known are payload and taskId.")
    if "payload" not in value:
        raise BadRequest(400, "missing_payload", "The field payload is missing. It must be a JSON object.")
    if not isinstance(value["payload"], dict):
        raise BadRequest(400, "invalid_payload", "The field payload must be a JSON object.")
    if "taskId" in value and not task_message.is_task_id(value["taskId"]):
        raise BadRequest(400, "invalid_task_id", f"The field taskId must be a string of {TASK_ID_RULE}.")
    return TaskRequest(value.get("taskId"), exact_json.compact(value["payload"]))


def to_message(request: TaskRequest, task_id: str) -> TaskMessage:
    """The queue's message for a request under its final id. Raises BadRequest 413 if the queue would not take it."""
    message = TaskMessage(task_id, request.payload_json)
    size = len(message.body())
    if size > LARGEST_BODY_BYTES:
        raise BadRequest(
            413,
            "body_too_large",
            f"The task makes a message of {size} bytes; the queue takes at most {LARGEST_BODY_BYTES}. "
            "Non-ASCII characters count as their JSON escapes.",
        )
    return message


def _check_content_type(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or "").partition(";")
    named = (parameter.partition("=") for parameter in parameters.split(";"))
    charsets = [value.strip().strip('"').lower() for name, _, value in named if name.strip().lower() == "charset"]
    # Another charset is refused, because API Gateway reads the body as UTF-8 whatever the header says.
    if media_type.strip().lower() != "application/json" or any(charset not in _UTF_8_NAMES for charset in charsets):
        found = repr(content_type[:100]) if content_type else "none"
        raise BadRequest(
            415, "unsupported_content_type", f"The content type must be application/json in UTF-8; found {found}."
        )


def _decoded(body: str, is_base64: bool) -> str:
    try:
        raw = base64.b64decode(body, validate=True) if is_base64 else body.encode()
        if len(raw) > LARGEST_REQUEST_BYTES:
            raise BadRequest(
                413, "body_too_large", f"The body has {len(raw)} bytes; at most {LARGEST_REQUEST_BYTES} are read."
            )
        return raw.decode()
    except UnicodeError:
        raise BadRequest(400, "invalid_utf8", "The body is not text in UTF-8.") from None
    except ValueError:
        raise BadRequest(400, "invalid_base64", "The body was announced as base64 and is not.") from None
