"""A grade as JUnit XML, as CI services read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from taskguard.history import AttemptFailed, Event, History, RecordObserved
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade
from taskguard.reports.as_junit import JUNIT_FILE, write_junit

from tests.unit.judging.batches import whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, changed, missing, run, the

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD, FIRST_TRY)


def suite_of(events: list[Event], folder: Path) -> ET.Element:
    history = History(events)
    write_junit(folder, grade(history, EXPECTED), history, "localstack")
    [suite] = ET.parse(folder / JUNIT_FILE).getroot()  # noqa: S314  # written a line ago
    return suite


def test_a_good_run_is_a_suite_of_cases_that_pass(tmp_path: Path) -> None:
    suite = suite_of(EVENTS, tmp_path)
    assert suite.get("name") == "taskguard on localstack"
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": str(len(CHECKS)), "failures": "0", "errors": "0", "skipped": "1"}
    assert float(suite.get("time", "0")) > 30
    assert suite.get("timestamp") == "2023-11-14T22:13:20"
    assert [case.get("name") for case in suite.iter("testcase")] == list(CHECKS)
    assert list(suite.iter("failure")) == list(suite.iter("error")) == []
    assert [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None] == ["order"]
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert properties == {"SUCCESS": "2", "FAILURE": "2", "tasks": "4"}


def test_what_was_not_exercised_and_should_have_been_is_an_error_that_says_how(tmp_path: Path) -> None:
    suite = suite_of(run(FIRST_TRY, SECOND_TRY, DEAD, FIRST_TRY), tmp_path)
    errors = {case.get("name"): case.find("error") for case in suite.iter("testcase") if case.find("error") is not None}
    assert list(errors) == ["refusals", "idempotency", "partial_batches"]
    for error in errors.values():
        assert error is not None
        assert "not exercised: " in str(error.text)
        assert "To exercise it, " in str(error.text)


def test_a_check_that_failed_is_a_failure_with_its_findings(tmp_path: Path) -> None:
    record = the(EVENTS, RecordObserved)
    suite = suite_of(changed(EVENTS, record, status="PROCESSING"), tmp_path)
    [failure] = suite.iter("failure")
    assert suite.get("failures") == "1"
    assert "expected: " in failure.get("message", "")
    assert "observed: " in failure.get("message", "")
    assert record.task_id in str(failure.text)
    assert "PROCESSING" in str(failure.text)


def test_what_did_not_pass_says_how_to_run_it_again(tmp_path: Path) -> None:
    history = History(changed(EVENTS, the(EVENTS, RecordObserved), status="PROCESSING"))
    write_junit(tmp_path, grade(history, EXPECTED), history, "localstack", "taskguard grade --tasks 4")
    [failure] = ET.parse(tmp_path / JUNIT_FILE).iter("failure")  # noqa: S314  # written a line ago
    assert str(failure.text).endswith("\nRun it again with: taskguard grade --tasks 4")


def test_a_check_that_could_not_be_judged_is_an_error(tmp_path: Path) -> None:
    suite = suite_of([*EVENTS, missing("Delivered")], tmp_path)
    assert suite.get("failures") == "0"
    assert int(suite.get("errors", "0")) == len(list(suite.iter("error"))) > 0


def test_a_run_of_which_nothing_was_seen_is_no_pass(tmp_path: Path) -> None:
    assert int(suite_of([], tmp_path).get("errors", "0")) > 0


def test_what_xml_cannot_hold_is_written_out(tmp_path: Path) -> None:
    failed = the(EVENTS, AttemptFailed)
    odd = "nul \x00, escape \x1b[31m, lone \ud800, \ufffe, and <fine> & 東京 🚀"
    record = the(EVENTS, RecordObserved, where=lambda event: event.task_id == failed.task_id)
    [failure] = suite_of(changed(EVENTS, record, status=odd), tmp_path).iter("failure")
    assert "<fine> & 東京 🚀" in str(failure.text)
    assert "nul \\u0000, escape \\u001b[31m" in str(failure.text)
