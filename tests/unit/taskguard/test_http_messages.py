"""What HTTP APIs and function URLs make of requests and of functions' answers, apart from any engine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from taskguard.engine.services.http_api.answers import answer_of
from taskguard.engine.services.http_api.cors import Cors, preflight, with_cors
from taskguard.engine.services.http_api.events import Call, event_of
from taskguard.engine.services.http_api.messages import FAILED, Incoming, Outgoing
from taskguard.engine.services.http_api.openapi import read
from taskguard.engine.services.http_api.routing import matched

REQUEST = Incoming(method="POST", path="/a", query="", headers=(), body=b"", source_ip="127.0.0.1", at_seconds=0.0)
CALL = Call(
    request=REQUEST,
    path="/a",
    account="1",
    api_id="x",
    domain="x.example",
    stage="$default",
    route_key="POST /a",
    request_id="r",
    parameters={},
    variables={},
)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/a", "GET /a"),
        ("GET", "/a/", "GET /a"),
        ("PUT", "/a", "ANY /a"),
        ("GET", "/a/b", "GET /a/{id}"),
        ("GET", "/a/b/c", "ANY /a/{rest+}"),
        ("GET", "/a/b/c/d", "ANY /a/b/{rest+}"),
        ("GET", "/", None),
        ("PUT", "/b", None),
    ],
)
def test_a_route_is_chosen_by_how_much_of_it_is_named(method: str, path: str, key: str | None) -> None:
    keys = ["ANY /a", "GET /a", "GET /a/{id}", "ANY /a/{rest+}", "ANY /a/b/{rest+}"]
    found = matched([key for key in keys if key != "ANY /a/b/{rest+}" or path.endswith("d")], method, path)
    assert (found.key if found is not None else None) == key


def test_variables_are_decoded_after_the_path_was_taken_apart() -> None:
    found = matched(["GET /a/{id}"], "GET", "/a/x%2Fy%20z")
    assert found is not None
    assert found.parameters == {"id": "x/y z"}


@pytest.mark.parametrize(
    ("kind", "is_encoded"),
    [
        ("application/json; charset=utf-8", False),
        ("text/csv", False),
        ("application/xml", False),
        ("application/x-www-form-urlencoded", True),
        ("image/png", True),
        (None, True),
    ],
)
def test_what_is_text_follows_from_the_content_type(kind: str | None, is_encoded: bool) -> None:
    headers = (("Content-Type", kind),) if kind is not None else ()
    event = event_of(replace(CALL, request=replace(REQUEST, headers=headers, body=b"a=1")), "2.0")
    assert (event["body"], event["isBase64Encoded"]) == (("YT0x", True) if is_encoded else ("a=1", False))


def test_an_event_leaves_out_what_is_not_there_or_has_it_as_null() -> None:
    assert not {"body", "cookies", "queryStringParameters", "pathParameters", "stageVariables"} & set(
        event_of(CALL, "2.0")
    )
    old = event_of(CALL, "1.0")
    assert [old[name] for name in ("body", "queryStringParameters", "pathParameters", "stageVariables")] == [None] * 4


@pytest.mark.parametrize(
    "payload",
    [
        {"statusCode": "no number"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"an": "object"}},
        {"statusCode": 200, "headers": {"X": ["a", "list"]}},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
        {"statusCode": 200, "headers": "text"},
    ],
)
def test_an_answer_that_is_not_as_documented_is_an_internal_error(payload: object) -> None:
    for version in ("1.0", "2.0"):
        assert answer_of(json.dumps(payload).encode(), version) == FAILED


def test_an_answer_may_be_the_body_alone_in_format_2_only() -> None:
    for payload, body in ((b'{"id": 1}', b'{"id": 1}'), (b'"text"', b"text"), (b"null", b"null"), (b"[1]", b"[1]")):
        made = answer_of(payload, "2.0")
        assert (made.status, made.headers, made.body) == (200, (("Content-Type", "application/json"),), body)
        assert answer_of(payload, "1.0") == FAILED


def test_a_header_in_both_fields_has_both_values() -> None:
    told = {"statusCode": 200, "headers": {"X": "b", "Y": True}, "multiValueHeaders": {"X": ["a", "b"]}}
    made = answer_of(json.dumps(told).encode(), "1.0")
    assert made.headers == (("X", "a"), ("X", "b"), ("Y", "true"), ("Content-Type", "text/plain;charset=UTF-8"))


def test_an_origin_is_echoed_where_it_is_allowed_and_every_one_is_a_star() -> None:
    answer = Outgoing(status=200, headers=(("Access-Control-Allow-Origin", "own"),), body=b"")
    asking = replace(REQUEST, headers=(("Origin", "https://a.example"),))
    for origins, allowed in ((["*"], "*"), (["https://*"], "https://a.example"), (["http://*"], None)):
        cors = Cors.of({"allowOrigins": origins, "exposeHeaders": ["x"]})
        assert cors is not None
        assert dict(with_cors(cors, asking, answer).headers).get("access-control-allow-origin") == allowed
        assert preflight(cors, asking) is None
    assert Cors.of({}) is None


def test_a_document_may_refer_to_integrations_and_authorizers() -> None:
    made = read("""
        openapi: 3.0.1
        info: {title: of a document, version: 2}
        security: [{guard: []}]
        paths:
          /a:
            get: {x-amazon-apigateway-integration: {$ref: '#/components/x-amazon-apigateway-integrations/one'}}
            parameters: []
          /b:
            x-amazon-apigateway-any-method: {security: [], x-amazon-apigateway-integration: {type: aws_proxy, uri: two}}
        components:
          x-amazon-apigateway-integrations: {one: {type: aws_proxy, uri: one, payloadFormatVersion: 2.0}}
          securitySchemes:
            guard:
              x-amazon-apigateway-authorizer: {type: request, authorizerUri: three, identitySource: '$request.header.A, $request.header.B'}
    """)
    first, second = made.routes
    assert (first.key, first.authorizer, second.key, second.authorizer) == ("GET /a", "guard", "ANY /b", None)
    assert first.integration is not None
    assert (first.integration["integration_uri"], first.integration["payload_format_version"]) == ("one", "2.0")
    assert made.authorizers["guard"]["identity_source"] == ["$request.header.A", "$request.header.B"]


@pytest.mark.parametrize("text", ["", "[", "a: 1"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OpenAPI"):
        read(text)
