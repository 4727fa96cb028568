"""The GitHub Action: as GitHub's schema has it, in step with the command, and its scripts run as GitHub would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from tests.places import PROJECT

FILE = PROJECT / "action.yml"
ACTION: Any = YAML(typ="safe").load(FILE)
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
GRADE = next(step for step in STEPS if step.get("id") == "grade")
PAGE = (PROJECT / "docs" / "action.md").read_text()


def test_it_fits_github_s_schema() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_that_somebody_gives_is_pasted_into_a_script() -> None:
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_each_input_is_used_and_told_of() -> None:
    text = FILE.read_text()
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in text
        assert f"`{name}`" in PAGE


def test_the_options_that_it_gives_are_the_command_s() -> None:
    from taskguard.cli.app import app

    grade = get_command(app).commands["grade"]  # type: ignore[attr-defined]
    known = {option for parameter in grade.params for option in parameter.opts}
    given = {word.strip("()") for word in GRADE["run"].split() if word.strip("()").startswith("--")}
    given |= {f"--{part.split()[0]}" for part in GRADE["run"].split("(--")[1:]}
    assert given >= {"--tasks", "--contract", "--summary", "--out"}
    assert given <= known


@pytest.mark.parametrize(
    ("code", "fail_on", "ends"),
    [(0, "fail", 0), (1, "fail", 1), (2, "fail", 0), (2, "unknown", 2), (3, "fail", 3), (64, "fail", 64)],
)
def test_the_job_fails_on_a_fail_and_on_what_could_not_be_run(
    tmp_path: Path, code: int, fail_on: str, ends: int
) -> None:
    """Its steps as GitHub runs them, with a program in place of the command."""
    command = tmp_path / "taskguard" / "venv" / "bin" / "taskguard"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/asked"\nexit {code}\n')
    command.chmod(0o755)
    outputs = tmp_path / "outputs"
    environment = {
        "PATH": os.environ["PATH"],
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "SERVICE": "my service; reboot",
        "CONTRACT": "",
        "TASKS": "30",
        "SEED": "action",
        "CLOCK_SCALE": "60",
        "STAGE": "test",
    }
    assert bash(GRADE["run"], environment) == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:2] == ["grade", "my service; reboot"]
    assert asked[asked.index("--stage") + 1] == "test"
    assert "--contract" not in asked
    told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert told["exit-code"] == str(code)
    assert told["folder"] == asked[asked.index("--out") + 1]
    assert bash(STEPS[-1]["run"], {**environment, "CODE": told["exit-code"], "FAIL_ON": fail_on}) == ends


def test_what_is_kept_between_jobs_is_of_these_lock_files(tmp_path: Path) -> None:
    """Another lock has another key, and the same ones have the same."""
    locks, keys = next(step for step in STEPS if step.get("id") == "locks"), []
    data = tmp_path / "an action" / "harness" / "taskguard" / "data"
    (data / "nodejs").mkdir(parents=True)
    for text in ("1", "1", "2"):
        (data / "nodejs" / "package-lock.json").write_text(text)
        outputs = tmp_path / "outputs"
        outputs.write_text("")
        environment = {
            "PATH": os.environ["PATH"],
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_ACTION_PATH": str(tmp_path / "an action"),
        }
        assert bash(locks["run"], environment) == 0
        keys.append(outputs.read_text())
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].startswith("sum=")


def bash(script: str, environment: dict[str, str]) -> int:
    """https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions: how GitHub calls it."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL).returncode
