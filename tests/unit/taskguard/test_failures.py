"""Which invocations a recording tells to have failed, and by which lines of their logs that is to be known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.failures import failed_invocations
from taskguard.history import EvidenceMissing, InvocationFailed, InvocationsCounted

from tests.unit.taskguard.recorder_lines import FUNCTION, STACK, ended, function, recording_of, sqs_record, started

OURS = replace(STACK, functions=(function(FUNCTION),))
NAMES = TASKGUARD.message
ERROR = "[ERROR] Runtime.ImportModuleError: Unable to import module 'process_task': boom at import"


def failed(
    request_id: str,
    error_type: str = "Runtime.ImportModuleError",
    message: str = "Unable to import module 'process_task': boom at import",
    log: str = f"{ERROR}\nTraceback (most recent call last):\n",
    *,
    loaded: bool = False,
    at: float = 1010.0,
) -> str:
    line = json.loads(
        ended(request_id, json.dumps({"errorType": error_type, "errorMessage": message}), error=True, at=at)
    )
    return json.dumps({**line, "failure": {"loaded": loaded, "log": log, "logBytes": len(log)}})


def told(folder: Path, *lines: str, **options: Any) -> list[InvocationFailed | InvocationsCounted]:
    return list(failed_invocations(recording_of(folder, *lines), OURS, NAMES, **options))


def test_a_failed_invocation_is_told_with_its_tasks_and_the_lines_that_name_the_error(tmp_path: Path) -> None:
    failure, counted = told(
        tmp_path,
        started("r1", sqs_record("m1"), sqs_record("m2")),
        failed("r1"),
        started("r2", sqs_record("m3")),
        ended("r2", "null"),
    )
    assert failure == InvocationFailed(
        at_ms=1010.0,
        started_ms=1000.0,
        function="processTask",
        delivery_id="r1",
        error_type="Runtime.ImportModuleError",
        message="Unable to import module 'process_task': boom at import",
        loaded=False,
        lines=(ERROR,),
        log_bytes=len(ERROR) + 36,
        task_ids=("task-of-m1", "task-of-m2"),
    )
    assert counted == InvocationsCounted(at_ms=1010.0, function="processTask", invocations=2)


def test_messages_that_an_answer_names_as_failed_are_no_failed_invocation(tmp_path: Path) -> None:
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "m1"}]})
    assert told(tmp_path, started("r1", sqs_record("m1")), ended("r1", answer)) == []


def test_an_older_recording_tells_of_none(tmp_path: Path) -> None:
    assert told(tmp_path, started("r1", sqs_record("m1")), ended("r1", "{}", error=True)) == []


def test_functions_of_others_and_invocations_for_others_are_left_out(tmp_path: Path) -> None:
    lines = (
        started("r1", sqs_record("m1"), function="somebody-elses"),
        failed("r1"),
        started("r2", sqs_record("m2")),
        failed("r2"),
        started("r3", sqs_record("m3")),
        failed("r3"),
    )
    failure, counted = told(tmp_path, *lines, only=frozenset({"task-of-m3"}))
    assert (failure.delivery_id, counted.invocations) == ("r3", 1)  # type: ignore[union-attr]


def test_the_request_id_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    words = "Runtime exited with error: signal: killed"
    [failure, _] = told(
        tmp_path, started("r1", sqs_record("m1")), failed("r1", "Runtime.ExitError", f"RequestId: r1 Error: {words}")
    )
    assert isinstance(failure, InvocationFailed)
    assert failure.message == words


def test_of_a_long_trace_the_error_and_the_last_lines_are_told(tmp_path: Path) -> None:
    trace = [f"  File {number}" for number in range(50)]
    log = "\n".join(["something before", ERROR, *trace, "    raise ImportError"])
    [failure, _] = told(tmp_path, started("r1", sqs_record("m1")), failed("r1", log=log))
    assert isinstance(failure, InvocationFailed)
    assert failure.lines[0] == ERROR
    assert failure.lines[-1] == "    raise ImportError"
    assert len(failure.lines) == 6


def test_where_no_line_names_the_error_the_last_ones_are_told_and_long_ones_cut(tmp_path: Path) -> None:
    log = "\n".join([*(f"step {number}" for number in range(20)), "x" * 1000])
    [failure, _] = told(tmp_path, started("r1", sqs_record("m1")), failed("r1", "Sandbox.Timedout", "late", log))
    assert isinstance(failure, InvocationFailed)
    assert failure.lines[0] == "step 15"
    assert failure.lines[-1] == "x" * 240 + "…"


def test_an_answer_that_is_no_document_is_told_as_it_is(tmp_path: Path) -> None:
    line = {**json.loads(failed("r1")), "response": "[1"}
    [failure, _] = told(tmp_path, started("r1", sqs_record("m1")), json.dumps(line))
    assert isinstance(failure, InvocationFailed)
    assert (failure.error_type, failure.message) == ("Error", "[1")


def test_what_is_missing_of_an_invocation_under_way_is_of_its_tasks(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, started("r1", sqs_record("m1"), sqs_record("m2")))
    [missing] = [each for each in events_of(recording, OURS, NAMES) if isinstance(each, EvidenceMissing)]
    assert missing.task_ids == ("task-of-m1", "task-of-m2")
