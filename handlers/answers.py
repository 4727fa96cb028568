"""How the API answers: JSON, and errors in one form.

An error's body is {"error": "<code for machines>", "message": "<what is wrong and what to do>"}, with the task's id where there
is one. This module must not know what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

JSON_TYPE = "application/json"


def ok(status: int, body: Mapping[str, Any]) -> Response[str]:
    """An answer with a JSON body."""
    return Response(status_code=status, content_type=JSON_TYPE, body=json.dumps(body, separators=(",", ":")))


def error(status: int, code: str, message: str, task_id: str | None = None) -> Response[str]:
    """An error's answer."""
    identity = {} if task_id is None else {"taskId": task_id}
    return ok(status, {"error": code, "message": message, **identity})
