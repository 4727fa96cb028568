"""What schemathesis checks of each answer beyond its own checks, loaded by its command.

No error may tell of the pipeline's inside; what is no route gets API Gateway's own answer; and what is accepted is written
down, with the body that was sent, for the test to see what became of it. A fault that is known to be the engine's own is
written down too, and not held against the API. This module must not know how cases are made.
"""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import schemathesis
from requests import PreparedRequest
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure

from tests import api_document

ACCEPTED = "TASKGUARD_EDGE_ACCEPTED"
"""Names the file for the accepted tasks: a line of JSON each, with `taskId` and `body`."""

ENGINES_FAULTS = "TASKGUARD_EDGE_ENGINES_FAULTS"
"""Names the file for the engine's own faults: a line of text each."""

# Whatever an error says, it says in the words of the API.
INTERNALS = {
    "a traceback": r"Traceback|\bline \d+, in\b",
    "a class of Python's": r"\b[A-Za-z_.]*(?:Error|Exception|Warning)\b|<class |\bNoneType\b|\bobject at 0x",
    "a library of the functions": r"\b(?:boto(?:core|3)|moto|localstack|awslambdaric|aws_lambda_powertools)\b",
    "an ARN": r"\barn:aws",
    "a URL": r"\bhttps?://|\bamazonaws\b",
    "the name of a table or a queue": r"\bTasksTable|\bTask(?:Queue|DLQ)",
    "a path of a file": r"/(?:var|tmp|opt|usr|home|root|Users)/|\b\w+\.py\b",
    "an AWS account or request": r"\b000000000000\b|\bRequestI[dD]\b",
}

_lock = threading.Lock()


def engines_fault(status: int, text: str, content_type: str) -> str | None:
    """What of an answer is LocalStack's own fault, as docs/engines.md tells; none of it is the API's."""
    if status != 500 or not text.startswith("Error in apigateway invocation: "):
        return None
    if content_type.startswith("multipart/form-data") and "boundary=" not in content_type:
        return "LocalStack fails at multipart/form-data without a boundary, before the function is called"
    return None


def internals_in(text: str, request: str) -> list[str]:
    """What an error's text tells of the inside, but for what it only repeats of the request."""
    return [
        f"{what}: {match.group()!r}"
        for what, pattern in INTERNALS.items()
        for match in re.finditer(pattern, text)
        if match.group() not in request
    ]


@schemathesis.check
def no_internals_in_an_error(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    if response.status_code >= 400:
        found = internals_in(response.text, _as_text(response.request))
        assert not found, f"The error tells of the pipeline's inside: {'; '.join(found)}"


@schemathesis.check
def what_is_no_route_is_refused_by_api_gateway(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    declared = {method for method, template, _ in api_document.operations() if template == case.operation.path}
    if case.method.upper() not in declared:
        assert response.status_code == 403, f"answered {response.status_code} {response.text}"
        assert case.method == "HEAD" or response.json() == {"message": "Missing Authentication Token"}, response.text


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    fault = engines_fault(response.status_code, response.text, response.request.headers.get("Content-Type", ""))
    if fault is not None:
        _note(ENGINES_FAULTS, fault)
    return fault is None


@schemathesis.check
def what_is_accepted_is_noted(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    if response.status_code == 202:
        body = response.request.body or b""
        text = body.decode(errors="surrogateescape") if isinstance(body, bytes) else str(body)
        _note(ACCEPTED, json.dumps({"taskId": response.json()["taskId"], "body": text}))


def _note(file: str, line: str) -> None:
    if path := os.environ.get(file):
        with _lock, Path(path).open("a", encoding="utf-8") as notes:
            notes.write(f"{line}\n")


def _as_text(request: PreparedRequest) -> str:
    body = request.body or b""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    return f"{request.method} {request.url}\n{dict(request.headers)}\n{text}"
