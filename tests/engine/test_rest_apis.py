"""REST APIs on the engine behave as API Gateway documents it: who and what is let in, and what templates change of them. Each test
names the page of AWS's that it holds the engine to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from taskguard.ingress.access import token_for
from taskguard.service.stack import Token
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.http_stack import Deployed, arn_of, asked, deployed, permission

pytestmark = pytest.mark.documented

TELLS = """
    |import json
    |
    |def handler(event, context):
    |    return {"statusCode": 200, "body": json.dumps(event)}
"""
DECIDES = """
    |def handler(event, context):
    |    words = {name.lower(): value for name, value in event.get("headers", {}).items()}
    |    word = event.get("authorizationToken") or words["x-word"]
    |    if word in ("Unauthorized", "fails"):
    |        raise Exception(word)
    |    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if word == "open" else "Deny", "Resource": event["methodArn"]}
    |    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": {"n": 1, "word": word}}
"""
Resource = Mapping[str, Any]


@pytest.fixture
def tells(function: Create) -> Function:
    return function(TELLS, timeout=20)


def rest(kind: str, **properties: Any) -> Resource:
    own = {} if kind in ("RestApi", "ApiKey", "UsagePlan", "UsagePlanKey") else {"RestApiId": {"Ref": "Api"}}
    return {"Type": f"AWS::ApiGateway::{kind}", "Properties": {**own, **properties}}


def uri_of(function: Function) -> str:
    region = function.endpoint.region
    return f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn_of(function)}/invocations"


def method(function: Function, resource: str, name: str = "POST", **properties: Any) -> Resource:
    integration = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri_of(function)}
    defaults = {"HttpMethod": name, "ResourceId": {"Ref": resource}, "AuthorizationType": "NONE"}
    return rest("Method", **{**defaults, "Integration": integration, **properties})


def an_api(function: Function, methods: Mapping[str, Resource], deployment: str = "Deployed") -> dict[str, Resource]:
    """The resources of an API with two paths: ``/jobs``, and whatever is below it."""
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    return {
        "Api": rest("RestApi", Name="of-a-test"),
        "Jobs": rest("Resource", ParentId=root, PathPart="jobs"),
        "Below": rest("Resource", ParentId={"Ref": "Jobs"}, PathPart="{proxy+}"),
        "Permission": permission(function),
        **methods,
        deployment: {**rest("Deployment"), "DependsOn": list(methods)},
        "Live": rest("Stage", StageName="live", DeploymentId={"Ref": deployment}),
    }


def answered(stack: Deployed, path: str, name: str = "POST", **options: Any) -> tuple[int, Any]:
    answer = asked(name, stack.address(stage="live") + path, **options)
    return answer.status_code, answer.json()


def test_a_body_that_does_not_fit_its_model_is_refused(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html"""
    schema = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}
    checked = method(
        tells, "Jobs", RequestModels={"application/json": {"Ref": "Job"}}, RequestValidatorId={"Ref": "Validator"}
    )
    resources = an_api(tells, {"Post": checked, "Any": method(tells, "Below", "ANY")}) | {
        "Job": rest("Model", ContentType="application/json", Name="Job", Schema=schema),
        "Validator": rest("RequestValidator", Name="body", ValidateRequestBody=True),
    }
    with deployed(endpoint, resources) as stack:
        assert answered(stack, "/jobs", json={"answer": "yes"})[0] == 200
        wrong: Any
        for wrong in ({}, {"answer": 1}, []):
            assert answered(stack, "/jobs", json=wrong) == (400, {"message": "Invalid request body"}), wrong
        status, told = answered(stack, "/jobs/a/b?c=d", "PUT", data="x")
        assert (status, told["pathParameters"], told["queryStringParameters"]) == (200, {"proxy": "a/b"}, {"c": "d"})
        assert told["requestContext"]["stage"] == "live"


def test_a_method_may_name_a_header_of_its_answers_by_any_word(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-method-methodresponse.html"""
    header = "method.response.header.Access-Control-Allow-Origin"
    named = method(tells, "Jobs", MethodResponses=[{"StatusCode": "200", "ResponseParameters": {header: "'*'"}}])
    with deployed(endpoint, an_api(tells, {"Post": named})) as stack:
        assert answered(stack, "/jobs", json={})[0] == 200


def test_a_functions_word_decides_who_is_let_in(endpoint: Endpoint, function: Create, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"""
    decides = function(DECIDES)
    by_token = {"Type": "TOKEN", "IdentitySource": "method.request.header.Authorization"}
    by_request = {"Type": "REQUEST", "IdentitySource": "method.request.header.X-Word"}
    methods = {
        "Post": method(tells, "Jobs", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "ByToken"}),
        "Put": method(tells, "Jobs", "PUT", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "ByRequest"}),
    }
    resources = an_api(tells, methods) | {
        "MayDecide": permission(decides),
        "ByToken": rest("Authorizer", Name="token", AuthorizerUri=uri_of(decides), **by_token),
        "ByRequest": rest("Authorizer", Name="request", AuthorizerUri=uri_of(decides), **by_request),
    }
    with deployed(endpoint, resources) as stack:
        for name, header in (("POST", "Authorization"), ("PUT", "X-Word")):

            def word(text: str, name: str = name, header: str = header) -> tuple[int, Any]:
                return answered(stack, "/jobs", name, headers={header: text})

            status, told = word("open")
            assert (status, told["requestContext"]["authorizer"]) == (
                200,
                {"principalId": "me", "n": "1", "word": "open"},
            )
            assert word("closed")[0] == 403
            assert word("Unauthorized") == (401, {"message": "Unauthorized"})
            assert word("fails")[0] == 500
            assert answered(stack, "/jobs", name)[0] == 401


@pytest.mark.parametrize(
    ("pool", "name"),
    [
        ({"Fn::Sub": "arn:aws:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/eu_abc"}, "eu_abc"),
        # What our engine says of one that a template makes.
        ("unknown", "unknown"),
    ],
)
def test_a_pools_token_or_a_signature_lets_in(endpoint: Endpoint, tells: Function, pool: Any, name: str) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html"""
    source = {"IdentitySource": "method.request.header.Authorization"}
    by: dict[str, Any] = {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": {"Ref": "Pool"}}
    methods = {
        "Post": method(tells, "Jobs", **by),
        "Put": method(tells, "Jobs", "PUT", AuthorizationScopes=["jobs/write"], **by),
        "Patch": method(tells, "Jobs", "PATCH", AuthorizationType="AWS_IAM"),
    }
    resources = an_api(tells, methods) | {
        "Pool": rest("Authorizer", Name="pool", Type="COGNITO_USER_POOLS", ProviderARNs=[pool], **source),
    }
    with deployed(endpoint, resources) as stack:

        def word(verb: str, text: str) -> tuple[int, Any]:
            return answered(stack, "/jobs", verb, headers={"Authorization": text})

        fits = Token(issuer=f"https://cognito-idp.eu-central-1.amazonaws.com/{name}")
        status, told = word("POST", token_for(fits))
        assert (status, told["requestContext"]["authorizer"]["claims"]["iss"]) == (200, fits.issuer)
        assert word("POST", token_for(replace(fits, issuer="https://other.example/eu_xyz")))[0] == 401
        assert answered(stack, "/jobs", "POST") == (401, {"message": "Unauthorized"})
        assert word("PUT", token_for(fits))[0] == 401
        assert word("PUT", token_for(replace(fits, scopes=("jobs/write",))))[0] == 200
        assert answered(stack, "/jobs", "PATCH") == (403, {"message": "Missing Authentication Token"})
        assert word("PATCH", "AWS4-HMAC-SHA256 Credential=test/...")[0] == 200


def test_a_key_lets_in_and_a_template_changes_and_removes_methods(endpoint: Endpoint, tells: Function) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-setup-api-key-with-restapi.html"""
    with_key = {"Post": method(tells, "Jobs", ApiKeyRequired=True)}
    keys = {
        "Key": rest("ApiKey", Enabled=True, Value="of-a-test-and-twenty-long"),
        "Plan": {
            **rest("UsagePlan", ApiStages=[{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Live"}}]),
            "DependsOn": "Live",
        },
        "Member": rest("UsagePlanKey", KeyId={"Ref": "Key"}, KeyType="API_KEY", UsagePlanId={"Ref": "Plan"}),
    }
    allow = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": json.dumps({"statusCode": 204})},
        "IntegrationResponses": [
            {"StatusCode": "204", "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"}}
        ],
    }
    told = {"StatusCode": "204", "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": True}}
    with deployed(endpoint, an_api(tells, with_key) | keys) as stack:
        assert answered(stack, "/jobs")[0] == 403
        assert answered(stack, "/jobs", headers={"x-api-key": "of-a-test-and-twenty-long"})[0] == 200
        options = method(tells, "Jobs", "OPTIONS", Integration=allow, MethodResponses=[told])
        stack.update(an_api(tells, {"Put": method(tells, "Jobs", "PUT"), "Options": options}, "DeployedAgain") | keys)
        preflight = asked("OPTIONS", stack.address(stage="live") + "/jobs")
        assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert answered(stack, "/jobs", "PUT")[0] == 200
        assert answered(stack, "/jobs")[0] in (403, 404)
        address = stack.address(stage="live")
    assert asked("PUT", f"{address}/jobs").status_code in (403, 404)
