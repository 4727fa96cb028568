"""Messages that a consumer deletes itself, before it fails for the rest of its batch: they were done, and never come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.history import AttemptFailed, AttemptSucceeded

from tests.unit.taskguard.recorder_lines import WORK_URL, aws_call, ended, sqs_record, started
from tests.unit.taskguard.told_events import BATCH, events, of_kind

RAISED = json.dumps({"errorType": "Error", "errorMessage": "one could not be done"})


def deletes(*message_ids: str, operation: str = "DeleteMessageBatch", **more: Any) -> str:
    entries = [{"Id": each, "ReceiptHandle": f"receipt-{each}-1"} for each in message_ids]
    about: dict[str, Any] = {"Entries": entries} if operation.endswith("Batch") else entries[0]
    return aws_call(operation, {"QueueUrl": WORK_URL, **about}, **more)


def outcomes(folder: Path, *calls: str, answer: str | None = RAISED, error: bool = True) -> tuple[set[str], set[str]]:
    """The messages that succeeded, and those that failed."""
    found = events(folder, started("r1", *map(sqs_record, BATCH)), *calls, ended("r1", answer, error=error))
    succeeded, failed = of_kind(found, AttemptSucceeded), of_kind(found, AttemptFailed)
    return {each.message_id for each in succeeded}, {each.message_id for each in failed}


@pytest.mark.parametrize(
    "calls",
    [
        (deletes("m1", "m3"),),
        (deletes("m1", operation="DeleteMessage"), deletes("m3", operation="DeleteMessage")),
        (deletes("m1", "m2", "m3", failed=("m2",)),),
    ],
)
def test_what_it_deleted_was_done_and_the_rest_failed(tmp_path: Path, calls: tuple[str, ...]) -> None:
    assert outcomes(tmp_path, *calls) == ({"m1", "m3"}, {"m2"})


@pytest.mark.parametrize(
    "call",
    [
        deletes("m1", "m3", status=500, error="ServiceUnavailable"),
        deletes("m1", "m3", status=0),
        deletes("m1", "m3", request_id="another"),
    ],
)
def test_a_call_that_deleted_nothing_of_it_changes_nothing(tmp_path: Path, call: str) -> None:
    assert outcomes(tmp_path, call) == (set(), set(BATCH))


def test_who_raises_and_has_deleted_all_has_deleted_what_failed(tmp_path: Path) -> None:
    assert outcomes(tmp_path, deletes(*BATCH)) == (set(), set(BATCH))


@pytest.mark.parametrize("kind", ["Runtime.ExitError", "Sandbox.Timedout"])
def test_whose_process_was_ended_may_have_done_all(tmp_path: Path, kind: str) -> None:
    assert outcomes(tmp_path, deletes(*BATCH), answer=json.dumps({"errorType": kind})) == (set(BATCH), set())


def test_what_is_named_as_failed_and_deleted_does_not_come_back(tmp_path: Path) -> None:
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]})
    assert outcomes(tmp_path, deletes("m1"), answer=answer, error=False) == ({"m1", "m3"}, {"m2"})
