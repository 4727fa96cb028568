"""The command line: exit codes, and messages instead of tracebacks."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from botocore.exceptions import ClientError

from harness import __version__
from harness.history import EvidenceMissing, History, Manifest, RecordObserved, SavedRun
from tests.unit.harness.cli_support import Command
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, changed, missing, run, the

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD, FIRST_TRY)


def saved(folder: Path, history: History) -> Path:
    manifest = Manifest(
        taskguard_version=__version__,
        created_at="2024-01-01T00:00:00+00:00",
        seed=EXPECTED.failure_seed,
        rate=EXPECTED.failure_rate,
        tasks=4,
        target="localstack",
        stage="dev",
        region="eu-central-1",
        expectations=EXPECTED,
    )
    SavedRun(history=history, manifest=manifest).write(folder)
    return folder


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_what_it_is_succeeds(taskguard: Command, option: str) -> None:
    ended = taskguard(option)
    assert ended.status == 0
    assert ("grade" in ended.out) if option == "--help" else (ended.out == f"taskguard {__version__}\n")


def test_every_command_is_listed_and_has_help_of_its_own(taskguard: Command) -> None:
    overview = taskguard("--help").out
    for command in ("grade", "check", "up", "down", "submit", "status", "deploy", "remove"):
        assert command in overview
        ended = taskguard(command, "--help")
        assert ended.status == 0
        assert f"taskguard {command}" in ended.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["grade", "--tasks", "many"], "--tasks"),
        (["grade", "--tasks", "0"], "--tasks"),
        (["grade", "--tasks", "100001"], "--tasks"),
        (["grade", "--rate", "1.5"], "--rate"),
        (["grade", "--rate", "often"], "--rate"),
        (["grade", "--target", "mars"], "mars"),
        (["grade", "--port", "65536"], "--port"),
        (["grade", "--clock-scale", "0.5"], "--clock-scale"),
        (["grade", "--clock-scale", "1001"], "--clock-scale"),
        (["grade", "--clock-scale", "10", "--target", "ministack"], "--clock-scale"),
        (["up", "--clock-scale", "fast"], "--clock-scale"),
        (["grade", "--colour"], "--colour"),
        (["grade", "--target", "running", "--seed", "s"], "taskguard up"),
        (["grade", "--target", "running", "--keep"], "taskguard up"),
        (["up", "--port", "-1"], "--port"),
        (["submit", "--tasks", "0"], "--tasks"),
        (["submit", "--tasks", "2", "--task-id", "t"], "--task-id"),
        (["check"], "HISTORY"),
        (["dance"], "dance"),
    ],
)
def test_a_wrong_option_is_named_and_ends_with_2(taskguard: Command, arguments: list[str], named: str) -> None:
    ended = taskguard(*arguments)
    assert ended.status == 2
    assert named.lower() in ended.says.lower()
    assert ended.out == ""


def test_a_run_is_not_written_over_what_is_there(taskguard: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    for taken in (out, out / "precious"):
        ended = taskguard("grade", "--out", taken)
        assert ended.status == 2
        assert "name a new or an empty folder" in ended.says
    assert [file.name for file in out.iterdir()] == ["precious"]
    assert (out / "precious").read_text() == "mine"


@pytest.mark.parametrize("command", [["grade", "--target", "running"], ["status"], ["submit"]])
def test_what_needs_a_running_stack_says_how_to_start_one(taskguard: Command, command: list[str]) -> None:
    ended = taskguard(*command)
    assert ended.status == 2
    assert "taskguard up" in ended.err


@pytest.mark.parametrize("command", ["status", "submit"])
def test_an_env_file_that_lacks_keys_is_told_which(taskguard: Command, tmp_path: Path, command: str) -> None:
    (tmp_path / ".env").write_text("AWS_REGION=eu-central-1\nSTAGE=dev\n")
    ended = taskguard(command)
    assert ended.status == 2
    assert "it has no AWS_ENDPOINT_URL" in ended.err
    assert "env.example" in ended.err


def test_check_of_a_missing_folder_could_not_be_judged(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("check", tmp_path / "nothing")
    assert ended.status == 2
    assert str(tmp_path / "nothing") in ended.err
    assert "Give the folder of a finished run" in ended.err


def test_check_of_a_damaged_history_names_the_line(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    history = folder / "history.jsonl"
    history.write_text(history.read_text() + "[red]no json\n")
    ended = taskguard("check", folder)
    assert ended.status == 2
    assert f"history.jsonl, line {len(EVENTS) + 1}" in ended.err


def test_check_of_a_good_run_passes_and_ends_with_the_two_numbers(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("check", saved(tmp_path / "run", History(EVENTS)))
    assert ended.status == 0
    assert ended.out.splitlines()[-2:] == ["SUCCESS: 2", "FAILURE: 2"]
    assert ended.err == ""


def test_check_takes_the_history_file_as_well_as_its_folder(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    assert taskguard("check", folder / "history.jsonl") == taskguard("check", folder)


def test_check_judges_the_history_file_that_it_was_given(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    bad = History(changed(EVENTS, the(EVENTS, RecordObserved), status="PROCESSING"))
    bad.write(folder / "bad.jsonl")
    assert taskguard("check", folder / "bad.jsonl").status == 1
    assert taskguard("check", folder / "history.jsonl").status == 0
    assert taskguard("check", folder).status == 0


def test_check_of_a_bad_run_fails_and_says_why_before_the_two_numbers(taskguard: Command, tmp_path: Path) -> None:
    record = the(EVENTS, RecordObserved)
    ended = taskguard("check", saved(tmp_path / "run", History(changed(EVENTS, record, status="PROCESSING"))))
    assert ended.status == 1
    assert record.task_id in ended.out
    assert "PROCESSING" in ended.out
    assert ended.out.splitlines()[-2:] == ["SUCCESS: 2", "FAILURE: 2"]


def test_check_of_a_run_whose_evidence_is_missing_could_not_be_judged(taskguard: Command, tmp_path: Path) -> None:
    gap: EvidenceMissing = missing("Delivered", "AttemptFailed", "AttemptSucceeded")
    ended = taskguard("check", saved(tmp_path / "run", History([*EVENTS, gap])))
    assert ended.status == 2
    assert ended.out.splitlines()[-2:] == ["SUCCESS: 2", "FAILURE: 2"]


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who never heard of AWS, and a Serverless CLI that must not be called."""
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def serverless_cli() -> NoReturn:
        pytest.fail("nothing is to be deployed without credentials")

    monkeypatch.setattr("harness.targets.aws.serverless_cli", serverless_cli)


@pytest.mark.parametrize("command", ["deploy", "remove"])
@pytest.mark.usefixtures("no_credentials")
def test_without_aws_credentials_it_says_how_to_get_them(taskguard: Command, command: str) -> None:
    ended = taskguard(command)
    assert ended.status == 2
    assert f"running `serverless {command}`: there are no AWS credentials" in ended.err
    assert "AWS_PROFILE" in ended.err


@pytest.mark.usefixtures("no_credentials")
def test_a_profile_that_does_not_exist_is_named(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-s-profile")
    ended = taskguard("deploy")
    assert ended.status == 2
    assert "nobody-s-profile" in ended.err


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 2), (2, 2), (7, 2)])
@pytest.mark.usefixtures("no_credentials")
def test_a_deploy_to_aws_succeeds_or_not_as_the_serverless_cli_does(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, expected: int
) -> None:
    cli = tmp_path / "serverless"
    cli.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/heard\nexit {status}\n')
    cli.chmod(0o755)
    monkeypatch.setattr("harness.targets.aws.serverless_cli", lambda: cli)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert taskguard("deploy", "--stage", "qa", "--region", "eu-west-1").status == expected
    assert (tmp_path / "heard").read_text().strip() == "deploy --stage qa --region eu-west-1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (ClientError({"Error": {"Code": "Denied", "Message": "[no]"}}, "DescribeStacks"), "an AWS call failed"),
        (
            PermissionError(13, "Permission denied", "[no]"),
            "the operating system refused: [Errno 13] Permission denied",
        ),
    ],
)
def test_an_interrupt_and_errors_of_others_are_messages(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    def from_env() -> NoReturn:
        raise error

    monkeypatch.setattr("harness.cli.tasks.from_env", from_env)
    ended = taskguard("status")
    assert ended.status == 2
    assert said in ended.err
    assert isinstance(error, KeyboardInterrupt) or "[no]" in ended.err


def test_a_mistake_of_ours_is_told_with_its_trace_and_is_no_failed_check(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_env() -> NoReturn:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("harness.cli.tasks.from_env", from_env)
    ended = taskguard("status", traced=True)
    assert ended.status == 2
    assert "ZeroDivisionError: of ours" in ended.err
    assert "a mistake in TaskGuard, not in the pipeline" in ended.err
