"""The command line: exit codes, and messages instead of tracebacks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from taskguard.history import Event, EvidenceMissing, History, RecordObserved, RunEnded
from taskguard.judging.checks import CHECKS

from tests.unit.judging.building import changed, missing, the
from tests.unit.taskguard.cli_support import Command
from tests.unit.taskguard.saved_runs import BAD_EVENTS, EVENTS, of_before_digests, saved


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
        (["grade", "--redrive", "--target", "running"], "--redrive"),
        (["grade", "--redrive", "--target", "aws"], "--redrive"),
        (["grade", "--redrive", "--faults", "calls"], "--redrive"),
        (["up", "--clock-scale", "fast"], "--clock-scale"),
        (["grade", "--colour"], "--colour"),
        (["grade", "--target", "running", "--seed", "s"], "taskguard up"),
        (["grade", "--target", "running", "--keep"], "taskguard up"),
        (["grade", "--api-auth", "password"], "--api-auth"),
        (["grade", "--api-auth", "iam", "--target", "aws"], "read from it"),
        (["grade", "--api-auth", "apiKey", "--target", "running"], "read from it"),
        (["up", "--port", "-1"], "--port"),
        (["submit", "--tasks", "0"], "--tasks"),
        (["submit", "--tasks", "2", "--task-id", "t"], "--task-id"),
        (["check"], "RUN"),
        (["compare", "one"], "OTHER"),
        (["dance"], "dance"),
    ],
)
def test_a_wrong_option_is_named_and_ends_with_64(taskguard: Command, arguments: list[str], named: str) -> None:
    ended = taskguard(*arguments)
    assert ended.status == 64
    assert named.lower() in ended.says.lower()
    assert ended.out == ""


def test_a_run_is_not_written_over_what_is_there(taskguard: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    for taken in (out, out / "precious"):
        ended = taskguard("grade", "--out", taken)
        assert ended.status == 64
        assert "name a new or an empty folder" in ended.says
    assert [file.name for file in out.iterdir()] == ["precious"]
    assert (out / "precious").read_text() == "mine"


@pytest.mark.parametrize("command", [["grade", "--target", "running"], ["status"], ["submit"]])
def test_what_needs_a_running_stack_says_how_to_start_one(taskguard: Command, command: list[str]) -> None:
    ended = taskguard(*command)
    assert ended.status == 3
    assert "taskguard up" in ended.err


@pytest.mark.parametrize("command", ["status", "submit"])
def test_an_env_file_that_lacks_keys_is_told_which(taskguard: Command, tmp_path: Path, command: str) -> None:
    Path(".env").write_text("AWS_REGION=eu-central-1\nSTAGE=dev\n")  # pragma: allowlist secret
    ended = taskguard(command)
    assert ended.status == 3
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
    ended = taskguard("check", folder, "--edited")
    assert ended.status == 2
    assert f"history.jsonl, line {len(EVENTS) + 1}" in ended.err


def test_check_of_a_good_run_passes_and_ends_with_the_two_numbers(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("check", saved(tmp_path / "run", History(EVENTS)))
    assert ended.status == 0
    assert ended.out.splitlines()[-2:] == ["SUCCESS: 2", "FAILURE: 2"]
    assert ended.err == ""


def test_check_takes_the_history_file_as_well_as_its_folder(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    taskguard("check", folder)
    assert taskguard("check", folder / "history.jsonl") == taskguard("check", folder)


def test_check_judges_the_history_file_that_it_was_given(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    bad = History(changed(EVENTS, the(EVENTS, RecordObserved), status="PROCESSING"))
    bad.write(folder / "bad.jsonl")
    assert taskguard("check", folder / "bad.jsonl", "--edited").status == 1
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


def test_a_line_above_the_two_numbers_says_how_the_run_came_out(taskguard: Command, tmp_path: Path) -> None:
    bad, unsure = saved(tmp_path / "bad", History(BAD_EVENTS)), saved(tmp_path / "unsure", History(UNSURE_EVENTS))
    lines = taskguard("check", bad).out.splitlines()
    assert lines[-6:-2] == [f"Report: {bad / 'report.html'}", "", f"FAIL: record (1 of {len(CHECKS)} checks)", ""]
    lines = taskguard("check", unsure).out.splitlines()
    assert lines[-4].startswith("UNKNOWN: ingress, idempotency, effect, ")
    assert lines[-6] == f"Report: {unsure / 'report.html'}"
    lines = taskguard("check", saved(tmp_path / "good", History(EVENTS))).out.splitlines()
    assert lines[-4].startswith("PASS: ")


def test_colours_are_for_terminals_and_for_whoever_asks_for_them(
    taskguard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "bad", History(BAD_EVENTS))
    assert "\x1b" not in taskguard("check", folder).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31mFAIL: record" in taskguard("check", folder).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", taskguard("check", folder).out)


def test_a_run_that_broke_off_says_so_first_and_why_it_cannot_be_judged_once(
    taskguard: Command, tmp_path: Path
) -> None:
    cut = [event for event in EVENTS if not isinstance(event, RunEnded)]
    text = taskguard("check", saved(tmp_path / "run", History(cut), ended_early="the engine ended")).out
    assert text.startswith("Warning: the run ended early: the engine ended. ")
    assert text.count("the history has no end: the run was cut short, and any event may be missing") == 1


def test_a_quiet_command_tells_the_verdict_and_the_two_numbers_alone(taskguard: Command, tmp_path: Path) -> None:
    ended = taskguard("check", saved(tmp_path / "bad", History(BAD_EVENTS)), "--quiet")
    assert (ended.status, ended.err) == (1, "")
    assert ended.out == f"FAIL: record (1 of {len(CHECKS)} checks)\n\nSUCCESS: 2\nFAILURE: 2\n"


@pytest.mark.parametrize("outcome", ["unknown", "fail"])
def test_a_program_is_told_the_folder_and_why_a_check_is_no_pass(
    taskguard: Command, tmp_path: Path, outcome: str
) -> None:
    folder = saved(tmp_path / "run", History(UNSURE_EVENTS if outcome == "unknown" else BAD_EVENTS))
    document = json.loads(taskguard("check", folder, "--json").out)
    assert document["times"]["folder"] == str(folder)
    told = [check for check in document["checks"] if check["outcome"] == outcome]
    assert told
    for check in told:
        findings = [each["message"] for each in document["times"]["checks"][check["check"]]["findings"]]
        assert (check["reason"], check["findings"]) == (findings[0], findings)
    passed = [check for check in document["checks"] if check["outcome"] == "pass"]
    assert not any({"reason", "findings"} & check.keys() for check in passed)


def test_a_grade_of_before_reasons_and_folders_were_told_is_no_other_one(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(UNSURE_EVENTS))
    taskguard("check", folder)
    document = json.loads((folder / "grade.json").read_text())
    del document["times"]["folder"]
    for check in document["checks"]:
        check.pop("reason", None)
        check.pop("findings", None)
    (folder / "grade.json").write_text(json.dumps(document))
    assert taskguard("check", folder).err == ""


UNSURE_EVENTS = [*EVENTS, missing("Delivered")]


def test_check_says_how_to_repeat_the_run_as_its_folder_has_it(taskguard: Command, tmp_path: Path) -> None:
    command = "taskguard grade --tasks 4 --seed 'a seed'"
    ended = taskguard("check", saved(tmp_path / "run", History(EVENTS), repeat=command))
    assert f"\nRun it again with: {command}\n" in ended.out


def test_check_judges_a_run_of_before_the_command_was_kept(taskguard: Command, tmp_path: Path) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["repeat"]
    (folder / "manifest.json").write_text(json.dumps(of_before_digests(manifest)))
    ended = taskguard("check", folder)
    assert ended.status == 0
    assert "Run it again" not in ended.out


@pytest.mark.parametrize(("events", "status"), [(EVENTS, 0), (BAD_EVENTS, 1), ([*EVENTS, missing("Delivered")], 2)])
def test_check_prints_the_grade_as_json_alone(
    taskguard: Command, tmp_path: Path, events: list[Event], status: int
) -> None:
    folder = saved(tmp_path / "run", History(events))
    ended = taskguard("check", folder, "--json")
    assert (ended.status, ended.err) == (status, "")
    document = json.loads(ended.out)
    assert document["exit_code"] == status
    assert document == json.loads((folder / "grade.json").read_text())


def test_check_writes_a_grade_where_there_is_none_and_leaves_one_that_agrees(
    taskguard: Command, tmp_path: Path
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS))
    assert taskguard("check", folder).err == ""
    first = (folder / "grade.json").read_bytes()
    (folder / "junit.xml").unlink()
    assert taskguard("check", folder).err == ""
    assert (folder / "grade.json").read_bytes() == first
    assert (folder / "junit.xml").exists()


def test_check_tells_when_it_judges_otherwise_than_before_and_leaves_the_reports(
    taskguard: Command, tmp_path: Path
) -> None:
    folder = saved(tmp_path / "run", History(EVENTS), taskguard_version="0.0.9")
    taskguard("check", folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "history.jsonl"}
    History(BAD_EVENTS).write(folder / "history.jsonl")
    ended = taskguard("check", folder, "--edited")
    assert ended.status == 5
    assert "Judged otherwise: record." in ended.err
    assert "grade.json says otherwise; it was written by TaskGuard 0.0.9" in ended.err
    assert ["checks.record.outcome", "pass", "fail"] in [line.split() for line in ended.err.splitlines()]
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "history.jsonl"} == before

    again = taskguard("check", folder, "--edited", "--rewrite")
    assert again.status == 1
    assert len(again.err.splitlines()) == 1
    assert json.loads((folder / "grade.json").read_text())["outcome"] == "fail"
    assert b"PROCESSING" in (folder / "junit.xml").read_bytes()
