"""A run's files that were edited, or are damaged: told in one line, and judged only where that is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from taskguard.history import DeadLetterLogged, History

from tests.unit.judging.building import SECOND_TRY, changed, run, the
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.saved_runs import EVENTS, of_before_digests, saved


@pytest.mark.parametrize("name", ["history.jsonl", "manifest.json"])
@pytest.mark.parametrize("command", ["check", "compare"])
def test_an_edited_file_is_told_in_one_line_and_judged_only_when_that_is_asked_for(
    taskguard: Command, tmp_path: Path, name: str, command: str
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    arguments = (command, *([folder] if command == "check" else [folder, folder]))
    file = folder / name
    before, after = ("SUCCEEDED", "FAILED") if name == "history.jsonl" else ("2024-01-01", "2024-01-02")
    file.write_text(file.read_text().replace(before, after, 1))
    ended = taskguard(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"taskguard: Judging {folder}: {name} is not the one that this run wrote. Give --edited to judge it nevertheless.\n"
    )
    assert not (folder / "grade.json").exists()


def test_an_edited_manifest_that_makes_a_bad_run_good_is_told(taskguard: Command, tmp_path: Path) -> None:
    slow = run(SECOND_TRY, late_ms=3000.0)
    folder = saved(tmp_path / "run", History(slow), tasks=1)
    assert taskguard("check", folder).status == 1
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["tolerances"]["late_seconds"] = 5.0
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert taskguard("check", folder).status == 2
    ended = taskguard("check", folder, "--edited")
    assert ended.status == 5
    assert "manifest.json is not the one that this run wrote" in ended.err
    assert "Judged otherwise: backoff." in ended.err


def test_a_manifest_that_is_only_written_otherwise_is_the_same(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(dict(reversed(manifest.items()))))
    assert taskguard("check", folder).status == 0


@pytest.mark.parametrize("gone", [("sha256",), ("sha256", "format_version")])
def test_a_manifest_without_its_digests_is_an_edited_one(
    taskguard: Command, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({k: v for k, v in manifest.items() if k not in gone}))
    ended = taskguard("check", folder)
    assert ended.status == 2
    assert "manifest.json" in ended.err


def test_a_run_of_before_there_were_digests_is_judged_with_a_note(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(of_before_digests(manifest)))
    taskguard("check", folder)
    ended = taskguard("check", folder)
    assert ended.status == 0
    assert ended.err == (
        f"taskguard: Judging {folder}: whether a file was edited cannot be told of a run of this format\n"
    )


def test_other_words_in_the_grade_of_before_are_told_and_are_no_other_judgement(
    taskguard: Command, tmp_path: Path
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    taskguard("check", folder)
    grade = json.loads((folder / "grade.json").read_text())
    grade["checks"][0]["claim"] = "In other words."
    grade["exit_code"] = 7
    (folder / "grade.json").write_text(json.dumps(grade))
    ended = taskguard("check", folder)
    assert ended.status == 0
    assert "grade.json says otherwise" in ended.err


@pytest.mark.parametrize("file", ["history.jsonl", "manifest.json"])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "[" * 5000 + "]" * 5000])
def test_what_no_file_of_a_run_holds_is_refused_in_one_line(
    taskguard: Command, tmp_path: Path, file: str, number: str
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    name = "at_ms" if file == "history.jsonl" else "late_seconds"
    text = re.sub(f'"{name}": [0-9.]+', lambda _: f'"{name}": {number}', (folder / file).read_text(), count=1)
    (folder / file).write_text(text)
    ended = taskguard("check", folder, "--edited")
    assert (ended.status, ended.out) == (2, "")
    assert len([line for line in ended.err.splitlines() if "is not the one" not in line]) == 1
    assert "Traceback" not in ended.err


def test_a_payload_that_is_nested_deeply_is_judged(taskguard: Command, tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    events = [msgspec.structs.replace(each, payload=deep) if hasattr(each, "payload") else each for each in EVENTS]
    logged = the(events, DeadLetterLogged)
    events = changed(events, logged, fields={**logged.fields, "payload": deep})
    assert taskguard("check", saved(tmp_path / "run", History(events))).status == 0


def test_a_value_that_is_nested_too_deeply_is_told_in_one_line(
    taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grade_run(*_: object) -> NoReturn:
        raise RecursionError

    folder = saved(tmp_path / "run", History(EVENTS))
    monkeypatch.setattr("taskguard.cli.judge.grade_run", grade_run)
    ended = taskguard("check", folder)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"taskguard: Judging {folder}: a value is nested too deeply to be judged. Run again.\n"


def test_check_of_a_folder_whose_grade_is_damaged_says_so(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    (folder / "grade.json").write_text("{")
    ended = taskguard("check", folder)
    assert ended.status == 2
    assert f"{folder / 'grade.json'}: not JSON" in ended.err


def test_what_a_damaged_file_holds_is_not_obeyed_by_the_terminal(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    line = {"event": "RunEnded", "at_ms": 1, "deadline_reached": True, "\x1b[2J": 1}
    (folder / "history.jsonl").write_text(json.dumps(line))
    ended = taskguard("check", folder, "--edited")
    assert ended.status == 2
    assert "\x1b" not in ended.err
    assert 'RunEnded: unknown key "\\x1b[2J"' in ended.err
