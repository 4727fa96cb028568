"""What an app of CDK is given to bundle its code with, where there is neither Docker nor a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.places import Places
from taskguard.service.deployers import bundling, cdk, docker_program
from taskguard.service.deployers.base import Job
from taskguard.service.deployers.bundling import bundling_programs, what_failed
from taskguard.service.deployers.wheels import Fetched
from taskguard.targets.base import Endpoint
from taskguard.targets.environments import Python, find_python

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON_APP = f"Runtime.PYTHON_{HERE.replace('.', '_')}, bundling=BundlingOptions()"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy of an app, in a scratch folder; nothing is fetched or installed for it."""
    monkeypatch.setattr(bundling, "pip_environment", lambda _: type("Pip", (), {"packages": tmp_path / "pip"}))
    monkeypatch.setattr(bundling, "esbuild_of_ours", lambda _: tmp_path / "cli" / ".bin" / "esbuild")
    copy = tmp_path / "taskguard-deploy-1" / "service"
    (copy / "fn").mkdir(parents=True)
    (copy / "requirements.txt").write_text("aws-cdk-lib\n")
    (copy / "fn" / "requirements.txt").write_text("requests==2.32.3\n")
    return copy


def job_of(copy: Path, *, sandboxed: bool = True) -> Job:
    places = Places(service=copy, cache=copy.parent, state=copy.parent, runs=copy.parent)
    endpoint = Endpoint(target="t", url="http://127.0.0.1:1", region="r", sandboxed=sandboxed)
    return Job(endpoint=endpoint, stage="s", places=places)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Python | None]]:
    """What was fetched: the folder's name with the file in it, and for which Python."""
    found: list[tuple[str, Python | None]] = []

    def fetch(_job: Job, files: Sequence[Path], *, python: Python | None = None) -> Fetched:
        found.extend((f"{each.parent.name}/{each.name}", python) for each in files)
        return Fetched({}, (Path("/wheels"),))

    monkeypatch.setattr(bundling, "fetched", fetch)
    return found


def test_what_requirements_ask_for_is_fetched_before_for_the_python_that_the_app_names(
    copy: Path, asked: list[tuple[str, Python | None]]
) -> None:
    (copy / "app.py").write_text(PYTHON_APP)
    given = bundling_programs(job_of(copy), copy)
    assert asked == [("fn/requirements.txt", find_python(HERE))], "what the app itself needs is installed elsewhere"
    assert {name: given.variables[name] for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS")} == {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
    }
    assert Path("/wheels") in given.view.sees


@pytest.mark.parametrize(("app", "sandboxed"), [("Function()", True), (PYTHON_APP, False)])
def test_nothing_is_fetched_where_nothing_is_bundled_or_pip_has_a_network(
    copy: Path, asked: list[tuple[str, Python | None]], app: str, *, sandboxed: bool
) -> None:
    (copy / "app.py").write_text(app)
    assert "PIP_NO_INDEX" not in bundling_programs(job_of(copy, sandboxed=sandboxed), copy).variables
    assert asked == []


@pytest.mark.parametrize(
    ("app", "has_its_own", "found"),
    [
        ("new NodejsFunction(this, 'a')", False, True),
        ("aws_lambda_nodejs.NodejsFunction", False, True),
        ("new NodejsFunction(this, 'a')", True, False),
        ("new Function(this, 'a')", False, False),
    ],
)
def test_esbuild_is_there_as_in_the_image_where_an_app_has_none_of_its_own(
    copy: Path, app: str, *, has_its_own: bool, found: bool
) -> None:
    (copy / "app.ts").write_text(app)
    if has_its_own:
        (copy / "node_modules" / ".bin").mkdir(parents=True)
        (copy / "node_modules" / ".bin" / "esbuild").touch()
    given = bundling_programs(job_of(copy), copy)
    assert (json.loads(given.variables["TASKGUARD_PROGRAMS"]) != {}) is found
    assert any(each.name == "cli" for each in given.view.sees) is found


def docker(folder: Path, *arguments: str, programs: str = "{}") -> subprocess.CompletedProcess[str]:
    environment = {
        "TASKGUARD_PYTHONS": json.dumps({"": "/nowhere", "3.12": sys.executable}),
        "TASKGUARD_PIP": str(folder),
        "TASKGUARD_PROGRAMS": programs,
        "TASKGUARD_SHIMS": str(folder / "shims"),
        "TASKGUARD_FAILED": str(folder / "bundling-failed"),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-I", "-S", docker_program.__file__, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_images_programs_and_the_python_that_an_image_is_built_from_are_found(tmp_path: Path) -> None:
    assert docker(tmp_path, "build", "-t", "cdk-1", "--build-arg", "IMAGE=sam/build-python3.12", ".").returncode == 0
    for words in ('test "$(esbuild)" = bundles', "python -c ''"):
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\necho bundles\n")
        program.chmod(0o755)
        programs = json.dumps({"esbuild": str(program)})
        done = docker(tmp_path, "run", "-w", str(tmp_path), "cdk-1", "sh", "-c", words, programs=programs)
        assert done.returncode == 0, done.stderr


def test_an_app_that_cannot_bundle_ends_with_why_and_not_with_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "taskguard-deploy-1"
    copy = scratch / "service"
    copy.mkdir(parents=True)
    assert docker(scratch, "run", "-w", str(copy), "image", "sh", "-c", "echo no such package; exit 3").returncode == 3
    said = what_failed(copy)
    assert said is not None
    assert said.splitlines() == ["  sh -c echo no such package; exit 3", "  no such package", "  it ended with 3"]
    job: Any = job_of(copy)
    with (
        pytest.raises(DeploymentError, match=r"(?s)no such package.*could not fetch a.*--no-sandbox") as failed,
        cdk._telling_of_bundling(job, copy, "running the app", ["could not fetch a"]),
    ):
        raise DeploymentError("a trace of jsii")
    assert "jsii" not in str(failed.value)
