"""Exit codes of the command as a shell, or another program, gets them; and that the one table of them is whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from taskguard.errors import ExitCode
from taskguard.history import History

from tests.places import PROJECT
from tests.unit.judging.building import missing
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.saved_runs import BAD_EVENTS, EVENTS, saved


def test_each_end_of_a_command_has_an_exit_code_of_its_own(
    taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = saved(tmp_path / "good", History(EVENTS)), saved(tmp_path / "bad", History(BAD_EVENTS))
    commands = {
        ("check", good): ExitCode.PASSED,
        ("check", bad): ExitCode.FAILED,
        ("check", saved(tmp_path / "unsure", History([*EVENTS, missing("Delivered")]))): ExitCode.UNKNOWN,
        ("status",): ExitCode.NOT_MADE,
        ("check", good, "--colour"): ExitCode.WRONG_USAGE,
        (): ExitCode.WRONG_USAGE,
    }
    assert {command: taskguard(*command).status for command in commands} == commands
    # As a shell gets it.
    program = Path(sys.executable).with_name("taskguard")
    assert subprocess.run([program, "check", bad], capture_output=True, check=False).returncode == ExitCode.FAILED


def test_the_documents_have_each_exit_code() -> None:
    text = (PROJECT / "docs" / "reading.md").read_text()
    _, _, table = text.partition("## Exit codes")
    table, _, _ = table.partition("\n## ")
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")}
    assert told - {143, 129} == set(ExitCode)
