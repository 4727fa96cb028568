"""``taskguard grade``: what it asks a session for, and what it keeps where no run could be made."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from taskguard import session
from taskguard.errors import DeploymentError, RunEndedEarly
from taskguard.run.not_made import NotMade
from taskguard.run.stages import Asked

from tests.unit.taskguard.cli_support import Command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What sessions were asked for; none of them makes its run."""
    seen: list[Asked] = []

    def grade(asked: Asked, _: object) -> NoReturn:
        seen.append(asked)
        raise DeploymentError("deploying it failed.\nThe end of what it said")

    monkeypatch.setattr(session, "grade", grade)
    return seen


@pytest.fixture
def service(tmp_path: Path) -> Path:
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "cloudformation.yml").write_text("Resources: {}\n")
    (folder / "taskguard.toml").write_text('contract = "not-here.toml"\n')
    return folder


def test_the_contract_that_is_given_holds_and_is_a_part_of_what_repeats_the_run(
    taskguard: Command, asked: list[Asked], service: Path, tmp_path: Path
) -> None:
    contract = tmp_path / "assignment.toml"
    contract.write_text("[attempts]\nmost = 2\n")
    arguments = ("--contract", contract, "--tasks-seed", "a", "--out", tmp_path / "run", "--no-sandbox")
    assert taskguard("grade", service, *arguments).status == 3
    [one] = asked
    assert one.terms().contract.attempts.most == 2
    assert one.tasks_seed == "a"
    assert one.repeat is not None
    assert f"--tasks-seed a --contract {contract}" in one.repeat


def test_a_service_that_is_not_there_is_a_wrong_command(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("grade", tmp_path / "nowhere")
    assert ended.status == 64
    assert "does not exist" in ended.says


def test_whoever_gave_no_seed_is_told_the_one_that_was_drawn(
    taskguard: Command, asked: list[Asked], service: Path, tmp_path: Path
) -> None:
    for run in ("one", "two"):
        given = ("--out", tmp_path / run, "--deployer", "cloudformation", "--no-sandbox", "--contract", "as-deployed")
        assert taskguard("grade", service, *given).status == 3
    one, two = asked
    assert one.tasks_seed != two.tasks_seed
    assert one.repeat is not None
    # What fails may follow the tasks' ids.
    assert f"--tasks-seed {one.tasks_seed} " in one.repeat
    assert "--deployer cloudformation" in one.repeat
    assert one.seed is None


def test_why_no_run_could_be_made_is_kept_in_its_folder(
    taskguard: Command, asked: list[Asked], service: Path, tmp_path: Path
) -> None:
    ended = taskguard("grade", service, "--out", tmp_path / "run", "--no-sandbox")
    assert (ended.status, len(asked)) == (3, 1)
    told = NotMade.read(tmp_path / "run")
    assert told == NotMade(error="DeploymentError", message="deploying it failed.\nThe end of what it said")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeploymentError("deploying it failed"), 3),
        (RunEndedEarly("the run ended early: the engine ended"), 3),
        (RunEndedEarly("the run ended early: it was interrupted", interrupt=KeyboardInterrupt()), 130),
    ],
)
def test_a_program_is_told_why_there_is_no_grade(
    taskguard: Command, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def grade(*_: object) -> NoReturn:
        raise error from KeyboardInterrupt()

    monkeypatch.setattr(session, "grade", grade)
    ended = taskguard("grade", service, "--json", "--out", tmp_path / "run", "--no-sandbox")
    document = json.loads(ended.out)
    assert (ended.status, document["exit_code"], document["outcome"]) == (code, code, None)
    assert (document["error"], document["reason"]) == (type(error).__name__, str(error))
    assert document["times"]["folder"] == str(tmp_path / "run")
    assert document["reason"] in ended.err


def test_a_program_is_told_the_exit_code_of_the_signal_that_ended_it(
    taskguard: Command, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grade(*_: object) -> NoReturn:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt as interrupt:
            raise RunEndedEarly("it was interrupted", interrupt=interrupt) from interrupt
        raise AssertionError("nobody interrupted it")

    monkeypatch.setattr(session, "grade", grade)
    ended = taskguard("grade", service, "--json", "--out", tmp_path / "run", "--no-sandbox")
    assert (ended.status, json.loads(ended.out)["exit_code"]) == (143, 143)


def test_a_contract_that_cannot_be_read_is_a_wrong_command(
    taskguard: Command, asked: list[Asked], service: Path, tmp_path: Path
) -> None:
    contract = tmp_path / "assignment.toml"
    contract.write_text("[points]\nbackof = 2\n")
    ended = taskguard("grade", service, "--contract", contract, "--out", tmp_path / "run")
    assert (ended.status, asked) == (64, [])
    assert 'did you mean "backoff"?' in ended.says
    assert not (tmp_path / "run").exists()
