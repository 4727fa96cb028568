"""The command that makes gradebooks: of submissions here, and of what jobs elsewhere have graded."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from taskguard.cli import gradebook as command
from taskguard.reports.gradebook.files import CSV_FILE, JSON_FILE, PAGE_FILE

from tests.unit.taskguard import fake_grader
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.submitted import kept_submissions, submission

pytestmark = pytest.mark.usefixtures("ends_are_seen_soon")

FILES = (PAGE_FILE, CSV_FILE, JSON_FILE)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_submissions(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "graded_apart", lambda: [sys.executable, "-S", fake_grader.__file__])
    monkeypatch.setenv("TASKGUARD_SANDBOX", "off")


@pytest.fixture
def source(runs: Path, tmp_path: Path) -> Path:
    submission(tmp_path / "in" / "anna", f"graded {runs / 'right' / 'run'}")
    submission(tmp_path / "in" / "bert", f"graded {runs / 'wrong' / 'run'}")
    submission(tmp_path / "in" / "carla", "fails DeploymentError it failed")
    return tmp_path / "in"


def test_the_command_grades_all_and_says_where_the_gradebook_is(
    taskguard: Command, faked: None, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = taskguard("gradebook", source, "--contract", "taskguard", "--out", out)
    assert ended.status == 0, ended.err
    assert re.search(r"^anna +pass +15 of 15$", ended.out, re.MULTILINE)
    assert re.search(r"^carla +not built +– +It could not be built and deployed\.$", ended.out, re.MULTILINE)
    assert "3 submissions: 1 fail, 1 not built, 1 pass" in ended.out
    files = {name: (out / name).read_bytes() for name in FILES}
    again = taskguard("gradebook", source, "--contract", "taskguard", "--out", out)
    assert "anna: graded, before" in again.out
    assert {name: (out / name).read_bytes() for name in FILES} == files
    assert taskguard("gradebook", source, "--contract", "taskguard", "--out", tmp_path / "other").status == 0
    assert {name: (tmp_path / "other" / name).read_bytes() for name in FILES} == files


def test_a_gradebook_that_is_broken_off_has_what_is_done(
    taskguard: Command, faked: None, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission(source / "zoe", "hangs")

    def interrupt(console: object, text: str, **_: object) -> None:
        if "carla" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "print_line", interrupt)
    ended = taskguard("gradebook", source, "--contract", "taskguard", "--out", tmp_path / "out", "--jobs", "1")
    assert ended.status == 130
    assert "3 submissions: 1 fail, 1 not built, 1 pass" in ended.out
    names = [each["name"] for each in json.loads((tmp_path / "out" / JSON_FILE).read_text())["submissions"]]
    assert names == ["anna", "bert", "carla"]


def test_jobs_elsewhere_grade_one_each_and_what_they_made_is_collected(
    taskguard: Command, faked: None, source: Path, tmp_path: Path
) -> None:
    listed = json.loads(taskguard("gradebook", source, "--matrix", "github").out)["submission"]
    assert listed == taskguard("gradebook", source, "--matrix", "lines").out.split() == ["anna", "bert", "carla"]
    for name in listed:
        job = tmp_path / "jobs" / name
        assert taskguard("gradebook", source, "--only", name, "--contract", "taskguard", "--out", job).status == 0
    ended = taskguard("gradebook", "--collect", tmp_path / "jobs", "--out", tmp_path / "all")
    assert "3 submissions: 1 fail, 1 not built, 1 pass" in ended.out
    assert (
        'href="../jobs/anna/submissions/anna/run/report.html#check-backoff"'
        in (tmp_path / "all" / PAGE_FILE).read_text()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no such folder"),
        ([".", "."], "several are for --collect"),
        (["in", "--only", "zoe"], "--only zoe: there is no such submission"),
        (["in", "--contract", "none"], "contract none"),
        (["--collect", "in"], "there is no run in it"),
    ],
)
def test_a_command_that_cannot_be_meant_is_wrong(
    taskguard: Command, faked: None, source: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(source.parent)
    ended = taskguard("gradebook", *arguments)
    assert (ended.status, words in ended.says) == (64, True), ended.says
    assert not (source.parent / "gradebook").exists()
