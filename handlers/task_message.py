"""The body of a message on the task queue: what submitTask writes, processTask and monitorDLQ read.

It must not know of SQS, nor of HTTP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from handlers import exact_json

# The queue's MaximumMessageSize in serverless.yml.
LARGEST_BODY_BYTES = 262_144

# Not '.' and '..': in a URL they mean the folder itself and the one above, so nobody could read such a task.
_TASK_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:-]{1,128}")
TASK_ID_RULE = "1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-', other than '.' and '..'"


class NotATask(Exception):
    """A message body that is no task. The message says why."""


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """A task as it travels on the queue; the payload is a JSON object in compact text (see exact_json)."""

    task_id: str
    payload_json: str

    def body(self) -> str:
        """The message's body. ASCII only, so that its length is its size in bytes."""
        return f'{{"taskId":{exact_json.compact(self.task_id)},"payload":{self.payload_json}}}'


def is_task_id(value: object) -> bool:
    """Whether the value is a valid task id."""
    return isinstance(value, str) and _TASK_ID.fullmatch(value) is not None


def parse(body: str) -> TaskMessage:
    """Reads a message's body. Raises NotATask, and nothing else, whatever the body holds."""
    try:
        value = exact_json.parse(body)
    except exact_json.JsonError as error:
        raise NotATask(f"the body is refused: {error}") from None
    if not isinstance(value, dict):
        raise NotATask("the body is not a JSON object")
    task_id, payload = value.get("taskId"), value.get("payload")
    if not isinstance(task_id, str) or not is_task_id(task_id):
        raise NotATask(f"taskId is missing or not {TASK_ID_RULE}")
    if not isinstance(payload, dict):
        raise NotATask("payload is missing or not a JSON object")
    return TaskMessage(task_id, exact_json.compact(payload))


def subject(body: str) -> dict[str, str]:
    """The task that a message's body names, for a log record: `taskId`, or nothing when the body is no task."""
    try:
        return {"taskId": parse(body).task_id}
    except NotATask:
        return {}
