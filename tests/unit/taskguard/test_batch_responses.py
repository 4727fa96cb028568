"""Which messages of a batch have failed, by what the function answers: AWS's conditions, one by one.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from __future__ import annotations

import json

import pytest
from taskguard.engine.events.responses import InvalidResponseError, failed_messages

BATCH = {"one", "other"}


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"null",
        b"{}",
        b'""',
        b"[]",
        b'{"batchItemFailures": []}',
        b'{"batchItemFailures": null}',
        b'{"status": 200}',
    ],
)
def test_none_has_failed(response: bytes) -> None:
    assert failed_messages(response, BATCH) == set()


def test_those_that_are_named_have_failed() -> None:
    assert failed_messages(b'{"batchItemFailures": [{"itemIdentifier": "one"}]}', BATCH) == {"one"}


@pytest.mark.parametrize(
    "failures", ["x", 7, {"itemIdentifier": "one"}, ["one"], [{}], [{"id": "one"}], [{"itemIdentifier": None}]]
)
def test_failures_that_name_nothing_fail_the_batch(failures: object) -> None:
    with pytest.raises(InvalidResponseError):
        failed_messages(json.dumps({"batchItemFailures": failures}).encode(), BATCH)


@pytest.mark.parametrize("name", ["", "another", 7])
def test_one_that_is_not_in_the_batch_fails_all_of_it(name: object) -> None:
    failures = [{"itemIdentifier": "one"}, {"itemIdentifier": name}]
    with pytest.raises(InvalidResponseError):
        failed_messages(json.dumps({"batchItemFailures": failures}).encode(), BATCH)


@pytest.mark.parametrize("response", [b"{", b"\xff", b'"done"', b"7", b"true", b'["one"]', b"[" * 100_000])
def test_what_is_no_object_fails_the_batch(response: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        failed_messages(response, BATCH)


def test_a_json_text_that_holds_a_response_is_none() -> None:
    with pytest.raises(InvalidResponseError):
        failed_messages(json.dumps('{"batchItemFailures": [{"itemIdentifier": "one"}]}').encode(), BATCH)
