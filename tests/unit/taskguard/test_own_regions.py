"""Where a service is deployed that names its region itself: there, unless the user names another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskguard.places import Places
from taskguard.run.events import nobody
from taskguard.run.stages import WantedStage
from taskguard.service import deployment
from taskguard.service.building import View
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.cdk import Cdk
from taskguard.service.deployers.programs import Programs
from taskguard.targets.base import Endpoint
from taskguard.targets.endpoint import EndpointInstance

ENGINE = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-central-1")
SAM = "Transform: AWS::Serverless-2016-10-31\nResources: {}\n"


def home_of(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    return deployment.at_home(ENGINE, places=Places.of(folder)).region


@pytest.mark.parametrize(
    ("provider", "region"),
    [
        ("{name: aws, region: us-east-1}", "us-east-1"),
        ("{name: aws}", "eu-central-1"),
        ("aws", "eu-central-1"),
        ("{region: \"${opt:region, 'us-east-1'}\"}", "us-east-1"),
        ('{region: "${opt:region, self:custom.region}"}', "us-west-2"),
        ('{region: "${self:custom.region}"}', "us-west-2"),
        ('{region: "${self:provider.region}"}', "eu-central-1"),
        ('{region: "${self:custom.regions.${sls:stage}}"}', "eu-central-1"),
        ("{region: \"${env:REGION, 'us-east-1'}\"}", "eu-central-1"),
        ('{region: "${file(other.yml):region}"}', "eu-central-1"),
    ],
)
def test_a_service_of_the_serverless_framework_is_deployed_where_its_file_says(
    tmp_path: Path, provider: str, region: str
) -> None:
    text = f"service: a\nprovider: {provider}\ncustom: {{region: us-west-2}}\nresources: {{Outputs: {{A: !Ref B}}}}\n"
    assert home_of(tmp_path, {"serverless.yml": text}) == region


def test_a_configuration_that_is_a_program_is_not_read_for_its_region(tmp_path: Path) -> None:
    assert home_of(tmp_path, {"serverless.ts": "module.exports = {provider: {region: 'us-east-1'}}"}) == ENGINE.region


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("samconfig.toml", '[default.global.parameters]\nregion = "us-east-1"\n'),
        ("samconfig.yaml", "version: 0.1\ndefault: {deploy: {parameters: {region: us-east-1}}}\n"),
        ("samconfig.yml", "default: {global: {parameters: {region: us-east-1}}, deploy: }\n"),
    ],
)
def test_sams_configuration_names_the_region(tmp_path: Path, name: str, text: str) -> None:
    assert home_of(tmp_path, {"template.yaml": SAM}) == ENGINE.region
    assert home_of(tmp_path, {name: text}) == "us-east-1"


def test_of_sams_configurations_that_counts_which_its_command_finds_first(tmp_path: Path) -> None:
    both = {
        f"samconfig.{ending}": text
        for ending, text in (("yaml", "default: {deploy: {parameters: {region: us-east-1}}}"), ("toml", ""))
    }
    assert home_of(tmp_path, {"template.yaml": SAM, **both}) == ENGINE.region


@pytest.mark.parametrize(
    ("regions", "home", "told"),
    [
        (["us-east-1", "us-east-1"], "us-east-1", []),
        (["unknown-region", "unknown-region"], "eu-central-1", []),
        (["us-east-1", "unknown-region"], "eu-central-1", ["the stack S0 is for us-east-1"]),
        (
            ["us-east-1", "us-west-2"],
            "eu-central-1",
            ["the stack S0 is for us-east-1", "the stack S1 is for us-west-2"],
        ),
    ],
)
def test_an_app_of_cdk_is_deployed_where_all_its_stacks_are_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regions: list[str], home: str, told: list[str]
) -> None:
    artifacts = {
        f"S{number}": {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://unknown-account/{region}",
            "properties": {"templateFile": "t.json"},
        }
        for number, region in enumerate(regions)
    }
    manifest, folder = json.dumps({"artifacts": artifacts}), tmp_path / "service"
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest)
    (folder / "t.json").write_text('{"Resources": {}}')
    (folder / "cdk.json").write_text('{"app": "echo ran >> $RAN; cp manifest.json t.json $CDK_OUTDIR"}')
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setattr("taskguard.service.deployers.cdk.bundling_programs", lambda *_: Programs({}, View()))
    monkeypatch.setattr("taskguard.service.deployers.cdk.deploy_template", lambda *_, **__: None)
    places = Places(service=folder, cache=tmp_path / "cache", state=tmp_path, runs=tmp_path)
    endpoint = deployment.at_home(ENGINE, places=places)
    assert endpoint.region == home
    deployed = Cdk().deploy(Job(endpoint=endpoint, stage=None, places=places))
    assert (tmp_path / "ran").read_text() == "ran\n", "what names its region everywhere is not run again"
    assert [each.partition(":")[0] for each in deployed.set_aside] == told
    assert all("--region" in each for each in deployed.set_aside)


@pytest.mark.parametrize(("asked", "region"), [(None, "us-east-1"), ("eu-west-1", "eu-west-1")])
def test_a_region_that_is_asked_for_goes_before_the_services_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, region: str
) -> None:
    (tmp_path / "serverless.yml").write_text("service: a\nprovider: {name: aws, region: us-east-1}\n")
    deployed_to: list[str] = []
    monkeypatch.setattr(deployment, "deploy", lambda endpoint, *_, **__: deployed_to.append(endpoint.region))
    wanted = WantedStage(places=Places.of(tmp_path), region=asked)
    wanted.deploy(ENGINE.in_region(asked or ENGINE.region), None, tmp_path / "log", nobody)
    assert deployed_to == [region]


def test_an_engine_is_reached_in_another_region_from_then_on() -> None:
    instance = EndpointInstance("http://127.0.0.1:1", "eu-central-1", "/x", "an engine", "1")
    assert instance.in_region("us-east-1").endpoint().region == "us-east-1"
