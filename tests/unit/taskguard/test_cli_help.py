"""The command line tells what it can do: help, version, completion."""

from __future__ import annotations

import pytest
from taskguard import __version__

from tests.unit.taskguard.cli_support import Command


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_what_it_is_succeeds(taskguard: Command, option: str) -> None:
    ended = taskguard(option)
    assert ended.status == 0
    assert ("grade" in ended.out) if option == "--help" else (ended.out == f"taskguard {__version__}\n")


def test_every_command_is_listed_and_has_help_of_its_own(taskguard: Command) -> None:
    overview = taskguard("--help").out
    for command in ("grade", "check", "compare", "conformance", "up", "down", "submit", "status", "deploy", "remove"):
        assert command in overview
        ended = taskguard(command, "--help")
        assert ended.status == 0
        assert f"taskguard {command}" in ended.out


@pytest.mark.parametrize(
    "command",
    [
        [],
        *(
            [name]
            for name in (
                "grade",
                "check",
                "compare",
                "conformance",
                "up",
                "down",
                "submit",
                "status",
                "redrive",
                "deploy",
                "remove",
            )
        ),
    ],
)
def test_help_is_plain_and_fits_80_columns(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = taskguard(*command, "--help")
    assert "``" not in ended.out
    assert "bool" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_what_a_command_does_with_a_stage_is_what_its_help_says(taskguard: Command) -> None:
    assert "The stage to remove." in taskguard("remove", "--help").says
    assert "The stage to deploy." in taskguard("deploy", "--help").says


def test_a_shell_can_complete_commands(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--install-completion" in taskguard("--help").out
    monkeypatch.setenv("_TASKGUARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "taskguard gra")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert taskguard().out.split() == ["grade", "gradebook"]
