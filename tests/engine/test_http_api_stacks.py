"""HTTP APIs are made, changed and removed by CloudFormation, whether resource by resource or as an OpenAPI document says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.http_stack import an_api, arn_of, asked, deployed, http, permission, proxy, route

SAYS = """
    |import os
    |
    |def handler(event, context):
    |    return os.environ["WORD"] + " " + event["routeKey"] + " " + event.get("stageVariables", {}).get("colour", "")
"""


@pytest.fixture
def says(function: Create) -> Function:
    return function(SAYS, WORD="first")


def test_what_a_template_changes_of_an_api_is_served_and_what_it_removes_is_gone(
    endpoint: Endpoint, function: Create, says: Function
) -> None:
    second, gateway = function(SAYS, WORD="second"), endpoint.client("apigatewayv2")
    guard = http(
        "Authorizer",
        Name="guard",
        AuthorizerType="REQUEST",
        AuthorizerUri=arn_of(second),
        AuthorizerPayloadFormatVersion="2.0",
    )
    before = an_api(says, "GET /kept", "GET /removed")
    before["Stage"]["Properties"]["StageVariables"] = {"colour": "red"}
    with deployed(endpoint, before) as stack:
        api, url = stack.id_of("Api"), stack.address()
        assert asked("GET", f"{url}/kept").text == "first GET /kept red"
        assert [each["StageName"] for each in gateway.get_stages(ApiId=api)["Items"]] == ["$default"]
        after = an_api(says, "GET /moved", Description="changed") | {
            "Integration": proxy(second),
            "MayToo": permission(second),
            "Guard": guard,
        }
        stack.update(after)
        assert (stack.id_of("Api"), gateway.get_api(ApiId=api)["Description"]) == (api, "changed")
        assert asked("GET", f"{url}/moved").text == "second GET /moved "
        assert [asked("GET", url + path).status_code for path in ("/kept", "/removed")] == [404, 404]
        assert [each["Name"] for each in gateway.get_authorizers(ApiId=api)["Items"]] == ["guard"]
        stack.update(an_api(says, "GET /moved"))
        assert gateway.get_authorizers(ApiId=api)["Items"] == []
        # A stage's name is its identity: it is made anew.
        stack.update(an_api(says, "GET /moved", stage="v2"))
        assert [asked("GET", f"{each}/moved").status_code for each in (url, stack.address(stage="v2"))] == [404, 200]
    assert api not in [each["ApiId"] for each in gateway.get_apis()["Items"]]
    assert asked("GET", f"{url}/moved").status_code == 404


def test_a_stage_that_does_not_deploy_by_itself_serves_its_deployment(endpoint: Endpoint, says: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html"""
    first = {
        **an_api(says, "GET /one"),
        "Stage": http("Stage", StageName="prod", DeploymentId={"Ref": "First"}),
        "First": {**http("Deployment"), "DependsOn": ["Route0"]},
    }
    with deployed(endpoint, first) as stack:
        url = stack.address(stage="prod")
        assert asked("GET", f"{url}/one").text == "first GET /one "
        two = route("GET /two")
        stack.update({**first, "Two": two})
        assert asked("GET", f"{url}/two").status_code == 404
        stage = http("Stage", StageName="prod", DeploymentId={"Ref": "Second"})
        second = {**http("Deployment"), "DependsOn": ["Route0", "Two"]}
        stack.update({**first, "Two": two, "Stage": stage, "Second": second})
        assert asked("GET", f"{url}/two").text == "first GET /two "


def test_an_api_that_a_document_describes_is_made_changed_and_keeps_its_stages(
    endpoint: Endpoint, says: Function
) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html: as SAM makes them of functions' events."""
    uri = f"arn:aws:apigateway:{endpoint.region}:lambda:path/2015-03-31/functions/{arn_of(says)}/invocations"
    to_function = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "payloadFormatVersion": "2.0"}
    ours = "x-amazon-apigateway-"

    def described(*paths: str, **document: Any) -> Mapping[str, Any]:
        body = {
            "openapi": "3.0.1",
            "info": {"title": "of a document", "version": "1.0"},
            "paths": {path: {"post": {f"{ours}integration": to_function, "responses": {}}} for path in paths}
            | {"$default": {f"{ours}any-method": {f"{ours}integration": to_function, "isDefaultRoute": True}}},
            **document,
        }
        return {
            "Api": http("Api", Body=body),
            "Stage": http("Stage", StageName="$default", AutoDeploy=True),
            "Permission": permission(says),
        }

    with deployed(endpoint, described("/tasks")) as stack:
        url = stack.address()
        assert endpoint.client("apigatewayv2").get_api(ApiId=stack.id_of("Api"))["Name"] == "of a document"
        assert asked("POST", f"{url}/tasks").text == "first POST /tasks "
        assert asked("GET", f"{url}/tasks").text == "first $default "
        stack.update(described("/tasks", "/others", **{f"{ours}cors": {"allowOrigins": ["*"]}}))
        answer = asked("POST", f"{url}/others", headers={"Origin": "https://a.example"})
        assert (answer.text, answer.headers["Access-Control-Allow-Origin"]) == ("first POST /others ", "*")


def test_sams_events_of_functions_become_an_api(endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html"""
    task = {"Type": "HttpApi", "Properties": {"Path": "/tasks/{id}", "Method": "get"}}
    rest = {"Type": "HttpApi"}
    code = "def handler(event, context):\n    return [event['routeKey'], event.get('pathParameters')]\n"
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "InlineCode": code,
            "Events": {"Task": task, "Rest": rest},
        },
    }
    with deployed(endpoint, {"Task": function}, Transform="AWS::Serverless-2016-10-31") as stack:
        url = stack.address("ServerlessHttpApi")
        assert asked("GET", f"{url}/tasks/7").json() == ["GET /tasks/{id}", {"id": "7"}]
        assert asked("POST", f"{url}/anything").json() == ["$default", None]
