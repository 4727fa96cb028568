"""Whether two templates differ in the code of functions alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from taskguard.service.deployers.code_alone import is_all_else_equal

REGION = "eu-west-1"
CDK_BUCKET = {"Fn::Sub": "cdk-assets-${AWS::AccountId}-${AWS::Region}"}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Plain": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Code": {"S3Bucket": CDK_BUCKET, "S3Key": "1.zip"}, "Timeout": 3},
            "Metadata": {"aws:asset:path": "asset.1", "mine": 1},
        },
        "Sam": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://code/1.zip"}},
        "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": "b", "S3Key": "1.zip"}}},
        "Inline": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "1"}}},
    }
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    change(template["Resources"])
    return template


def new_code(resources: dict[str, Any]) -> None:
    resources["Plain"]["Properties"]["Code"]["S3Key"] = "2.zip"
    resources["Plain"]["Metadata"]["aws:asset:path"] = "asset.2"
    resources["Sam"]["Properties"]["CodeUri"] = "s3://code/2.zip"


def test_code_may_differ() -> None:
    assert is_all_else_equal(TEMPLATE, TEMPLATE, REGION)
    assert is_all_else_equal(TEMPLATE, changed(new_code), REGION)


def with_a_version(name: str, **more: Any) -> dict[str, Any]:
    template = changed(new_code if name.endswith("2") else lambda _: None)
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Plain"}}}
    template["Resources"] |= {name: version, **more}
    template["Outputs"] = {"PlainArn": {"Value": {"Ref": name}}, "Other": {"Value": "x"}}
    return template


def test_versions_that_nothing_refers_to_may_be_others() -> None:
    assert is_all_else_equal(with_a_version("Version1"), with_a_version("Version2"), REGION)


def with_deployments(*names: str, path: str = "task") -> dict[str, Any]:
    """Of two APIs, each with a stage that leads to it."""
    template = changed(new_code if names[0] == "One1" else lambda _: None)
    for number, name in enumerate(names):
        method = f"Method{number}"
        template["Resources"] |= {
            method: {"Type": "AWS::ApiGateway::Method", "Properties": {"Path": path}},
            name: {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": number}, "DependsOn": [method]},
            f"Stage{number}": {"Type": "AWS::ApiGateway::Stage", "Properties": {"DeploymentId": {"Ref": name}}},
        }
    return template


def test_deployments_of_an_api_may_have_other_names_and_nothing_else() -> None:
    old = with_deployments("One1", "Two1")
    assert is_all_else_equal(old, with_deployments("One2", "Two2"), REGION)
    # In whatever order their names are.
    assert is_all_else_equal(old, with_deployments("Two2", "One2"), REGION)
    assert not is_all_else_equal(old, with_deployments("One2", "Two2", path="other"), REGION)
    assert not is_all_else_equal(old, with_deployments("One2"), REGION)


@pytest.mark.parametrize(
    "refers", [{"Fn::GetAtt": ["{}", "Version"]}, {"Fn::GetAtt": "{}.Version"}, {"Fn::Sub": "at ${{{}.Version}}"}]
)
def test_versions_that_something_refers_to_may_not(refers: dict[str, Any]) -> None:
    def alias(name: str) -> dict[str, Any]:
        leads_to = json.loads(json.dumps(refers).replace("{{", "{").replace("}}", "}").replace("{}", name))
        return {"Alias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionVersion": leads_to}}}

    old, new = with_a_version("Version1", **alias("Version1")), with_a_version("Version2", **alias("Version2"))
    assert not is_all_else_equal(old, new, REGION)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["Plain"]["Properties"].update(Timeout=4),
        lambda r: r["Plain"]["Metadata"].update(mine=2),
        lambda r: r["Plain"]["Properties"]["Code"].update(S3Key={"Ref": "Key"}),
        lambda r: r["Layer"]["Properties"]["Content"].update(S3Key="2.zip"),
        lambda r: r["Inline"]["Properties"]["Code"].update(ZipFile="2"),
        lambda r: r.update(More=r["Plain"]),
        lambda r: r.pop("Sam"),
    ],
)
def test_nothing_else_may(change: Callable[[dict[str, Any]], object]) -> None:
    assert not is_all_else_equal(TEMPLATE, changed(change), REGION)
    assert not is_all_else_equal("Resources: {}", TEMPLATE, REGION)


def test_code_that_makes_a_version_is_deployed() -> None:
    published = changed(lambda r: r["Sam"]["Properties"].update(AutoPublishAlias="live"))
    assert not is_all_else_equal(published, published, REGION)
    everywhere = {**TEMPLATE, "Globals": {"Function": {"AutoPublishAlias": "live"}}}
    assert not is_all_else_equal(everywhere, everywhere, REGION)
