"""Templates as they are read, packaged and given their parameters."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import ConfigurationError, DeploymentError
from taskguard.service.deployers.cloudformation import CloudFormation, stack_name
from taskguard.service.deployers.packaging import Packager
from taskguard.service.deployers.parameters import overrides, parameters_for
from taskguard.service.deployers.publishing import Bucket, archive_of
from taskguard.service.deployers.sam import Sam
from taskguard.service.deployers.templates import read_template
from taskguard.targets.base import Endpoint

SAM = "Transform: AWS::Serverless-2016-10-31\n"


class Kept(Bucket):
    """A bucket that remembers what was put into it, and holds what the test says."""

    held: dict[str, bytes] = {}  # noqa: RUF012  # each test's own

    def put(self, key: str, body: bytes) -> None:
        self.held[key] = body

    def has(self, key: str) -> bool:
        return key in self.held


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(Kept, "held", {})
    return Kept(Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-west-1"), "b")


def packaged(folder: Path, text: str, bucket: Bucket) -> Any:
    (folder / "template.yaml").write_text(text)
    template = read_template(folder / "template.yaml")
    Packager(folder, bucket).package(template)
    return template["Resources"]


def test_short_forms_are_written_out_and_dates_stay_texts(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "\ufeffAWSTemplateFormatVersion: 2010-09-09\nResources:\n"
        "  Q:\n    Type: X\n    Condition: C\n    Properties:\n"
        "      A: !GetAtt D.Arn.Part\n      B: !Ref P\n      C: !Sub ['${x}', {x: !ImportValue V}]\n      D: !If [C, 1, !Ref AWS::NoValue]\n"
    )
    assert read_template(tmp_path / "t.yaml") == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Q": {
                "Type": "X",
                "Condition": "C",
                "Properties": {
                    "A": {"Fn::GetAtt": ["D", "Arn.Part"]},
                    "B": {"Ref": "P"},
                    "C": {"Fn::Sub": ["${x}", {"x": {"Fn::ImportValue": "V"}}]},
                    "D": {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]},
                },
            }
        },
    }


@pytest.mark.parametrize(("text", "said"), [("Resources: [", "t.yaml"), ("a: b", "no Resources"), ("", "no Resources")])
def test_what_is_no_template_is_said_to_be_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(DeploymentError, match=said):
        read_template(tmp_path / "t.yaml")


def test_local_code_goes_to_the_engine_and_the_rest_stays(tmp_path: Path, bucket: Kept) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("x = 1")
    (tmp_path / "one.py").write_text("y = 2")
    (tmp_path / "packed.zip").write_bytes(b"PK")
    bucket.held["there"] = b""
    found = packaged(
        tmp_path,
        SAM + "Globals: {Function: {CodeUri: src}}\nResources:\n"
        "  A: {Type: AWS::Serverless::Function, Properties: {Handler: app.f}}\n"
        "  B: {Type: AWS::Serverless::Function, Properties: {InlineCode: 'x'}}\n"
        "  C: {Type: AWS::Lambda::Function, Properties: {Code: one.py}}\n"
        "  D: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: 'x'}}}\n"
        "  E: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://b/there}}\n"
        "  F: {Type: AWS::Lambda::LayerVersion, Properties: {Content: packed.zip}}\n",
        bucket,
    )
    place = found["A"]["Properties"]["CodeUri"]
    assert zipfile.ZipFile(io.BytesIO(bucket.held[place.removeprefix("s3://b/")])).namelist() == ["app.py"]
    assert "CodeUri" not in found["B"]["Properties"]
    code = found["C"]["Properties"]["Code"]
    assert zipfile.ZipFile(io.BytesIO(bucket.held[code["S3Key"]])).namelist() == ["one.py"]
    assert found["D"]["Properties"]["Code"] == {"ZipFile": "x"}
    assert found["E"]["Properties"]["CodeUri"] == "s3://b/there"
    assert bucket.held[found["F"]["Properties"]["Content"]["S3Key"]] == b"PK"


def test_documents_are_written_into_the_template_and_nested_templates_packaged_too(
    tmp_path: Path, bucket: Kept
) -> None:
    (tmp_path / "api.yaml").write_text("openapi: 3.0.1\npaths: {/x: {post: {uri: !Ref F}}}\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "code.py").write_text("")
    (tmp_path / "inner" / "t.yaml").write_text(
        "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: code.py}}}"
    )
    found = packaged(
        tmp_path,
        SAM + "Resources:\n"
        "  A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: api.yaml, StageName: x}}\n"
        "  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: inner/t.yaml}}\n",
        bucket,
    )
    assert found["A"]["Properties"] == {
        "StageName": "x",
        "DefinitionBody": {"openapi": "3.0.1", "paths": {"/x": {"post": {"uri": {"Ref": "F"}}}}},
    }
    nested = bucket.held[found["N"]["Properties"]["TemplateURL"].removeprefix("https://s3.amazonaws.com/b/")]
    assert json.loads(nested)["Resources"]["F"]["Properties"]["Code"]["S3Key"] in bucket.held


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("dist", r"names dist, which is not there.*\n.*\n  deploy ="),
        ("{S3Bucket: b, S3Key: k.zip}", r"s3://b/k.zip is not on the engine"),
        ("{S3Bucket: !Ref B, S3Key: k.zip}", r"s3://artifacts/k.zip is not on the engine"),
    ],
)
def test_code_that_nobody_has_put_there_is_said_to_be_missing(
    tmp_path: Path, bucket: Kept, code: str, said: str
) -> None:
    with pytest.raises(DeploymentError, match=said):
        packaged(
            tmp_path,
            "Parameters: {B: {Type: String, Default: artifacts}}\n"
            f"Resources: {{F: {{Type: AWS::Lambda::Function, Properties: {{Code: {code}}}}}}}\n",
            bucket,
        )


def test_an_archive_is_the_same_whenever_it_is_made_and_takes_nothing_along(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "code"
    for name in ("__pycache__", ".aws-sam", "lib"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.txt").write_text(name)
    (folder / "run.sh").touch(mode=0o755)
    (folder / "leak").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "alias").symlink_to(folder / "lib")
    packed = zipfile.ZipFile(io.BytesIO(archive_of(folder)))
    assert packed.namelist() == ["alias/x.txt", "lib/x.txt", "run.sh"]
    assert packed.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755
    (folder / "run.sh").touch()
    assert archive_of(folder) == archive_of(folder)


def test_parameters_come_from_the_user_then_from_the_configuration_then_from_the_template() -> None:
    template = {"Parameters": {name: {"Type": "String"} for name in ("A", "B")} | {"C": {"Default": "c"}}}
    assert parameters_for(template, "t", {"A": "1"}, {"A": "2", "B": "3", "Other": "4"}) == {"A": "1", "B": "3"}


def test_a_parameter_without_a_value_is_said_with_the_line_to_write() -> None:
    template = {
        "Parameters": {
            "Size": {"Type": "Number", "AllowedValues": [1, 2]},
            "Ami": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/an/account/has/it"},
        }
    }
    with pytest.raises(ConfigurationError, match=r'parameters = \{ Size = "1", Ami = "…" \}'):
        parameters_for(template, "t", {})
    assert parameters_for(template, "t", {"Size": "2", "Ami": "x"}) == {"Size": "2", "Ami": "x"}
    assert template["Parameters"]["Ami"] == {"Type": "String", "Default": "x"}
    with pytest.raises(ConfigurationError, match=r"no parameter Sise.*Size"):
        parameters_for(template, "t", {"Sise": "2"})


@pytest.mark.parametrize(
    "said",
    [
        'Stage="a b" N=1',
        ["Stage='a b'", "N=1"],
        {"Stage": "a b", "N": 1},
        '"ParameterKey=Stage,ParameterValue=a b" ParameterKey=N,ParameterValue=1',
    ],
)
def test_sams_configuration_may_say_parameters_in_any_of_its_forms(said: object) -> None:
    assert overrides(said) == {"Stage": "a b", "N": "1"}


def test_a_quotation_mark_that_nothing_closes_is_told_with_the_way_on() -> None:
    with pytest.raises(
        ConfigurationError, match=r"SAM's configuration file, Owner=O'Brien: No closing quotation\. Put a value"
    ):
        overrides("Owner=O'Brien")


def test_a_template_is_known_by_its_transform(tmp_path: Path) -> None:
    (tmp_path / "template.yml").write_text("Resources: {}\n")
    assert (Sam().file_in(tmp_path), CloudFormation().file_in(tmp_path)) == (None, "template.yml")
    (tmp_path / "template.yml").write_text(f"{SAM}Resources: {{}}\n")
    assert (Sam().file_in(tmp_path), CloudFormation().file_in(tmp_path)) == ("template.yml", None)
    (tmp_path / "taskguard.toml").write_text('[service]\ntemplate = "infra/app.yaml"\n')
    assert Sam().file_in(tmp_path) is None
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "app.yaml").write_text(f"{SAM}Resources: {{}}\n")
    assert Sam().file_in(tmp_path) == "infra/app.yaml"


def test_a_stacks_name_has_the_characters_that_it_may_have() -> None:
    assert stack_name("my service_2", "dev") == "my-service-2-dev"
    assert stack_name("2nd", "dev") == "service-2nd-dev"


@pytest.mark.parametrize("named", ["../secret", "/etc", "../../secret"])
def test_nothing_outside_of_the_service_is_packaged(tmp_path: Path, bucket: Kept, named: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "service").mkdir()
    text = f"Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties: {{Code: {named}}}\n"
    with pytest.raises(DeploymentError, match="outside of the service's folder"):
        packaged(tmp_path / "service", text, bucket)
    assert not Kept.held
