"""Commands that are printed can be typed as they are."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest
from taskguard.support.this_command import runnable


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tool's script, as it was started, in a folder below the current one and not on the path."""
    script = tmp_path / "project" / ".venv" / "bin" / "taskguard"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "grade"])
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    return script


def test_a_tool_that_is_not_on_the_path_is_named_by_its_place_below_the_current_folder(script: Path) -> None:
    assert runnable("taskguard grade --seed 'a seed'") == ".venv/bin/taskguard grade --seed 'a seed'"
    assert runnable("taskguard") == ".venv/bin/taskguard"


def test_elsewhere_it_is_named_by_its_whole_path_quoted(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr")
    assert runnable("taskguard down") == f"{script} down"
    spaced = script.parents[2] / "a folder" / "taskguard"
    spaced.parent.mkdir()
    script.rename(spaced)
    monkeypatch.setattr(sys, "argv", [str(spaced)])
    assert runnable("taskguard down") == f"'{spaced}' down"


def test_in_its_own_folder_a_shell_finds_it(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script.parent)
    assert runnable("taskguard down") == "./taskguard down"


def test_what_was_typed_in_another_folder_is_to_be_typed_there(script: Path, tmp_path: Path) -> None:
    there = tmp_path / "a service"
    assert runnable("taskguard grade", folder=there) == f"cd '../a service' && {script} grade"
    assert runnable("taskguard grade", folder=tmp_path / "project") == ".venv/bin/taskguard grade"


def test_a_tool_on_the_path_is_named_alone(script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert runnable("taskguard up") == "taskguard up"
    # As pipx and uv put it there.
    link = tmp_path / "bin" / "taskguard"
    link.parent.mkdir()
    link.symlink_to(script)
    monkeypatch.setenv("PATH", str(link.parent))
    assert runnable("taskguard up") == "taskguard up"


def test_another_tool_of_that_name_on_the_path_is_not_taken_for_it(
    script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "taskguard"
    other.parent.mkdir()
    other.write_bytes(script.read_bytes())
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert runnable("taskguard up") == ".venv/bin/taskguard up"


def test_a_path_that_was_made_for_one_command_is_not_counted_on(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setenv("UV", "/usr/bin/uv")
    assert runnable("taskguard up") == ".venv/bin/taskguard up"


def test_within_another_program_it_is_the_script_that_was_installed_beside_it(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(script.parent))
    assert runnable("taskguard up") == ".venv/bin/taskguard up"
    script.unlink()
    assert runnable("taskguard up") == "taskguard up"


def test_arguments_are_quoted_as_a_shell_wants_them(script: Path) -> None:
    assert runnable("taskguard check", Path("a folder/it's")) == """.venv/bin/taskguard check 'a folder/it'"'"'s'"""


def test_another_command_stays_as_it_is(script: Path) -> None:
    assert runnable("taskguardian up") == "taskguardian up"
