"""Who may call the API, and that nobody reaches queues and table unencrypted: what the deploy makes of a stage and parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from tests.packaging.support import Package, Packaging, package, try_to_package
from tests.packaging.test_validity import REGIONS

ON_ENGINE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
KEYED = {"AWS::ApiGateway::ApiKey", "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey"}


def packaged(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Package:
    return package(folder / "service", Packaging(options, template_only=True, environment=environment or {}))


def lets_in(found: Package) -> str:
    """Who may call the API, by its methods and by the output, which must agree."""
    told: str = found.template["Outputs"]["ApiAuth"]["Value"]
    methods = found.of_type("AWS::ApiGateway::Method").values()
    ways = {(each["AuthorizationType"], each["ApiKeyRequired"]) for each in methods}
    assert ways == {{"none": ("NONE", False), "apiKey": ("NONE", True), "iam": ("AWS_IAM", False)}[told]}
    assert len(methods) == 2
    kinds = {resource["Type"] for resource in found.template["Resources"].values()}
    assert kinds & KEYED == (KEYED if told == "apiKey" else set())
    assert ("ApiKeyId" in found.template["Outputs"]) is (told == "apiKey")
    return told


def test_stage_dev_is_open(default: Package) -> None:
    assert lets_in(default) == "none"


def test_every_other_stage_wants_a_key(other_stage: Package) -> None:
    assert lets_in(other_stage) == "apiKey"


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        (("--stage", "t1"), ON_ENGINE, "none"),
        (("--stage", "t1"), {"AWS_ENDPOINT_URL": "https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com"}, "apiKey"),
        (("--stage", "t1", "--param=apiAuth=none"), {}, "none"),
        (("--stage", "dev", "--param=apiAuth=apiKey"), ON_ENGINE, "apiKey"),
        (("--stage", "t1", "--param=apiAuth=iam"), {}, "iam"),
    ],
)
def test_engines_are_open_and_a_parameter_decides(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], expected: str
) -> None:
    found = packaged(tmp_path, *options, environment=environment)
    assert lets_in(found) == expected
    assert [str(finding) for finding in lint(found.template_text, regions=REGIONS)] == []


def test_a_key_is_tied_to_the_stage_and_its_value_is_nowhere(other_stage: Package) -> None:
    [key] = other_stage.of_type("AWS::ApiGateway::ApiKey").values()
    assert key == {"Name": "TaskGuard-t1-main", "Enabled": True}
    [plan] = other_stage.of_type("AWS::ApiGateway::UsagePlan").values()
    assert plan["ApiStages"] == [{"ApiId": {"Ref": "ApiGatewayRestApi"}, "Stage": "t1"}]
    [tie] = other_stage.of_type("AWS::ApiGateway::UsagePlanKey").values()
    assert (tie["KeyId"], tie["UsagePlanId"]) == ({"Ref": "ApiKeyMain"}, {"Ref": "ApiUsagePlan"})
    deployments = list(other_stage.of_type("AWS::ApiGateway::Deployment"))
    assert other_stage.template["Resources"]["ApiUsagePlan"]["DependsOn"] == deployments[0]
    assert other_stage.template["Outputs"]["ApiKeyId"]["Value"] == {"Ref": "ApiKeyMain"}


def test_each_client_can_have_a_key_of_its_own_and_the_harness_uses_the_first(tmp_path: Path) -> None:
    found = packaged(tmp_path, "--stage", "t1", "--param=apiKeys=next, shop")
    assert lets_in(found) == "apiKey"
    names = [key["Name"] for key in found.of_type("AWS::ApiGateway::ApiKey").values()]
    assert names == ["TaskGuard-t1-next", "TaskGuard-t1-shop"]
    assert len(found.of_type("AWS::ApiGateway::UsagePlanKey")) == 2
    assert found.template["Outputs"]["ApiKeyId"]["Value"] == {"Ref": "ApiKeyNext"}
    assert [str(finding) for finding in lint(found.template_text, regions=REGIONS)] == []


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        (("apiAuth=open",), r"custom\.apiAuth .* must be none, apiKey, iam; found \"open\"\. Deploy with"),
        (
            ("apiAuth=apiKey", "apiKeys=a b"),
            r"custom\.apiKeys .* must be different names .*found \"a b\"\. Deploy with",
        ),
        (("apiAuth=apiKey", "apiKeys=shop,Shop"), r"custom\.apiKeys .* must be different names"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line(tmp_path: Path, parameters: tuple[str, ...], complaint: str) -> None:
    options = tuple(f"--param={parameter}" for parameter in parameters)
    result = try_to_package(tmp_path / "service", Packaging(options, template_only=True))
    assert result.returncode != 0
    assert re.search(complaint, result.stdout)
    assert "    at " not in result.stdout


UNENCRYPTED = {"Bool": {"aws:SecureTransport": "false"}, "NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}


def denial(action: str, resource: Any) -> dict[str, Any]:
    return {
        "Sid": "EncryptedTransportOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": UNENCRYPTED,
    }


@pytest.mark.parametrize("queue", ["TaskQueue", "TaskDeadLetterQueue"])
def test_a_queue_refuses_whoever_comes_unencrypted_and_allows_nobody(default: Package, queue: str) -> None:
    policy = default.resource(f"{queue}Policy")
    assert policy["Queues"] == [{"Ref": queue}]
    assert policy["PolicyDocument"]["Statement"] == [denial("sqs:*", {"Fn::GetAtt": [queue, "Arn"]})]


def test_so_does_the_table(other_stage: Package) -> None:
    arn = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/TasksTable-t1"}
    statements = other_stage.resource("TasksTable")["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert statements == [denial("dynamodb:*", arn)]


def test_so_does_the_bucket_of_the_packages(default: Package) -> None:
    [policy] = default.of_type("AWS::S3::BucketPolicy").values()
    assert policy["Bucket"] == {"Ref": "ServerlessDeploymentBucket"}
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert json.loads(str(statement["Condition"]["Bool"]["aws:SecureTransport"]).lower()) is False
