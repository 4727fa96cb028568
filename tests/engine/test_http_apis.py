"""HTTP APIs on the engine behave as API Gateway documents it: which route takes a request, what its function is told, and what is
answered. Each test names the page of AWS's that it holds the engine to."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from taskguard.ingress.access import token_for
from taskguard.service.stack import Token
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.http_stack import an_api, arn_of, asked, deployed, http, permission, proxy, route
from tests.engine.recorded import recorded

pytestmark = pytest.mark.documented

TELLS = """
    |def handler(event, context):
    |    return event
"""
WRAPS = """
    |import json
    |
    |def handler(event, context):
    |    return {"statusCode": 203, "headers": {"X-One": 1}, "multiValueHeaders": {"X-Two": ["a", "b"]}, "body": json.dumps(event)}
"""
SAYS = """
    |import json, time
    |
    |def handler(event, context):
    |    says = json.loads(event["body"])
    |    time.sleep(says.get("sleeps", 0))
    |    if "raises" in says:
    |        raise ValueError(says["raises"])
    |    return says["returns"]
"""
DECIDES = """
    |def handler(event, context):
    |    word = {name.lower(): value for name, value in event["headers"].items()}["authorization"]
    |    if event["version"] == "1.0":
    |        statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if word == "open" else "Deny", "Resource": event["methodArn"]}
    |        return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": {"is": word}}
    |    if word == "fails":
    |        raise ValueError(word)
    |    return {"isAuthorized": word == "open", "context": {"is": event["identitySource"][0], "at": event["routeKey"]}}
"""


@pytest.fixture
def tells(function: Create) -> Function:
    return function(TELLS, timeout=20)


@pytest.fixture
def says(function: Create) -> Function:
    return function(SAYS, timeout=20)


def test_the_most_specific_route_takes_a_request_and_what_none_takes_is_not_found(
    endpoint: Endpoint, tells: Function
) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    keys = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /pets", "POST /test/{proxy+}")
    with deployed(endpoint, an_api(tells, *keys)) as stack:

        def taken(method: str, path: str) -> tuple[str, Any]:
            event = asked(method, stack.address() + path).json()
            return event["routeKey"], event.get("pathParameters")

        assert taken("GET", "/pets/dog/1") == ("GET /pets/dog/1", None)
        assert taken("GET", "/pets/dog/2") == ("GET /pets/dog/{id}", {"id": "2"})
        assert taken("GET", "/pets/cat/1") == ("GET /pets/{proxy+}", {"proxy": "cat/1"})
        assert taken("POST", "/test/5/6") == ("POST /test/{proxy+}", {"proxy": "5/6"})
        assert taken("DELETE", "/pets") == ("ANY /pets", None)
        for method, path in (("GET", "/dogs"), ("POST", "/pets/dog/1"), ("POST", "/")):
            answer = asked(method, stack.address() + path)
            assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
        stack.update({**an_api(tells, *keys), "Else": route("$default")})
        assert taken("POST", "/dogs") == ("$default", None)


def test_an_event_of_format_2_has_what_it_is_documented_to_have(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    resources = an_api(tells, "POST /tasks/{id}")
    resources["Stage"]["Properties"]["StageVariables"] = {"colour": "red"}
    with deployed(endpoint, resources) as stack:
        url, sent = f"{stack.address()}/tasks/a%20b?p=1&p=2&q=x%20y", '{"name": "Zoë"}'.encode()
        headers = {"Content-Type": "application/json", "X-Two": "one", "Cookie": "a=1; b=2", "User-Agent": "tests"}
        event = asked("POST", url, data=sent, headers=headers).json()
        context, headers = event.pop("requestContext"), event.pop("headers")
        assert event == {
            "version": "2.0",
            "routeKey": "POST /tasks/{id}",
            "rawPath": "/tasks/a b",
            "rawQueryString": "p=1&p=2&q=x%20y",
            "cookies": ["a=1", "b=2"],
            "queryStringParameters": {"p": "1,2", "q": "x y"},
            "pathParameters": {"id": "a b"},
            "stageVariables": {"colour": "red"},
            "body": sent.decode(),
            "isBase64Encoded": False,
        }
        assert {
            "x-two": "one",
            "content-type": "application/json",
            "x-forwarded-proto": "http",
        }.items() <= headers.items()
        assert "cookie" not in headers
        assert context["http"] | {"method": "POST", "path": "/tasks/a b", "userAgent": "tests"} == context["http"]
        assert (context["stage"], context["apiId"]) == ("$default", stack.id_of("Api"))
        # What is no text comes encoded, a form too.
        form = asked("POST", url, data={"a": "1"}).json()
        assert (base64.b64decode(form["body"]), form["isBase64Encoded"]) == (b"a=1", True)


def test_an_event_of_format_1_has_what_it_is_documented_to_have(endpoint: Endpoint, function: Create) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    with deployed(endpoint, an_api(function(WRAPS), "ANY /tasks/{id}", version="1.0", stage="v1")) as stack:
        url = f"{stack.address(stage='v1')}/tasks/7?p=1&p=2"
        answer = asked("PUT", url, data="text", headers={"Content-Type": "text/x"})
        assert (answer.status_code, answer.headers["X-One"], answer.headers["X-Two"]) == (203, "1", "a, b")
        event = answer.json()
        context = event.pop("requestContext")
        del event["headers"], event["multiValueHeaders"]
        assert event == {
            "version": "1.0",
            "resource": "/tasks/{id}",
            "path": "/v1/tasks/7",
            "httpMethod": "PUT",
            "queryStringParameters": {"p": "2"},
            "multiValueQueryStringParameters": {"p": ["1", "2"]},
            "pathParameters": {"id": "7"},
            "stageVariables": None,
            "body": "text",
            "isBase64Encoded": False,
        }
        assert (context["stage"], context["httpMethod"], context["resourcePath"]) == ("v1", "PUT", "/tasks/{id}")
        # There is no default stage.
        assert asked("PUT", f"{stack.address()}/tasks/7").status_code == 404


def test_a_functions_answer_is_read_as_documented(endpoint: Endpoint, says: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html, and for what takes too long
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    resources = an_api(says, "POST /") | {
        "Slow": proxy(says, TimeoutInMillis=100),
        "SlowRoute": route("POST /slow", "Slow"),
        "Old": proxy(says, "1.0"),
        "OldRoute": route("POST /old", "Old"),
    }
    failed = (500, {"message": "Internal Server Error"})
    with deployed(endpoint, resources) as stack:

        def answered(path: str = "/", **told: Any) -> Any:
            return asked("POST", stack.address() + path, json=told)

        bare = answered(returns={"taskId": "1"})
        assert (bare.status_code, bare.json(), bare.headers["Content-Type"]) == (
            200,
            {"taskId": "1"},
            "application/json",
        )
        assert answered(returns="text").text == "text"
        full = answered(
            returns={
                "statusCode": 202,
                "headers": {"X-One": "1"},
                "cookies": ["a=1", "b=2"],
                "body": base64.b64encode(b"text").decode(),
                "isBase64Encoded": True,
            }
        )
        assert (full.status_code, full.content, full.headers["X-One"], dict(full.cookies)) == (
            202,
            b"text",
            "1",
            {"a": "1", "b": "2"},
        )
        assert answered(returns={"statusCode": 200, "body": "x"}).headers["Content-Type"] == "text/plain;charset=UTF-8"
        for wrong in (
            answered(returns={"statusCode": 200, "body": {"no": "text"}}),
            answered(raises="an error"),
            answered("/old", returns={"taskId": "1"}),
        ):
            assert (wrong.status_code, wrong.json()) == failed
        late = answered("/slow", sleeps=1, returns=None)
        assert (late.status_code, late.json()) == (503, {"message": "Service Unavailable"})


def test_browsers_of_other_origins_are_told_what_is_configured(endpoint: Endpoint, says: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "AllowHeaders": ["x-one"], "MaxAge": 60}
    of_function = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": ""}
    with deployed(endpoint, an_api(says, "POST /", CorsConfiguration=cors)) as stack:

        def preflight(origin: str) -> Mapping[str, str]:
            headers = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-one",
            }
            answer = asked("OPTIONS", stack.address() + "/", headers=headers)
            assert answer.status_code == 204
            return {k.lower(): v for k, v in answer.headers.items() if k.lower().startswith("access-control-")}

        def allowed(origin: str) -> str | None:
            answer = asked("POST", stack.address() + "/", json={"returns": of_function}, headers={"Origin": origin})
            return answer.headers.get("Access-Control-Allow-Origin")

        assert preflight("https://a.example") == {
            "access-control-allow-origin": "https://a.example",
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "x-one",
            "access-control-max-age": "60",
        }
        assert preflight("https://b.example") == {}
        # What the function says of it is replaced.
        assert (allowed("https://a.example"), allowed("https://b.example")) == ("https://a.example", None)
        stack.update(an_api(says, "POST /"))
        assert allowed("https://b.example") == "*"


def test_a_functions_word_decides_who_is_let_in(endpoint: Endpoint, function: Create, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    decides = function(DECIDES)

    def authorizer(version: str, **properties: Any) -> Mapping[str, Any]:
        uri = f"arn:aws:apigateway:{endpoint.region}:lambda:path/2015-03-31/functions/{arn_of(decides)}/invocations"
        source = ["$request.header.Authorization"]
        return http(
            "Authorizer",
            Name=f"format {version}",
            AuthorizerType="REQUEST",
            AuthorizerUri=uri,
            AuthorizerPayloadFormatVersion=version,
            IdentitySource=source,
            **properties,
        )

    resources = an_api(tells) | {
        "MayDecide": permission(decides),
        "Simple": authorizer("2.0", EnableSimpleResponses=True),
        "ByPolicy": authorizer("1.0"),
        "New": route("GET /new", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Simple"}),
        "Old": route("GET /old", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "ByPolicy"}),
        "Signed": route("GET /signed", AuthorizationType="AWS_IAM"),
    }
    with deployed(endpoint, resources) as stack:

        def answered(path: str, word: str | None) -> tuple[int, Any]:
            headers = {"Authorization": word} if word is not None else {}
            answer = asked("GET", stack.address() + path, headers=headers)
            return answer.status_code, answer.json().get("message") or answer.json()["requestContext"].get("authorizer")

        assert answered("/new", "open") == (200, {"lambda": {"is": "open", "at": "GET /new"}})
        assert answered("/old", "open") == (200, {"lambda": {"is": "open", "principalId": "me"}})
        for path in ("/new", "/old"):
            assert answered(path, None) == (401, "Unauthorized")
            assert answered(path, "closed") == (403, "Forbidden")
        assert answered("/new", "fails") == (500, "Internal Server Error")
        assert answered("/signed", None) == (403, "Forbidden")
        assert answered("/signed", "AWS4-HMAC-SHA256 Credential=test/...")[0] == 200


def test_a_tokens_claims_decide_who_is_let_in(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
    issuer, audience = "https://issuer.example/", "tasks"
    source = {"IdentitySource": ["$request.header.Authorization"]}
    asks = {"Issuer": issuer, "Audience": ["others", audience]}
    by: dict[str, Any] = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Claims"}}
    resources = an_api(tells) | {
        "Claims": http("Authorizer", Name="claims", AuthorizerType="JWT", JwtConfiguration=asks, **source),
        "Any": route("GET /any", **by),
        "Scoped": route("GET /scoped", AuthorizationScopes=["write", "send"], **by),
    }
    with deployed(endpoint, resources) as stack:

        def answered(path: str, token: str | None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
            answer = asked("GET", stack.address() + path, headers=headers)
            return answer.status_code, answer.json().get("message") or answer.json()["requestContext"].get("authorizer")

        fits = Token(issuer=issuer, audience=(audience,))
        status, told = answered("/any", token_for(fits))
        assert (status, told["jwt"]["claims"]["sub"], told["jwt"]["scopes"]) == (200, "taskguard", None)
        for wrong in (replace(fits, issuer="https://other.example/"), replace(fits, audience=("nobody",))):
            assert answered("/any", token_for(wrong)) == (401, "Unauthorized")
        assert answered("/any", None) == answered("/any", "no.token") == (401, "Unauthorized")
        assert answered("/scoped", token_for(fits)) == (403, "Forbidden")
        status, told = answered("/scoped", token_for(replace(fits, scopes=("send",))))
        assert (status, told["jwt"]["scopes"]) == (200, ["send"])


def test_a_function_that_may_not_be_invoked_is_an_internal_error(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html"""
    resources = an_api(tells, "GET /tasks/{id}")
    arn = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/tasks/*"}
    other = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/others/*"}
    del resources["Permission"]
    with deployed(endpoint, {**resources, "For": permission(tells, SourceArn=other)}) as stack:
        answer = asked("GET", f"{stack.address()}/tasks/1")
        assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
        stack.update({**resources, "Other": permission(tells, SourceArn=arn)})
        assert asked("GET", f"{stack.address()}/tasks/1").status_code == 200


def test_a_route_may_lead_to_a_queue(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html"""
    resources = an_api(tells) | {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Sends": http(
            "Integration",
            IntegrationType="AWS_PROXY",
            IntegrationSubtype="SQS-SendMessage",
            PayloadFormatVersion="1.0",
            CredentialsArn="arn:aws:iam::000000000000:role/any",
            RequestParameters={"QueueUrl": {"Ref": "Queue"}, "MessageBody": "$request.body.task"},
        ),
        "Send": route("POST /tasks", "Sends"),
    }
    with deployed(endpoint, resources) as stack:
        answer = asked("POST", f"{stack.address()}/tasks", json={"task": {"id": 1}})
        [message] = endpoint.sqs().receive_message(QueueUrl=stack.id_of("Queue"), WaitTimeSeconds=5)["Messages"]
        assert (answer.status_code, answer.json()["MessageId"]) == (200, message["MessageId"])
        assert json.loads(message["Body"]) == {"id": 1}
        sent = [each.sent for each in recorded(endpoint).service_calls if each.function == "apigateway"]
        assert {"": message["MessageId"]} in sent
