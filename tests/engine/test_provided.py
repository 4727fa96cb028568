"""Functions that bring their own runtime: a program of the package's asks the Runtime API itself, as those in Go or Rust do."""

from __future__ import annotations

import sys

import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create
from tests.engine.recorded import recorded

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="such programs are made for Linux")

BOOTSTRAP = """
#!/usr/bin/env python3
import json, os, sys, urllib.request
API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"

def tell(path, document):
    urllib.request.urlopen(f"{API}/{path}", json.dumps(document).encode()).read()

while True:
    with urllib.request.urlopen(f"{API}/next") as asked:
        request_id, event = asked.headers["Lambda-Runtime-Aws-Request-Id"], json.load(asked)
    print("asked for", event, flush=True)
    if "exit" in event:
        sys.exit(event["exit"])
    if "fail" in event:
        tell(f"{request_id}/error", {"errorType": "Refused", "errorMessage": event["fail"]})
    else:
        told = [os.environ["_HANDLER"], os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], "AWS_ENDPOINT_URL" in os.environ]
        tell(f"{request_id}/response", told)
    if "after" in event:
        scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
        urllib.request.urlopen(urllib.request.Request(
            os.environ["AWS_ENDPOINT_URL"],
            json.dumps({"QueueNamePrefix": event["after"]}).encode(),
            {
                "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Security-Token": os.environ["AWS_SESSION_TOKEN"],
                "X-Amz-Target": "AmazonSQS.ListQueues",
            },
        )).read()
"""


def test_it_answers_fails_and_ends_as_any_other(function: Create) -> None:
    mine = function(BOOTSTRAP, file="bootstrap", runtime="provided.al2023", handler="work")
    assert mine.invoke(n=1).payload == ["work", True, True]
    failed = mine.invoke(fail="no paper")
    assert (failed.error, failed.payload["errorType"], failed.payload["errorMessage"]) == (
        "Unhandled",
        "Refused",
        "no paper",
    )
    ended = mine.invoke(exit=3)
    assert ended.payload["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in ended.payload["errorMessage"]
    assert mine.invoke(n=2).payload == ["work", True, True], "and begins anew"
    assert any("asked for {'fail': 'no paper'}" in line for line in mine.log(until="no paper"))


def test_it_may_work_on_until_it_asks_again(endpoint: Endpoint, function: Create) -> None:
    mine = function(BOOTSTRAP, file="bootstrap", runtime="provided.al2023", handler="work")
    mine.invoke(after="afterwards")
    made = wait_for(lambda: [each for each in recorded(endpoint).calls if each.function == mine.name], seconds=30)
    assert [(each.operation, each.parameters, each.late) for each in made] == [
        ("ListQueues", {"QueueNamePrefix": "afterwards"}, False)
    ]


def test_a_package_without_a_program_is_told_in_lambdas_words(function: Create) -> None:
    empty = function("nothing", file="README", runtime="provided.al2023", handler="work")
    answer = empty.invoke()
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert any("Couldn't find valid bootstrap(s): [" in line for line in empty.log(until="bootstrap"))
