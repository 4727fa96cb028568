"""What a stranger types in the first five minutes, in this order, and what it leaves behind."""

from __future__ import annotations

import json
import re
import zipfile
from email.parser import Parser

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from taskguard.judging.checks import CHECKS
from taskguard.places import DATA

from tests.installed.conftest import Machine
from tests.places import PROJECT

pytestmark = pytest.mark.heavy

THEIR_TESTS = """
import sys


def test_a_task_that_fails_once_is_retried(pipeline):
    task = pipeline.task(failures=1)
    pipeline.submit(task)
    pipeline.settle(task)
    assert pipeline.record(task.task_id).status == "COMPLETED"


def test_a_graded_run_passes(pipeline):
    grade = pipeline.graded(6).grade
    assert grade.outcome == "pass", grade.verdicts
"""

NO_PIPELINE = """
import sys


def test_nothing_of_a_pipeline_is_loaded():
    assert not {"boto3", "botocore", "scipy", "rich", "typer"} & sys.modules.keys()
"""


def test_the_wheel_has_what_it_needs_and_pins_nothing(machine: Machine) -> None:
    with zipfile.ZipFile(machine.wheel) as wheel:
        names = wheel.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = Parser().parsestr(wheel.read(metadata).decode())
        needed = ("package.json", "package-lock.json")
        for file in needed:
            assert wheel.read(f"taskguard/data/serverless/{file}") == (PROJECT / file).read_bytes()
        assert wheel.read("taskguard/data/trail") == (PROJECT / "handlers" / "trail.py").read_bytes()
        locks = [name for name in names if name.startswith("taskguard/data/") and name.endswith(".txt")]
        assert len(locks) == 4
        # Where packages come from is the user's own affair.
        assert not [lock for lock in locks if re.search(rb"https?://|--index-url|--find-links", wheel.read(lock))]
        assert b'"resolved"' not in wheel.read("taskguard/data/serverless/package-lock.json")
    assert "taskguard/py.typed" in names
    assert "taskguard/engine/distribution/entry_points.txt" in names
    assert {name.split("/")[0] for name in names} == {"taskguard", metadata.split("/")[0]}
    if (PROJECT / "LICENSE").exists():
        assert [name for name in names if name.endswith("licenses/LICENSE")]
    requirements = [Requirement(text) for text in about.get_all("Requires-Dist") or ()]
    assert not [str(each) for each in requirements if each.specifier]
    assert not {"localstack", "localstack-core", "moto-ext"} & {each.name for each in requirements}
    assert {each.name for each in requirements if each.marker} == {"docker", "testcontainers"}


def test_it_is_installed_beside_the_newest_boto3_and_click(machine: Machine) -> None:
    code = "import json, importlib.metadata as m; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    versions = json.loads(machine.run("python", "-c", code).stdout)
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (DATA / "engine.txt").read_text(), re.MULTILINE))
    for name in ("boto3", "click"):
        assert Version(versions[name]) > Version(pinned[name]), "what LocalStack wants must not decide it"
    assert not {"localstack-core", "docker", "testcontainers"} & versions.keys()


def test_a_folder_without_a_service_is_said_to_have_none(machine: Machine) -> None:
    done = machine.run("taskguard", "grade", "--tasks", "1")
    assert (done.returncode, "there is no serverless.yml" in done.stderr) == (3, True), done.stderr
    assert not (machine.folder / "runs").exists()


def test_what_docker_needs_is_an_extra_and_nothing_else_wants_it(machine: Machine) -> None:
    looked = machine.run("taskguard", "doctor", "--json")
    docker = next(each for each in json.loads(looked.stdout)["found"] if each["name"] == "Docker")
    assert (looked.returncode, docker["state"]) == (0, "absent"), looked.stdout
    done = machine.run(
        "taskguard", "grade", "service", "--target", "docker", "--out", str(machine.home.parent / "none")
    )
    assert (done.returncode, "taskguard[docker]" in done.stderr, "Traceback" in done.stderr) == (3, True, False)


def test_a_service_elsewhere_is_graded_and_nothing_else_is_written(machine: Machine) -> None:
    before = machine.files()
    done = machine.run("taskguard", "grade", "service", "--tasks", "6", "--seed", "2026", "--clock-scale", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = re.findall(r"^(pass|fail|unknown|not applicable) +(\w+)\b", done.stdout, re.MULTILINE)
    assert [name for _, name in verdicts] == [str(name) for name in CHECKS]
    assert {name for verdict, name in verdicts if verdict != "pass"} == {"order"}, "its queues are no FIFO queues"
    assert "Run it again with: taskguard grade service --tasks 6" in done.stdout
    [run] = (machine.folder / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["versions"]["localstack"] == "4.13.1"
    assert not [path for path in machine.files() - before if not path.is_relative_to(run)]


def test_what_is_installed_is_installed_once(machine: Machine) -> None:
    done = machine.run("taskguard", "prepare")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Ready in {machine.cache} ")


def test_another_project_s_tests_use_the_service_through_the_plugin(machine: Machine) -> None:
    project = machine.folder / "project"
    project.mkdir()
    (project / "test_theirs.py").write_text(THEIR_TESTS)
    before = machine.files()
    options = ("--taskguard-service", "../service", "--taskguard-clock-scale", "60", "-p", "no:cacheprovider")
    done = machine.run("python", "-m", "pytest", "-q", *options, folder=project)
    assert done.returncode == 0, done.stdout + done.stderr
    state = machine.service / ".taskguard"
    assert not [path for path in machine.files() - before if not path.is_relative_to(state)]


def test_a_project_without_a_pipeline_pays_for_none(machine: Machine) -> None:
    project = machine.folder / "without"
    project.mkdir()
    (project / "test_plain.py").write_text(NO_PIPELINE)
    before = machine.files()
    done = machine.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine.files() == before
