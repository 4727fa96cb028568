"""Functions in Python behave as on Lambda: a table of cases (docs/runtimes.md), and what no table holds."""

from __future__ import annotations

import json

import pytest

from tests.engine.conftest import Create
from tests.engine.runtime_cases.case import Case, assert_as_on_lambda
from tests.engine.runtime_cases.python import CASES


@pytest.mark.documented
@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in CASES])
def test_a_function_does_as_on_lambda(function: Create, case: Case) -> None:
    assert_as_on_lambda(function, case)


def test_a_log_is_one_event_a_call_whatever_is_in_it(function: Create) -> None:
    teller = function(
        """
        |import logging
        |def handler(event, context):
        |    logging.getLogger().warning("one\\ntwo")
        |    print("three\\rfour")
        """
    )
    request_id = teller.invoke().request_id
    _, first, second, *_ = teller.log(until="REPORT")
    assert first.startswith("[WARNING]\t")
    assert first.split("\t")[2:] == [request_id, "one\rtwo"]
    assert second == "three\rfour"


def test_a_log_is_json_where_that_is_asked_for(function: Create) -> None:
    teller = function(
        """
        |import logging
        |def handler(event, context):
        |    logging.getLogger().warning("careful %d", 1)
        |    print("plain")
        |    raise ValueError("no")
        """,
        settings={"LoggingConfig": {"LogFormat": "JSON"}},
    )
    request_id = teller.invoke().request_id
    log = teller.log(until="REPORT")
    lines = [json.loads(line) for line in log if line.startswith("{")]
    warned = next(line for line in lines if line["level"] == "WARNING")
    assert (warned["message"], warned["requestId"]) == ("careful 1", request_id)
    failed = next(line for line in lines if line["level"] == "ERROR")
    assert (failed["errorType"], failed["errorMessage"], failed["requestId"]) == ("ValueError", "no", request_id)
    assert "plain" in log


def test_what_is_meant_for_aws_reaches_the_engine_however_it_is_asked(function: Create) -> None:
    asker = function(
        """
        |import asyncio, boto3, http.client, socket, urllib.request
        |def server_of(answer):
        |    return "engine" if answer.headers["server"] else "other"
        |async def by_tls_of_its_own():
        |    try:
        |        await asyncio.open_connection("sqs.amazonaws.com", 443, ssl=True)
        |    except OSError as error:
        |        return type(error).__name__
        |def handler(event, context):
        |    where = "https://sqs.eu-central-1.amazonaws.com"
        |    connection = http.client.HTTPSConnection("s3.amazonaws.com")
        |    connection.request("GET", "/")
        |    by_name = boto3.client("sqs", endpoint_url=where).list_queues()["ResponseMetadata"]
        |    return {
        |        "urllib": server_of(urllib.request.urlopen(where + "/?Action=ListQueues&Version=2012-11-05")),
        |        "http": server_of(connection.getresponse()),
        |        "emulator": server_of(urllib.request.urlopen("http://localhost:4566/_localstack/health")),
        |        "boto3": "engine" if by_name["HTTPStatusCode"] == 200 else "other",
        |        "otherwise": asyncio.run(by_tls_of_its_own()),
        |        "engine": socket.getaddrinfo("sqs.amazonaws.com", 443)[0][4][0],
        |    }
        """
    )
    told = asker.invoke().payload
    assert told == dict.fromkeys(("urllib", "http", "emulator", "boto3"), "engine") | {
        "otherwise": "SSLError",
        "engine": "127.0.0.1",
    }
