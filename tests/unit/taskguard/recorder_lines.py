"""Writes what the flight recorder would: one JSON line an invocation's start, its end, and each AWS call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from taskguard.evidence.recorder.recording import Recording, RecordingFile
from taskguard.service.stack import Api, Function, Ingress, Queue, Route, Stack, Table

WORK_ARN, DEAD_ARN = "arn:aws:sqs:eu-central-1:000000000000:TaskQueue", "arn:aws:sqs:eu-central-1:000000000000:TaskDLQ"
WORK_URL, DEAD_URL = "http://127.0.0.1:4566/000000000000/TaskQueue", "http://127.0.0.1:4566/000000000000/TaskDLQ"
FUNCTION = "TaskGuard-dev-processTask"


def function(name: str, log_group: str | None = None) -> Function:
    """A function as it is found: ``TaskGuard-dev-getTask`` is called ``getTask``."""
    label = name.rpartition("-")[2]
    return Function(
        logical_id=f"{label[:1].upper()}{label[1:]}LambdaFunction",
        name=name,
        arn=f"arn:aws:lambda:eu-central-1:000000000000:function:{name}",
        label=label,
        log_group=log_group or f"/aws/lambda/{name}",
        role=f"arn:aws:iam::000000000000:role/role-of-{name}",
    )


STACK = Stack(
    name="TaskGuard-dev",
    stage="dev",
    region="eu-central-1",
    work_queue=Queue(logical_id="TaskQueue", url=WORK_URL, arn=WORK_ARN, consumers=("TaskGuard-dev-processTask",)),
    dead_letter_queue=Queue(
        logical_id="TaskDeadLetterQueue", url=DEAD_URL, arn=DEAD_ARN, consumers=("TaskGuard-dev-monitorDLQ",)
    ),
    functions=(),
    table=Table(logical_id="TasksTable", name="TasksTable", key="taskId"),
    ingresses=(
        Ingress(
            api=Api(
                logical_id="ApiGatewayRestApi",
                kind="rest",
                id="a1b2c3",
                stage="dev",
                url="http://127.0.0.1:4566/_aws/execute-api/a1b2c3/dev",
                routes=(),
            ),
            submit=Route(method="POST", path="/task", function="TaskGuard-dev-submitTask"),
            record=Route(method="GET", path="/task/{taskId}", function="TaskGuard-dev-getTask"),
        ),
    ),
)


def let_in_by(*, key_ids: tuple[str, ...] = (), needs_key: bool = False, authorization: str = "NONE") -> Stack:
    """The stack, with an API that lets its clients in like this."""
    [ingress] = STACK.ingresses
    submit = replace(ingress.submit, api_key_required=needs_key, authorization=authorization)
    return replace(STACK, ingresses=(replace(ingress, api=replace(ingress.api, key_ids=key_ids), submit=submit),))


def sqs_record(message_id: str, *, receives: int = 1, body: str | None = None, arn: str = WORK_ARN) -> dict[str, Any]:
    """One record of an SQS event; by default its body is the task `task-of-<message>`."""
    if body is None:
        body = json.dumps({"taskId": f"task-of-{message_id}", "payload": {"of": message_id}})
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}-{receives}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSourceARN": arn,
    }


def started(
    request_id: str,
    *records: dict[str, Any],
    at: float = 1000.0,
    payload: str | None = None,
    function: str = FUNCTION,
) -> str:
    return json.dumps(
        {
            "kind": "invocation-started",
            "function": function,
            "requestId": request_id,
            "payload": json.dumps({"Records": records}) if payload is None else payload,
            "startedAt": at,
        }
    )


def ended(request_id: str, response: str | None = None, *, error: bool = False, at: float = 1010.0) -> str:
    line = {"kind": "invocation-ended", "requestId": request_id, "response": response, "error": error, "endedAt": at}
    return json.dumps(line)


def aws_call(
    operation: str,
    parameters: dict[str, Any],
    *,
    request_id: str = "r1",
    service: str = "sqs",
    status: int = 200,
    error: str | None = None,
    failed: tuple[str, ...] = (),
    told: dict[str, Any] | None = None,
    at: float = 1004.0,
) -> str:
    """``failed`` are the ids of the entries that a batch operation did not carry out, ``told`` is what else was answered."""
    result: dict[str, Any] = {"Failed": [{"Id": each, "SenderFault": True} for each in failed]} if failed else {}
    result |= told or {}
    return json.dumps(
        {
            "kind": "aws-call",
            "function": FUNCTION,
            "requestId": request_id,
            "service": service,
            "operation": operation,
            "parameters": parameters,
            "status": status,
            "error": {"code": error, "message": "no"} if error else None,
            "result": result,
            "startedAt": at,
            "endedAt": at + 3,
        }
    )


def service_call(
    parameters: dict[str, Any],
    *,
    by: str = "apigateway",
    source: str = "arn",
    error: str | None = None,
    told: dict[str, Any] | None = None,
    at: float = 1001.0,
) -> str:
    """What a service sends to a queue for a resource of its own."""
    line = json.loads(aws_call("SendMessage", parameters, error=error, status=400 if error else 200, told=told, at=at))
    return json.dumps(line | {"kind": "service-call", "function": by, "source": source, "requestId": None})


def fault_injected(
    *task_ids: str, stack: str = WORK_ARN, request_id: str | None = "r1", at: float = 1003.0, until: float | None = None
) -> str:
    return json.dumps(
        {
            "kind": "fault-injected",
            "stack": stack,
            "plan": "0123456789abcdef",
            "fault": "kill when=after",
            "name": "kill",
            "when": "after",
            "function": "processTask",
            "call": "UpdateItem",
            "number": 2,
            "taskIds": task_ids,
            "receiveCount": 1,
            "requestId": request_id,
            "startedAt": at,
            "endedAt": until,
        }
    )


def recording_of(folder: Path, *lines: str) -> Recording:
    path = folder / "flight-recorder.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return RecordingFile(path).read()
