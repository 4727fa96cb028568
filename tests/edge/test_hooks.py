"""What the hooks hold against an answer, and what not."""

from __future__ import annotations

import json

import pytest

from tests.edge.hooks import engines_fault, internals_in

LEAKS = {
    "a traceback": 'Traceback (most recent call last):\n  File "x", line 3, in handler',
    "a class": "<class 'dict'> is not JSON serializable",
    "an exception": "KeyError: 'payload'",
    "an exception of a library": "botocore.exceptions.ClientError",
    "an ARN": "not authorized on arn:aws:dynamodb:eu-central-1:123456789012:table/x",
    "a queue's URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/x",
    "a table": "TasksTable-test does not exist",
    "a path": "/var/task/handlers/submit_task.py",
    "a file": "in submit_task.py",
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_what_tells_of_the_inside_is_found(text: str) -> None:
    assert internals_in(json.dumps({"message": text}), "POST /task")


def test_what_only_repeats_the_request_is_no_leak() -> None:
    text = json.dumps({"message": "Unknown fields: 'KeyError'. Known are payload and taskId."})
    assert internals_in(text, 'POST /task {"KeyError": 1}') == []
    assert internals_in(text, "POST /task {}") != []


def test_errors_of_the_api_tell_nothing_of_the_inside() -> None:
    for message in (
        "A task invoice-2026-0042 with another payload exists. Choose another taskId, or send the payload it has.",
        "The body is refused: not JSON: Expecting value at character 13.",
        "The content type must be application/json in UTF-8; found 'text/plain'.",
        "Missing Authentication Token",
    ):
        assert internals_in(message, "") == []


def test_only_the_engines_own_fault_is_excused() -> None:
    own = "Error in apigateway invocation: list index out of range"
    assert engines_fault(500, own, "multipart/form-data") is not None
    assert engines_fault(500, own, "application/json") is None
    assert engines_fault(500, own, "multipart/form-data; boundary=x") is None
    assert engines_fault(502, '{"message": "Internal server error"}', "multipart/form-data") is None
    assert engines_fault(400, own, "multipart/form-data") is None
