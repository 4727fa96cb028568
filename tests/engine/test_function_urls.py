"""The URLs of functions behave as Lambda documents it, below the engine's own address. Each test names the page of AWS's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.http_stack import Deployed, arn_of, asked, deployed, permission

pytestmark = pytest.mark.documented

SAYS = """
    |import json
    |
    |def handler(event, context):
    |    if event.get("body") == "raise":
    |        raise ValueError("an error")
    |    if event.get("body") == "bare":
    |        return {"a": 1}
    |    return {"statusCode": 202, "headers": {"Access-Control-Allow-Origin": "own"}, "cookies": ["a=1"], "body": json.dumps(event)}
"""


@pytest.fixture
def says(function: Create) -> Function:
    return function(SAYS, timeout=20)


def a_url(function: Function, **properties: Any) -> Mapping[str, Any]:
    told = {"AuthType": "NONE", **properties}
    return {
        "Url": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": arn_of(function), **told}},
        "Everybody": permission(function, Action="lambda:InvokeFunctionUrl", Principal="*"),
    }


def address_of(stack: Deployed) -> str:
    told = stack.endpoint.functions().get_function_url_config(FunctionName=stack.id_of("Url"))
    return told["FunctionUrl"]


def test_a_function_is_told_of_the_request_and_its_answer_is_the_response(endpoint: Endpoint, says: Function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
    with deployed(endpoint, a_url(says)) as stack:
        url = address_of(stack)
        assert endpoint.url is not None
        assert url.startswith(endpoint.url)
        answer = asked(
            "PUT", f"{url}a%20b/c?p=1&p=2", data="Zoë".encode(), headers={"Content-Type": "text/plain", "Cookie": "x=1"}
        )
        event = answer.json()
        assert (answer.status_code, answer.cookies["a"], answer.headers["Content-Type"]) == (
            202,
            "1",
            "application/json",
        )
        assert {
            name: event[name] for name in ("version", "routeKey", "rawPath", "rawQueryString", "body", "cookies")
        } == {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/a%20b/c",
            "rawQueryString": "p=1&p=2",
            "body": "Zoë",
            "cookies": ["x=1"],
        }
        context = event["requestContext"]
        assert (context["accountId"], context["stage"], context["http"]["method"]) == ("anonymous", "$default", "PUT")
        bare = asked("POST", url, data="bare", headers={"Content-Type": "text/plain"})
        assert (bare.status_code, bare.json()) == (200, {"a": 1})
        failed = asked("POST", url, data="raise", headers={"Content-Type": "text/plain"})
        assert (failed.status_code, failed.text) == (502, "Internal Server Error")


def test_who_may_call_a_url_and_who_may_ask_from_elsewhere_is_as_configured(endpoint: Endpoint, says: Function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html and https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html"""
    closed = {name: each for name, each in a_url(says).items() if name == "Url"}
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["*"]}

    def allowed(url: str, method: str = "GET") -> str | None:
        headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        answer = asked(method, url, headers=headers)
        assert answer.status_code in (200, 202)
        return answer.headers.get("Access-Control-Allow-Origin")

    with deployed(endpoint, closed) as stack:
        url = address_of(stack)
        assert (asked("GET", url).status_code, asked("GET", url).json()) == (403, {"Message": "Forbidden"})
        stack.update(a_url(says))
        assert allowed(url) == "own"
        stack.update(a_url(says, Cors=cors))
        assert (allowed(url), allowed(url, "OPTIONS")) == ("https://a.example", "https://a.example")
        stack.update(a_url(says, AuthType="AWS_IAM"))
        assert asked("GET", url).status_code == 403
        signed = asked("GET", url, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/..."})
        assert signed.json()["requestContext"]["authorizer"]["iam"]["accessKey"] == "test"
        assert signed.headers["Access-Control-Allow-Origin"] == "own"
    assert asked("GET", url).status_code == 403
