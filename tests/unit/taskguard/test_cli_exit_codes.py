"""Exit codes of the command as a shell, or another program, gets them; and that the one table of them is whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from taskguard.errors import ExitCode
from taskguard.history import History

from tests.places import PROJECT
from tests.unit.judging.building import missing
from tests.unit.taskguard.saved_runs import BAD_EVENTS, EVENTS, saved

TASKGUARD = Path(sys.executable).with_name("taskguard")


def test_each_end_of_a_command_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    good = saved(tmp_path / "good", History(EVENTS))
    commands = {
        ("check", good): ExitCode.PASSED,
        ("check", saved(tmp_path / "bad", History(BAD_EVENTS))): ExitCode.FAILED,
        ("check", saved(tmp_path / "unsure", History([*EVENTS, missing("Delivered")]))): ExitCode.UNKNOWN,
        ("status",): ExitCode.NOT_MADE,
        ("check", good, "--colour"): ExitCode.WRONG_USAGE,
        (): ExitCode.WRONG_USAGE,
    }
    # Side by side: most of their time they import.
    running = {
        command: subprocess.Popen(
            [TASKGUARD, *command],
            cwd=tmp_path,
            env=os.environ | {"TASKGUARD_CACHE": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    }
    for command, process in running.items():
        out, err = process.communicate(timeout=60)
        assert process.returncode == commands[command], (command, out, err)
        assert "Traceback" not in out + err


def test_the_documents_have_each_exit_code() -> None:
    text = (PROJECT / "docs" / "reading.md").read_text()
    _, _, table = text.partition("## Exit codes")
    table, _, _ = table.partition("\n## ")
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")}
    assert told - {143, 129} == set(ExitCode)
