"""The command line tells what it can do: help, version, completion."""

from __future__ import annotations

import re

import pytest
from taskguard import __version__
from typer.main import get_command

from tests.unit.taskguard.cli_support import Command


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_what_it_is_succeeds(taskguard: Command, option: str) -> None:
    ended = taskguard(option)
    assert ended.status == 0
    assert ("grade" in ended.out) if option == "--help" else (ended.out == f"taskguard {__version__}\n")


def commands() -> list[str]:
    from taskguard.cli.app import app

    return list(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_is_listed_and_has_help_of_its_own(taskguard: Command) -> None:
    overview = taskguard("--help").out
    for command in commands():
        assert f"│ {command} " in overview
        ended = taskguard(command, "--help")
        assert ended.status == 0
        assert f"taskguard {command}" in ended.out


@pytest.mark.parametrize("command", ["", *commands()])
def test_help_is_plain_and_fits_80_columns(taskguard: Command, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = taskguard(*([command] if command else []), "--help").out
    assert not set("`<>") & set(text)
    assert not re.search(r"\b(bool|str|int|float range|list\[)\b", text)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_a_command_does_with_a_stage_is_what_its_help_says(taskguard: Command) -> None:
    assert "The stage to remove." in taskguard("remove", "--help").says
    assert "The stage to deploy." in taskguard("deploy", "--help").says


def test_a_shell_can_complete_commands(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--install-completion" in taskguard("--help").out
    monkeypatch.setenv("_TASKGUARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "taskguard gra")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert taskguard().out.split() == ["grade", "gradebook"]
