"""Errors of others, of the user's credentials and of our own, as the command tells them."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from taskguard.places import Places

from tests.unit.taskguard.cli_support import Command


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

    def serverless_cli(_: Path) -> NoReturn:
        pytest.fail("nothing is to be deployed without credentials")

    monkeypatch.setattr("taskguard.service.on_aws.serverless_cli", serverless_cli)


@pytest.mark.parametrize("command", ["deploy", "remove"])
@pytest.mark.usefixtures("no_credentials")
def test_without_aws_credentials_it_says_how_to_get_them(taskguard: Command, command: str) -> None:
    ended = taskguard(command)
    assert ended.status == 3
    assert f"running `serverless {command}`: there are no AWS credentials" in ended.err
    assert "AWS_PROFILE" in ended.err


@pytest.mark.usefixtures("no_credentials")
def test_a_profile_that_does_not_exist_is_named(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-s-profile")
    ended = taskguard("deploy")
    assert ended.status == 3
    assert "nobody-s-profile" in ended.err


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 3), (2, 3), (7, 3)])
@pytest.mark.usefixtures("no_credentials")
def test_a_deploy_to_aws_succeeds_or_not_as_the_serverless_cli_does(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, expected: int
) -> None:
    cli = tmp_path / "serverless"
    cli.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/heard\nexit {status}\n')
    cli.chmod(0o755)
    monkeypatch.setattr("taskguard.service.on_aws.serverless_cli", lambda _: cli)
    monkeypatch.setattr("taskguard.service.on_aws.python_with_pip", lambda cache: cache)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert taskguard("deploy", "--stage", "qa", "--region", "eu-west-1").status == expected
    assert (tmp_path / "heard").read_text().strip() == "deploy --stage qa --region eu-west-1"
    assert taskguard("deploy", "--stage", "qa", "--api-auth", "iam").status == expected
    assert (tmp_path / "heard").read_text().strip().endswith("--param=apiAuth=iam")


@pytest.mark.parametrize(
    ("error", "said", "status"),
    [
        (KeyboardInterrupt(), "interrupted", 130),
        (ClientError({"Error": {"Code": "Denied", "Message": "[no]"}}, "DescribeStacks"), "an AWS call failed", 3),
        (
            PermissionError(13, "Permission denied", "[no]"),
            "the operating system refused: [Errno 13] Permission denied",
            3,
        ),
        (ResponseParserError("<html>[no]"), "what answers is no AWS engine", 3),
    ],
)
def test_an_interrupt_and_errors_of_others_are_messages(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str, status: int
) -> None:
    def from_env(_: Places) -> NoReturn:
        raise error

    monkeypatch.setattr("taskguard.cli.tasks.from_env", from_env)
    ended = taskguard("status")
    assert ended.status == status
    assert said in ended.err
    assert isinstance(error, KeyboardInterrupt) or "[no]" in ended.err


def test_a_mistake_of_ours_is_told_with_its_trace_and_is_no_failed_check(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_env(_: Places) -> NoReturn:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("taskguard.cli.tasks.from_env", from_env)
    ended = taskguard("status", traced=True)
    assert ended.status == 3
    assert "ZeroDivisionError: of ours" in ended.err
    assert "a mistake in TaskGuard, not in the pipeline" in ended.err
