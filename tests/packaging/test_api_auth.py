"""Who may call the API, and that nobody reaches queues and table unencrypted: what the deploy makes of a stage and parameters."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from tests.packaging.support import Package, Packaging, package, try_to_package
from tests.packaging.test_validity import REGIONS
from tests.places import PROJECT

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
        (("--stage", "t1"), {"AWS_ENDPOINT_URL": "https://aws.proxy.example"}, "apiKey"),
        (("--stage", "t1", "--param=apiAuth=none"), {}, "none"),
        (("--stage", "dev", "--param=apiAuth=apiKey"), ON_ENGINE, "apiKey"),
        (("--stage", "t1", "--param=apiAuth=iam"), {}, "iam"),
    ],
)
def test_engines_of_this_machine_are_open_and_a_parameter_decides(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], expected: str
) -> None:
    found = packaged(tmp_path, *options, environment=environment)
    assert lets_in(found) == expected
    assert [str(finding) for finding in lint(found.template_text, regions=REGIONS)] == []


DEFAULT_OF = """
const mode = require("./serverless/api-auth-default.js");
const asked = JSON.parse(process.argv[1]);
console.log(JSON.stringify(asked.map(([stage, environment, heeds]) => mode(stage, environment, heeds))));
"""


def defaults(*asked: tuple[str, dict[str, str], bool]) -> list[str]:
    """Who is let in without a parameter: for a stage, the deploy's environment, and whether the CLI heeds AWS_ENDPOINT_URL."""
    command = ["node", "-e", DEFAULT_OF, json.dumps(asked)]
    told: list[str] = json.loads(
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    )
    return told


def hosts(*urls: str) -> dict[str, str]:
    told = defaults(*(("t1", {"AWS_ENDPOINT_URL": url}, True) for url in urls))
    return dict(zip(urls, told, strict=True))


def test_an_engine_of_this_machine_is_known_by_its_host() -> None:
    told = hosts(
        "http://127.0.0.1:4566",
        "http://127.8.9.10:4566",
        "http://[::1]:4566",
        "http://localhost:4566",
        "https://LocalHost.:4566",
        "http://engine.localhost",
        "http://localhost.localstack.cloud:4566",
        "http://sqs.eu-central-1.localhost.localstack.cloud:4566",
        "http://host.docker.internal:4566",
    )
    assert set(told.values()) == {"none"}, told


def test_every_other_address_may_lead_to_aws_and_wants_a_key() -> None:
    told = hosts(
        "",
        "localhost:4566",
        "not an address",
        "https://aws.proxy.example",
        "https://localhost@aws.proxy.example",
        "https://localhost.proxy.example",
        "https://127.0.0.1.proxy.example",
        "https://notlocalhost",
        "https://nolocalhost.localstack.cloud",
        "https://localstack.cloud",
        "https://aws",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "https://vpce-1.cloudformation.eu-central-1.vpce.amazonaws.com",
        "https://cloudformation.eu-central-1.api.aws",
    )
    assert set(told.values()) == {"apiKey"}, told


def test_a_deploy_that_does_not_go_to_the_engine_wants_a_key() -> None:
    told = defaults(
        ("t1", {}, True),
        ("t1", ON_ENGINE, False),
        ("t1", ON_ENGINE | {"AWS_ENDPOINT_URL_CLOUDFORMATION": "https://aws.proxy.example"}, True),
        ("t1", ON_ENGINE | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, True),
        ("prod", {"AWS_ENDPOINT_URL": "https://aws.proxy.example"}, True),
    )
    assert told == ["apiKey"] * len(told)
    assert defaults(("t1", ON_ENGINE | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, True)) == ["none"]
    assert defaults(("dev", {}, False)) == ["none"]


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
