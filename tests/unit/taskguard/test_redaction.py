"""What lets a client in is not written down with a function's event, and nothing else of it is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from taskguard.engine.recorder.redaction import HIDDEN, without_credentials

EVENT: dict[str, Any] = {
    "httpMethod": "POST",
    "headers": {"Host": "here", "Content-Type": "application/json"},
    "multiValueHeaders": {"Host": ["here"]},
    "queryStringParameters": None,
    "requestContext": {"identity": {"sourceIp": "127.0.0.1", "apiKey": None}, "stage": "dev"},
    "body": '{"payload":{"Authorization":"Zoë"}}',
}


def hidden(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(without_credentials(json.dumps(EVENT | changes)))
    return found


@pytest.mark.parametrize(
    "name", ["x-api-key", "X-API-Key", "Authorization", "X-Amz-Security-Token", "Cookie", "Proxy-Authorization"]
)
def test_a_header_that_lets_a_client_in_is_hidden(name: str) -> None:
    sent = {"headers": {name: "a secret", "Host": "here"}, "multiValueHeaders": {name: ["a secret"], "Host": ["here"]}}
    assert hidden(**sent) == EVENT | {
        "headers": {name: HIDDEN, "Host": "here"},
        "multiValueHeaders": {name: [HIDDEN], "Host": ["here"]},
    }


def test_a_signed_address_is_hidden() -> None:
    query = {"X-Amz-Signature": "a secret", "X-Amz-Date": "20260101T000000Z"}
    assert hidden(queryStringParameters=query)["queryStringParameters"] == query | {"X-Amz-Signature": HIDDEN}


def test_the_key_that_api_gateway_recognised_is_hidden() -> None:
    key = "apiKey"
    told = hidden(requestContext={"identity": {"apiKeyId": "k1", key: "a secret"}})
    assert list(told["requestContext"]["identity"].values()) == ["k1", HIDDEN]


@pytest.mark.parametrize(
    "event",
    [
        json.dumps(EVENT, indent=1),
        '{"Records": [{"body": "{\\"x-api-key\\": 1}"}]}',
        '"requestContext"',
        '["requestContext"]',
        '{"requestContext": ',
        '{"requestContext": "x", "headers": ["x-api-key"]}',
        "",
    ],
)
def test_an_event_without_a_credential_stays_as_it_is(event: str) -> None:
    assert without_credentials(event) == event
