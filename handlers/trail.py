"""The trail: what a consumer was handed, what it asked of a queue and what it answered, logged at the function's edge.

Where nothing but logs can be read, as on AWS, a run is judged by these records. They are therefore written around the handler
and on every SQS client, from the event, the answer and the calls themselves, whatever the code in between says of them. This
module must not know what is done with a message; it logs digests instead of bodies, which may be large or private.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import boto3

from handlers.runtime import new_logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Answer = TypeVar("Answer")

_WATCHED = "ChangeMessageVisibility"
_IN_CONTEXT = "taskguard_trail"

logger = new_logger()
_request_id: str | None = None


def recorded(
    handler: Callable[[dict[str, Any], LambdaContext], Answer],
) -> Callable[[dict[str, Any], LambdaContext], Answer]:
    """Leaves a trail around the handler of an SQS event: TRAIL_RECEIVED, then TRAIL_ANSWERED or TRAIL_RAISED."""

    @wraps(handler)
    def around(event: dict[str, Any], context: LambdaContext) -> Answer:
        global _request_id  # noqa: PLW0603  # one invocation at a time is Lambda's own rule
        _request_id = context.aws_request_id
        _leave("TRAIL_RECEIVED", at=_now_ms(), messages=[_message(record) for record in event["Records"]])
        try:
            answer = handler(event, context)
            json.dumps(answer)
        except BaseException as error:
            _leave("TRAIL_RAISED", at=_now_ms(), error=f"{type(error).__name__}: {error}")
            raise
        _leave("TRAIL_ANSWERED", at=_now_ms(), answer=answer)
        return answer

    return around


def _message(record: dict[str, Any]) -> dict[str, Any]:
    body = record["body"]
    try:
        value = json.loads(body)
        # Not every engine delivers JSON as it was sent, to the space.
        body = json.dumps(value, separators=(",", ":"))
    except (ValueError, RecursionError):
        value = None
    return {
        "messageId": record["messageId"],
        "receiveCount": int(record["attributes"]["ApproximateReceiveCount"]),
        "queueArn": record["eventSourceARN"],
        "receipt": _short(record["receiptHandle"]),
        "taskId": _task_id(value),
        "bodySha256": hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
    }


def _task_id(value: object) -> str | None:
    task_id = value.get("taskId") if isinstance(value, dict) else None
    return task_id if isinstance(task_id, str) else None


def _short(receipt_handle: str) -> str:
    return hashlib.sha256(receipt_handle.encode()).hexdigest()[:16]


def _before_call(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_IN_CONTEXT] = {
        "queueUrl": params.get("QueueUrl"),
        "entries": [
            # What is missing is for the client to refuse.
            {
                "id": e.get("Id"),
                "receipt": _short(str(e.get("ReceiptHandle"))),
                "visibilityTimeout": e.get("VisibilityTimeout"),
            }
            for e in params.get("Entries") or [params]
        ],
        "startedAt": _now_ms(),
    }


def _after_call(http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    error = parsed["Error"]["Code"] if "Error" in parsed else None
    refused = [entry["Id"] for entry in parsed.get("Failed", ())]
    _leave_call(context, status=http_response.status_code, error=error, refused=refused)


def _after_failed_call(exception: Exception, context: dict[str, Any], **_: Any) -> None:
    # No answer came: the queue may have done what it was asked all the same.
    _leave_call(context, status=0, error=type(exception).__name__, refused=[])


def _leave_call(context: dict[str, Any], **answer: Any) -> None:
    _leave("TRAIL_CALL", **context.get(_IN_CONTEXT, {}), endedAt=_now_ms(), **answer)


def _leave(event: str, **fields: Any) -> None:
    logger.info("trail", extra={"event": event, "requestId": _request_id, **fields})


def _now_ms() -> float:
    return round(time.time() * 1000, 3)


def _watch_clients_of_default_session() -> None:
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    events = session.events
    for operation in (_WATCHED, f"{_WATCHED}Batch"):
        events.register(f"before-parameter-build.sqs.{operation}", _before_call)
        events.register(f"after-call.sqs.{operation}", _after_call)
        events.register(f"after-call-error.sqs.{operation}", _after_failed_call)


_watch_clients_of_default_session()
