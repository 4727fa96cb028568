"""``taskguard doctor``: how it tells what it found, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskguard.cli import doctor
from taskguard.service import installed
from taskguard.targets.machine import Found, State

from tests.unit.taskguard.cli_support import Command

THERE = Found(name="Node.js", state=State.OK, what="22.1.0")
NOT_NEEDED = Found(
    name="Docker", state=State.ABSENT, what="connection refused", to_do="Needed for --target docker alone."
)
NEEDED = Found(name="npm", state=State.MISSING, what="not on the path", to_do="Install npm.")


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installed, "folders", lambda: {"packages": tmp_path / "none"})


def found(monkeypatch: pytest.MonkeyPatch, *things: Found) -> None:
    monkeypatch.setattr(doctor, "_PROBES", tuple(lambda each=each: each for each in things))


def test_a_machine_with_all_that_the_default_target_needs_is_ready(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, THERE, NOT_NEEDED)
    ended = taskguard("doctor")
    assert (ended.status, ended.err) == (0, "")
    lines = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    assert ["Node.js", "ok", "22.1.0"] in lines
    assert ["Docker", "absent", "connection refused. Needed for --target docker alone."] in lines
    assert ["packages", "nothing", f"yet  {installed.folders()['packages']}"] in lines
    assert ended.out.endswith("All is there that a run on the default target needs.\n")


def test_what_is_missing_is_named_with_what_to_do(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, THERE, NEEDED)
    ended = taskguard("doctor")
    assert ended.status == 3
    assert "not on the path. Install npm." in ended.out
    assert ended.out.endswith("Missing for a run on the default target: npm.\n")


@pytest.mark.parametrize(("things", "code"), [((THERE,), 0), ((THERE, NEEDED), 3)])
def test_programs_are_told_the_same(
    taskguard: Command, monkeypatch: pytest.MonkeyPatch, things: tuple[Found, ...], code: int
) -> None:
    found(monkeypatch, *things)
    ended = taskguard("doctor", "--json")
    document = json.loads(ended.out)
    assert (ended.status, document["exit_code"]) == (code, code)
    assert document["found"][-1] == {
        "name": things[-1].name,
        "state": str(things[-1].state),
        "what": things[-1].what,
        "to_do": things[-1].to_do,
    }
    assert document["kept"] == [
        {"name": "packages", "folder": str(installed.folders()["packages"]), "size_bytes": None}
    ]
