"""The trail at a consumer's edge: what was handed over, asked and answered, whatever the code in between says."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ParamValidationError, ReadTimeoutError
from botocore.stub import ANY, Stubber
from taskguard.contract.dialect import TRAIL, MessageWords
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.logs.trail import Trail

from tests.unit.handlers.support import ENVIRONMENT, context

with patch.dict(os.environ, ENVIRONMENT):
    from handlers import trail

REQUEST_ID = context().aws_request_id
Logs = Callable[[], list[dict[str, Any]]]
EVENT = {
    "Records": [
        {
            "messageId": "m1",
            "receiptHandle": "handle-1",
            "body": '{"taskId": "t1",  "payload": {"a": 1.0}}',
            "attributes": {"ApproximateReceiveCount": "2"},
            "eventSourceARN": "arn:aws:sqs:eu-central-1:1:work",
        },
        {
            "messageId": "m2",
            "receiptHandle": "handle-2",
            "body": "no JSON \udce9",
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSourceARN": "arn:aws:sqs:eu-central-1:1:work",
        },
    ]
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def test_what_was_received_and_answered_is_left(logs: Logs) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert trail.recorded(lambda *_: answer)(EVENT, context()) == answer
    [received, answered] = logs()
    assert (received["event"], answered["event"]) == ("TRAIL_RECEIVED", "TRAIL_ANSWERED")
    assert received["requestId"] == answered["requestId"] == REQUEST_ID
    assert received["at"] <= answered["at"]
    assert answered["answer"] == answer
    [task, poison] = received["messages"]
    assert (task["messageId"], task["receiveCount"], task["taskId"]) == ("m1", 2, "t1")
    assert task["queueArn"] == "arn:aws:sqs:eu-central-1:1:work"
    assert task["bodySha256"] == sha256('{"taskId":"t1","payload":{"a":1.0}}')
    assert (poison["messageId"], poison["taskId"], poison["bodySha256"]) == ("m2", None, sha256("no JSON \udce9"))


def test_no_body_and_no_receipt_handle_is_logged(logs: Logs) -> None:
    trail.recorded(lambda *_: None)(EVENT, context())
    assert "payload" not in str(logs())
    assert "handle-1" not in str(logs())


def test_an_exception_passes_and_is_left(logs: Logs) -> None:
    def failing(*_: Any) -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError):
        trail.recorded(failing)(EVENT, context())
    assert (logs()[-1]["event"], logs()[-1]["error"]) == ("TRAIL_RAISED", "KeyError: 'lost'")


def test_an_answer_that_lambda_could_not_take_is_an_exception(logs: Logs) -> None:
    with pytest.raises(TypeError):
        trail.recorded(lambda *_: object())(EVENT, context())
    assert logs()[-1]["event"] == "TRAIL_RAISED"


@pytest.fixture
def sqs() -> Any:
    """A client of the default session, as any handler makes it."""
    with patch.dict(os.environ, ENVIRONMENT):
        return boto3.client("sqs")


def test_a_changed_visibility_is_left_whoever_asked_for_it(logs: Logs, sqs: Any) -> None:
    with Stubber(sqs) as stub:
        stub.add_response("change_message_visibility", {})
        sqs.change_message_visibility(QueueUrl="https://q", ReceiptHandle="handle-1", VisibilityTimeout=10)
    [call] = logs()
    assert (call["event"], call["queueUrl"], call.get("error"), call["refused"]) == (
        "TRAIL_CALL",
        "https://q",
        None,
        [],
    )
    [received] = trail_of_handle("handle-1", logs)
    assert call["entries"] == [{"id": None, "receipt": received["receipt"], "visibilityTimeout": 10}]
    assert call["startedAt"] <= call["endedAt"]


def trail_of_handle(handle: str, logs: Logs) -> list[dict[str, Any]]:
    trail.recorded(lambda *_: None)({"Records": [{**EVENT["Records"][0], "receiptHandle": handle}]}, context())
    messages: list[dict[str, Any]] = logs()[-2]["messages"]
    return messages


def test_a_call_that_got_no_answer_is_left_as_such(logs: Logs, sqs: Any) -> None:
    silence = patch("botocore.endpoint.Endpoint.make_request", side_effect=ReadTimeoutError(endpoint_url="https://q"))
    with silence, pytest.raises(ReadTimeoutError):
        sqs.change_message_visibility(QueueUrl="https://q", ReceiptHandle="h", VisibilityTimeout=10)
    [call] = logs()
    assert (call["status"], call["error"], call["refused"]) == (0, "ReadTimeoutError", [])


@pytest.mark.parametrize("wrong", [{}, {"ReceiptHandle": None}, {"ReceiptHandle": 7}, {"QueueUrl": None}])
def test_a_call_that_the_client_refuses_is_refused_by_the_client(logs: Logs, sqs: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        sqs.change_message_visibility(**wrong)
    assert logs() == []


def test_the_harness_reads_what_the_trail_leaves(logs: Logs, sqs: Any) -> None:
    """The two share no code."""
    refused = {"Successful": [], "Failed": [{"Id": "b", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}]}
    stub = Stubber(sqs)
    stub.add_response("change_message_visibility", {})
    stub.add_client_error("change_message_visibility", "InvalidParameterValue")
    stub.add_response("change_message_visibility_batch", refused)

    def handler(*_: Any) -> dict[str, Any]:
        sqs.change_message_visibility(QueueUrl="https://q", ReceiptHandle="handle-1", VisibilityTimeout=5)
        with pytest.raises(sqs.exceptions.ClientError):
            sqs.change_message_visibility(QueueUrl="https://q", ReceiptHandle="handle-2", VisibilityTimeout=5)
        entries = [{"Id": "b", "ReceiptHandle": "handle-2", "VisibilityTimeout": 7}]
        sqs.change_message_visibility_batch(QueueUrl="https://q", Entries=entries)
        return {"batchItemFailures": [{"itemIdentifier": "m1"}]}

    with stub:
        trail.recorded(handler)(EVENT, context())
    reader = Trail(TRAIL)
    reader.add(LogLine("/aws/lambda/worker", "stream", 0, json.dumps(line)) for line in logs())
    recording = reader.recording({}, MessageWords())
    assert recording.damage == []
    [invocation] = recording.invocations.values()
    assert (invocation.request_id, invocation.function) == (REQUEST_ID, "worker")
    assert json.loads(invocation.response or "") == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert [(m.message_id, m.receive_count, m.queue_arn) for m in invocation.messages] == [
        ("m1", 2, "arn:aws:sqs:eu-central-1:1:work"),
        ("m2", 1, "arn:aws:sqs:eu-central-1:1:work"),
    ]
    first, second = (message.receipt_handle for message in invocation.messages)
    asked = [(c.parameters["Entries"][0]["ReceiptHandle"], c.status, c.error_code) for c in recording.calls]
    assert asked == [(first, 200, None), (second, 400, "InvalidParameterValue"), (second, 200, None)]
    assert [sorted(c.refused_entries) for c in recording.calls] == [[], [], ["b"]]
    assert reader.task_ids == {"t1"}
    assert reader.bodies_wanted == {sha256('{"taskId":"t1","payload":{"a":1.0}}'), sha256("no JSON \udce9")}


@pytest.mark.parametrize(("handler", "error"), [(lambda *_: 1 / 0, True), (lambda *_: None, False)])
def test_the_harness_reads_how_an_invocation_ended(logs: Logs, handler: Any, error: bool) -> None:
    with contextlib.suppress(ZeroDivisionError):
        trail.recorded(handler)(EVENT, context())
    reader = Trail(TRAIL)
    reader.add(LogLine("/aws/lambda/worker", "stream", 0, json.dumps(line)) for line in logs())
    [invocation] = reader.recording({}, MessageWords()).invocations.values()
    assert invocation.is_error is error
    assert invocation.ended_at_ms is not None


def test_a_refused_change_is_left_as_refused(logs: Logs, sqs: Any) -> None:
    stub = Stubber(sqs)
    stub.add_client_error("change_message_visibility", "InvalidParameterValue")
    with stub, pytest.raises(sqs.exceptions.ClientError):
        sqs.change_message_visibility(QueueUrl="https://q", ReceiptHandle="h", VisibilityTimeout=10)
    assert logs()[-1]["error"] == "InvalidParameterValue"


def test_the_entries_of_a_batch_are_left_with_those_that_were_refused(logs: Logs, sqs: Any) -> None:
    failed = {"Id": "b", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}
    entries = [{"Id": i, "ReceiptHandle": i, "VisibilityTimeout": 5} for i in ("a", "b")]
    with Stubber(sqs) as stub:
        answer = {"Successful": [{"Id": "a"}], "Failed": [failed]}
        stub.add_response("change_message_visibility_batch", answer, {"QueueUrl": "https://q", "Entries": ANY})
        sqs.change_message_visibility_batch(QueueUrl="https://q", Entries=entries)
    [call] = logs()
    assert ([e["id"] for e in call["entries"]], call["refused"]) == (["a", "b"], ["b"])


def test_other_calls_leave_nothing(logs: Logs, sqs: Any) -> None:
    with Stubber(sqs) as stub:
        stub.add_response("get_queue_url", {"QueueUrl": "https://q"})
        sqs.get_queue_url(QueueName="q")
    assert logs() == []
