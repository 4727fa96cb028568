"""What the handlers' tests stand on: the four functions over stand-ins, and the events that Lambda hands them.

No engine, no network. The handlers read their environment when they are imported, so that happens here, once, in an
environment that is gone afterwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tests import api_document

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "TABLE_NAME": "TasksTable",
    "STAGE": "dev",
    "TASK_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/TaskQueue",
}

SENT_MS = 1_795_464_000_500
SENT_AT = "2026-11-23T20:00:00.500Z"
"""When every message was sent: after nothing, and before the first second of a test's clock."""

with patch.dict(os.environ, ENVIRONMENT):
    from handlers import get_task, monitor_dlq, process_task, submit_task
    from handlers.task_message import TaskMessage
    from handlers.task_queue import QueueError
    from handlers.task_record import Claim, ClaimRefused, MarkedDead, NotMarkedDead
    from handlers.task_store import TaskStore


@dataclass
class Clock:
    """Time that moves on by a second each time it is read."""

    seconds: int = 0

    def __call__(self) -> str:
        self.seconds += 1
        return f"2026-11-23T20:{self.seconds // 60:02}:{self.seconds % 60:02}.000Z"


@dataclass
class FaultyClient:
    """A boto client whose calls can be made to fail, with (`unanswered`) or without having had their effect, or to be made
    twice as when an answer is lost on the way and the call tried again. With `refused`, an item, writes are answered as if their
    condition had failed for it. `before` is called before each."""

    client: Any
    failing: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    refused: dict[str, Any] | None = None
    before: Callable[[str], object] = lambda _: None
    calls: list[str] = field(default_factory=list)
    arguments: list[dict[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            self.arguments.append(arguments)
            self.before(name)
            if name in self.unanswered:
                getattr(self.client, name)(**arguments)
            if self.refused is not None and "ConditionExpression" in arguments:
                refusal: Any = {
                    "Error": {"Code": "ConditionalCheckFailedException", "Message": ""},
                    "Item": self.refused,
                }
                raise ClientError(refusal, name)
            if name in self.failing | self.unanswered:
                raise ClientError({"Error": {"Code": "InternalServerError", "Message": "down"}}, name)
            method = getattr(self.client, name)
            if name in self.repeated:
                method(**arguments)
            return method(**arguments)

        return call


@dataclass
class RecordingQueue:
    """Stands in for TaskQueue: notes what is sent and put off, or fails. `before` is called before each call."""

    sent: list[TaskMessage] = field(default_factory=list)
    put_off: list[tuple[str, int]] = field(default_factory=list)
    failing: bool = False
    before: Callable[[str], object] = lambda _: None

    def send(self, message: TaskMessage) -> str:
        self.before("send")
        if self.failing:
            raise QueueError("SendMessage failed: down")
        self.sent.append(message)
        return f"message-{len(self.sent)}"

    def return_after(self, receipt_handle: str, delay_seconds: int) -> None:
        self.before("return_after")
        if self.failing:
            raise QueueError("ChangeMessageVisibility failed: down")
        self.put_off.append((receipt_handle, delay_seconds))


@dataclass
class Context:
    """Lambda's context, as far as the handlers look at it."""

    remaining_ms: int = 15_000
    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def context(remaining_ms: int = 15_000) -> LambdaContext:
    """The context of one invocation; as Lambda's own, it is Powertools' LambdaContext by shape alone."""
    return cast(LambdaContext, Context(remaining_ms))


@dataclass
class Work:
    """Work on tasks that fails as it is told to; it notes each attempt."""

    failing: bool = False
    during: Callable[[], object] = lambda: None
    attempts: list[tuple[str, int]] = field(default_factory=list)
    tasks: list[TaskMessage] = field(default_factory=list)

    def __call__(self, task: TaskMessage, attempt: int) -> None:
        self.attempts.append((task.task_id, attempt))
        self.tasks.append(task)
        self.during()
        if self.failing:
            raise ValueError(f"attempt {attempt} went wrong")


@dataclass
class Functions:
    """The four functions over one table and one queue."""

    dynamodb: FaultyClient
    store: TaskStore
    queue: RecordingQueue
    work: Work
    logs: Callable[[], list[dict[str, Any]]]

    def submit(
        self, body: Any, *, content_type: str | None = "application/json", is_base64: bool = False
    ) -> tuple[int, dict[str, Any]]:
        event = {
            "httpMethod": "POST",
            "path": "/task",
            "headers": {"Content-Type": content_type} if content_type is not None else None,
            "body": body if isinstance(body, str | None) else json.dumps(body),
            "isBase64Encoded": is_base64,
            "requestContext": {"stage": "dev", "requestId": "api-request"},
        }
        return self._answer("POST", "/task", submit_task.handler(event, context()))

    def get(self, task_id: str) -> tuple[int, dict[str, Any]]:
        event = {
            "httpMethod": "GET",
            "path": f"/task/{task_id}",
            "headers": None,
            "pathParameters": {"taskId": task_id},
            "requestContext": {"stage": "dev", "requestId": "api-request"},
        }
        return self._answer("GET", "/task/x", get_task.handler(event, context()))

    def process(self, *deliveries: dict[str, Any], remaining_ms: int = 15_000) -> list[str]:
        """The ids of the messages reported as failed."""
        return self._failed(process_task.handler({"Records": list(deliveries)}, context(remaining_ms)))

    def monitor(self, *deliveries: dict[str, Any], remaining_ms: int = 15_000) -> list[str]:
        return self._failed(monitor_dlq.handler({"Records": list(deliveries)}, context(remaining_ms)))

    def claim(self, message_id: str, attempt: int, task_id: str = "t", payload: str = "{}") -> Claim | ClaimRefused:
        """Claims a task, as processTask does before the work."""
        return self.store.claim(task_id, payload, message_id=message_id, attempt=attempt, sent_at=SENT_AT)

    def mark_dead(self, message_id: str, task_id: str = "t", payload: str = "{}") -> MarkedDead | NotMarkedDead:
        """Marks a task as dead, as monitorDLQ does before it logs."""
        return self.store.mark_dead(task_id, payload, message_id=message_id, sent_at=SENT_AT)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log records of an event, such as TASK_DEAD_LETTER."""
        return [record for record in self.logs() if record.get("event") == name]

    def item(self, task_id: str) -> dict[str, Any] | None:
        answer: dict[str, Any] = self.dynamodb.client.get_item(TableName="TasksTable", Key={"taskId": {"S": task_id}})
        return answer.get("Item")

    @staticmethod
    def _answer(method: str, path: str, response: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        (content_type,) = response["multiValueHeaders"]["Content-Type"]
        assert api_document.faults(method, path, response["statusCode"], content_type, response["body"]) == []
        return response["statusCode"], json.loads(response["body"])

    @staticmethod
    def _failed(response: Mapping[str, Any]) -> list[str]:
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def delivery(body: Any, message_id: str = "m1", receive_count: int = 1) -> dict[str, Any]:
    """A message as Lambda gets it from SQS."""
    return {
        "messageId": message_id,
        "receiptHandle": f"{message_id}/{receive_count}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(receive_count), "SentTimestamp": str(SENT_MS)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:TaskQueue",
        "awsRegion": "eu-central-1",
    }


def task(task_id: str = "t", message_id: str = "m1", receive_count: int = 1, **payload: Any) -> dict[str, Any]:
    """A task's message as Lambda gets it from SQS."""
    return delivery({"taskId": task_id, "payload": payload}, message_id, receive_count)
