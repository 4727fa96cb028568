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


# As https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html shows it.
EVENT_2: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "GET /task/{taskId}",
    "rawPath": "/task/t1",
    "rawQueryString": "",
    "headers": {"host": "here"},
    "requestContext": {"http": {"method": "GET", "path": "/task/t1"}, "stage": "$default"},
    "pathParameters": {"taskId": "t1"},
    "isBase64Encoded": False,
}


def test_the_cookies_of_payload_format_2_are_hidden_and_their_names_are_not() -> None:
    event = EVENT_2 | {"cookies": ["session=a secret=x", "lang=de", "bare", ""]}
    assert json.loads(without_credentials(json.dumps(event))) == event | {
        "cookies": [f"session={HIDDEN}", f"lang={HIDDEN}", HIDDEN, HIDDEN]
    }


@pytest.mark.parametrize("name", ["token", "access_token", "API_Key", "x-api-key", "X-Amz-Signature", "client_secret"])
def test_a_query_that_lets_a_client_in_is_hidden_in_each_of_its_forms(name: str) -> None:
    event = EVENT_2 | {
        "rawQueryString": f"task=t1&{name}=a%20secret&{name}&empty=&x=a=b",
        "queryStringParameters": {"task": "t1", name: "a secret"},
        "multiValueQueryStringParameters": {"task": ["t1"], name: ["a secret", "another secret"]},
    }
    assert json.loads(without_credentials(json.dumps(event))) == event | {
        "rawQueryString": f"task=t1&{name}={HIDDEN}&{name}&empty=&x=a=b",
        "queryStringParameters": {"task": "t1", name: HIDDEN},
        "multiValueQueryStringParameters": {"task": ["t1"], name: [HIDDEN]},
    }


def test_a_name_that_is_written_otherwise_in_the_address_is_the_same() -> None:
    event = EVENT_2 | {"rawQueryString": "%74oken=secret&tok%65n=secret"}
    assert json.loads(without_credentials(json.dumps(event)))["rawQueryString"] == (
        f"%74oken={HIDDEN}&tok%65n={HIDDEN}"
    )


def test_a_cookie_that_a_function_gives_is_hidden() -> None:
    answer = {
        "statusCode": 200,
        "headers": {"Set-Cookie": "s=secret", "Location": "/"},
        "cookies": ["s=secret; Secure"],
    }
    assert json.loads(without_credentials(json.dumps(answer))) == answer | {
        "headers": {"Set-Cookie": HIDDEN, "Location": "/"},
        "cookies": [f"s={HIDDEN}"],
    }


@pytest.mark.parametrize(
    "event",
    [
        {"type": "TOKEN", "authorizationToken": "Bearer secret", "methodArn": "arn:a"},
        EVENT_2 | {"identitySource": ["Bearer secret"]},
    ],
)
def test_what_an_authorizer_is_asked_about_is_hidden(event: dict[str, Any]) -> None:
    told = without_credentials(json.dumps(event))
    assert "secret" not in told
    assert json.loads(told).keys() == event.keys()


@pytest.mark.parametrize(
    "event",
    [
        json.dumps(EVENT, indent=1),
        '{"Records": [{"body": "{\\"x-api-key\\": 1}"}]}',
        '"requestContext"',
        '["requestContext"]',
        '{"requestContext": ',
        '{"requestContext": "x", "headers": ["x-api-key"]}',
        json.dumps(EVENT_2, indent=1),
        '{"requestContext": "x", "cookies": "none", "rawQueryString": 7}',
        '{"requestContext": "x", "cookies": [], "rawQueryString": "taskId=token&token="}',
        '{"requestContext": ' * 100_000,
        '{"batchItemFailures": [{"itemIdentifier": "token"}], "statusCode": 200}',
        "",
    ],
)
def test_an_event_without_a_credential_stays_as_it_is(event: str) -> None:
    assert without_credentials(event) == event
