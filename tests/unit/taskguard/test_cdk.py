"""What an app of CDK synthesises: run, read, put on the engine, and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.building import View
from taskguard.service.deployers import cdk, docker_program
from taskguard.service.deployers.assembly import Assembly
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.cdk import Cdk
from taskguard.service.deployers.programs import Programs
from taskguard.service.deployers.publishing import Bucket
from taskguard.targets.base import Endpoint

ENDPOINT = Endpoint(target="localstack", url="http://127.0.0.1:1", region="eu-west-1")
BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"


def stack(file: str, *dependencies: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": file, **properties},
        "dependencies": [*dependencies],
    }


def assembly(folder: Path, artifacts: dict[str, Any], **more: Any) -> Assembly:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts, **more}))
    return Assembly(folder)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is put into buckets, by bucket and key."""
    found: dict[str, bytes] = {}
    monkeypatch.setattr(Bucket, "make", lambda _: None)
    monkeypatch.setattr(Bucket, "put", lambda bucket, key, body: found.update({f"{bucket.name}/{key}": body}))
    return found


def test_stacks_come_after_those_that_they_depend_on_also_when_nested(tmp_path: Path) -> None:
    found = assembly(
        tmp_path,
        {
            "Work": stack("w.json", "Data", stackName="prod-work", parameters={"A": "1"}),
            "assembly-Later": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "later"}},
            "Data": stack("d.json"),
            "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
        },
    )
    assembly(tmp_path / "later", {"LaterStack": stack("l.json", "Work")})
    stacks = found.stacks()
    assert [each.name for each in stacks] == ["Data", "prod-work", "LaterStack"]
    assert (stacks[1].parameters, stacks[2].template_file) == ({"A": "1"}, tmp_path / "later" / "l.json")


def test_stacks_in_a_circle_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="circle"):
        assembly(tmp_path, {"A": stack("a", "B"), "B": stack("b", "A")}).stacks()


def test_assets_are_put_where_the_stacks_look_for_them(tmp_path: Path, held: dict[str, bytes]) -> None:
    found = assembly(tmp_path, {"S.assets": {"type": "cdk:asset-manifest", "properties": {"file": "s.assets.json"}}})
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("")
    (tmp_path / "n.nested.template.json").write_text('{"Resources": {}, "Parameters": {"BootstrapVersion": {}}}')
    (tmp_path / "plain.txt").write_text("plain")

    def asset(key: str, path: str, packaging: str = "file") -> dict[str, Any]:
        where = {"bucketName": BUCKET, "objectKey": key}
        return {"source": {"path": path, "packaging": packaging}, "destinations": {"current": where}}

    files = {
        "1": asset("code.zip", "code", "zip"),
        "2": asset("nested.json", "n.nested.template.json"),
        "3": asset("p", "plain.txt"),
        "4": {"source": {"executable": ["make"]}, "destinations": {}},
    }
    images = {"5": {"source": {"directory": "image"}}}
    (tmp_path / "s.assets.json").write_text(json.dumps({"files": files, "dockerImages": images}))
    told = found.publish(ENDPOINT)
    place = "cdk-hnb659fds-assets-000000000000-eu-west-1"
    assert sorted(held) == [f"{place}/code.zip", f"{place}/nested.json", f"{place}/p"]
    assert json.loads(held[f"{place}/nested.json"]) == {"Resources": {}}
    assert held[f"{place}/p"] == b"plain"
    assert [each.split(" is not ")[0] for each in told] == ["The container image of image", "The file 4"]


APP = """
import json, os, sys
out, context = os.environ["CDK_OUTDIR"], json.loads(os.environ["CDK_CONTEXT_JSON"])
where = {name: os.environ[name] for name in ("CDK_DEFAULT_ACCOUNT", "CDK_DEFAULT_REGION")}
template = {"Resources": {}, "Metadata": {**where, "context": context}}
template["Parameters"] = {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>"}, "Size": {"Type": "String"}}
template["Rules"] = {"CheckBootstrapVersion": {}}
open(out + "/t.json", "w").write(json.dumps(template))
artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json"}}
open(out + "/manifest.json", "w").write(json.dumps({"artifacts": {"App": artifact}, "missing": MISSING}))
print("ran", file=open(LOG, "a"))
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """An app that writes down what it was told."""
    monkeypatch.setattr(cdk, "bundling_programs", lambda *_: Programs({}, View()))
    folder = tmp_path / "service"
    folder.mkdir()
    settings = {"app": f"{sys.executable} app.py", "context": {"a": 1, "b": 1}}
    (folder / "cdk.json").write_text(json.dumps(settings))
    (folder / "cdk.context.json").write_text('{"b": 2, "looked-up": 3}')
    write_app(folder)
    places = Places(service=folder, cache=tmp_path / "cache", state=tmp_path / "state", runs=tmp_path / "runs")
    return Job(endpoint=ENDPOINT, stage="dev", places=places, parameters={"Size": "2"}, log=tmp_path / "log")


def write_app(folder: Path, missing: str = "[]") -> None:
    log = str(folder.parent / "ran")
    (folder / "app.py").write_text(APP.replace("MISSING", missing).replace("LOG", repr(log)))


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, held: dict[str, bytes]) -> list[tuple[str, Any, dict[str, str]]]:
    found: list[tuple[str, Any, dict[str, str]]] = []
    monkeypatch.setattr(
        cdk, "deploy_template", lambda _, name, template, given, __, **___: found.append((name, template, given))
    )
    return found


def test_an_app_is_run_by_itself_once_and_its_stacks_deployed(
    service: Job, deployed: list[tuple[str, Any, dict[str, str]]]
) -> None:
    assert Cdk().deploy(service).stack_name == "App"
    [(name, template, given)] = deployed
    assert (name, given) == ("App", {"Size": "2"})
    assert set(template) == {"Resources", "Metadata", "Parameters"}
    assert set(template["Parameters"]) == {"Size"}
    told = template["Metadata"]
    assert (told["CDK_DEFAULT_ACCOUNT"], told["CDK_DEFAULT_REGION"]) == ("000000000000", "eu-west-1")
    assert {name: told["context"][name] for name in ("a", "b", "looked-up", "Size")} == {
        "a": 1,
        "b": 1,
        "looked-up": 3,
        "Size": "2",
    }
    assert Cdk().name_of(service) == "App"
    ran = service.places.service.parent / "ran"
    assert ran.read_text() == "ran\n", "what it synthesised is kept"
    with (service.places.service / "app.py").open("a") as app:
        app.write("\n# changed\n")
    Cdk().deploy(service)
    assert ran.read_text() == "ran\nran\n"
    assert sorted(each.name for each in service.places.service.iterdir()) == ["app.py", "cdk.context.json", "cdk.json"]


def test_what_is_looked_up_in_an_account_is_refused_with_what_to_do(service: Job) -> None:
    write_app(service.places.service, '[{"provider": "vpc-provider", "props": {"region": "eu-west-1"}}]')
    with pytest.raises(DeploymentError, match=r'vpc-provider \{"region": "eu-west-1"\}\nRun `cdk synth` once'):
        Cdk().name_of(service)


def test_an_app_that_fails_or_writes_nothing_is_said_to(service: Job) -> None:
    (service.places.service / "app.py").write_text("raise SystemExit('no such construct')")
    with pytest.raises(DeploymentError, match=r"(?s)running the app of cdk.json.*no such construct.*All of it is in"):
        Cdk().name_of(service)
    (service.places.service / "app.py").write_text("")
    with pytest.raises(DeploymentError, match="nothing in the folder that CDK_OUTDIR names"):
        Cdk().name_of(service)
    (service.places.service / "cdk.json").write_text("{}")
    with pytest.raises(DeploymentError, match='no "app"'):
        Cdk().name_of(service)


def test_what_was_to_run_in_a_container_runs_here_with_its_folders_and_python(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a.py").write_text("")
    script = 'rsync -rLv /asset-input/ /asset-output && python -c "print(1)" > /asset-output/said && echo $WHERE $(pwd)'
    volumes = [word for name in ("in", "out") for word in ("-v", f"{tmp_path / name}:/asset-{name}put:delegated")]
    arguments = ["run", "--rm", "-u", "0:0", *volumes, "--env", "WHERE=/asset-output/x", "-w", "/asset-input"]
    environment = {
        "TASKGUARD_PYTHONS": json.dumps({"": "/nowhere", "3.12": sys.executable}),
        "TASKGUARD_PIP": str(tmp_path),
        "TASKGUARD_SHIMS": str(tmp_path / "shims"),
        "PATH": os.environ["PATH"],
    }
    program = [sys.executable, "-I", "-S", docker_program.__file__]
    command = [*program, *arguments, "public.ecr.aws/sam/build-python3.12", "bash", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "out" / "x"), str(tmp_path / "in")]
    assert (tmp_path / "out" / "a.py").exists()
    assert (tmp_path / "out" / "said").read_text() == "1\n"
    assert subprocess.run([*program, "build", "-t", "x", "."], env=environment, check=False).returncode == 0
    assert subprocess.run([*program, "create", "x"], env=environment, check=False, capture_output=True).returncode == 1
