"""From the recorder's lines to backoffs: what was asked of the queue, and what it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.recording import RecordingFile
from taskguard.history import BackoffRequested, EvidenceMissing

from tests.unit.taskguard.recorder_lines import (
    DEAD_URL,
    STACK,
    WORK_URL,
    aws_call,
    ended,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import BATCH, events, failures, of_kind


def test_a_backoff_is_told_with_its_delay_and_the_queue_s_answer(tmp_path: Path) -> None:
    parameters = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-2", "VisibilityTimeout": 10}
    found = events(
        tmp_path,
        started("r1", sqs_record("m1", receives=2)),
        aws_call("ChangeMessageVisibility", parameters, at=1004.0),
        ended("r1", failures("m1")),
    )
    assert of_kind(found, BackoffRequested) == [
        BackoffRequested(
            at_ms=1004.0,
            answered_ms=1007.0,
            task_id="task-of-m1",
            message_id="m1",
            receive_count=2,
            delivery_id="r1",
            delay_seconds=10.0,
            accepted=True,
        )
    ]


@pytest.mark.parametrize(
    ("asking", "delivery_id"), [("r1", "r1"), ("r2", "r2"), ("elsewhere", "r2")], ids=["first", "second", "neither"]
)
def test_of_two_deliveries_with_one_receipt_handle_the_one_that_asks_is_told(
    tmp_path: Path, asking: str, delivery_id: str
) -> None:
    parameters = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 0}
    found = events(
        tmp_path,
        started("r1", sqs_record("m1")),
        started("r2", sqs_record("m1"), at=1001.0),
        aws_call("ChangeMessageVisibility", parameters, request_id=asking),
        ended("r1"),
        ended("r2"),
    )
    assert [each.delivery_id for each in of_kind(found, BackoffRequested)] == [delivery_id]


def test_a_batch_of_backoffs_is_one_for_each_entry(tmp_path: Path) -> None:
    entries = [
        {"Id": "a", "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5},
        {"Id": "b", "ReceiptHandle": "receipt-m2-3", "VisibilityTimeout": 20},
    ]
    found = events(
        tmp_path,
        started("r1", sqs_record("m1"), sqs_record("m2", receives=3)),
        aws_call("ChangeMessageVisibilityBatch", {"QueueUrl": WORK_URL, "Entries": entries}),
        ended("r1"),
    )
    asked = [(b.message_id, b.receive_count, b.delay_seconds) for b in of_kind(found, BackoffRequested)]
    assert asked == [("m1", 1, 5.0), ("m2", 3, 20.0)]


def test_an_entry_of_a_batch_that_the_queue_refused_is_not_accepted(tmp_path: Path) -> None:
    entries = [{"Id": m, "ReceiptHandle": f"receipt-{m}-1", "VisibilityTimeout": 5} for m in BATCH]
    found = events(
        tmp_path,
        started("r1", *(sqs_record(m) for m in BATCH)),
        aws_call("ChangeMessageVisibilityBatch", {"QueueUrl": WORK_URL, "Entries": entries}, failed=("m1", "m3")),
        ended("r1", failures(*BATCH)),
    )
    accepted = {b.message_id: b.accepted for b in of_kind(found, BackoffRequested)}
    assert accepted == {"m1": False, "m2": True, "m3": False}


@pytest.mark.parametrize("timeout", [{}, {"VisibilityTimeout": None}])
def test_a_call_that_gives_no_delay_is_no_backoff(tmp_path: Path, timeout: dict[str, Any]) -> None:
    entry = {"Id": "a", "ReceiptHandle": "receipt-m1-1", **timeout}
    found = events(
        tmp_path,
        started("r1", sqs_record("m1")),
        aws_call("ChangeMessageVisibility", {"QueueUrl": WORK_URL, "Entries": None, **entry}),
        aws_call("ChangeMessageVisibilityBatch", {"QueueUrl": WORK_URL, "Entries": [entry]}),
        ended("r1", failures("m1")),
    )
    assert of_kind(found, BackoffRequested) == []


def test_a_delay_of_nothing_is_a_backoff(tmp_path: Path) -> None:
    parameters = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 0}
    call = aws_call("ChangeMessageVisibility", parameters)
    [backoff] = of_kind(events(tmp_path, started("r1", sqs_record("m1")), call, ended("r1")), BackoffRequested)
    assert (backoff.delay_seconds, backoff.accepted) == (0.0, True)


@pytest.mark.parametrize(("status", "error"), [(400, "MessageNotInflight"), (500, None), (200, "InternalFailure")])
def test_a_backoff_that_the_queue_refused_is_not_accepted(tmp_path: Path, status: int, error: str | None) -> None:
    parameters = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5}
    call = aws_call("ChangeMessageVisibility", parameters, status=status, error=error)
    found = events(tmp_path, started("r1", sqs_record("m1")), call, ended("r1"))
    assert [b.accepted for b in of_kind(found, BackoffRequested)] == [False]


@pytest.mark.parametrize(
    ("operation", "service", "url", "receipt"),
    [
        ("ChangeMessageVisibility", "sqs", f"{WORK_URL}-other", "receipt-m1-1"),
        ("ChangeMessageVisibility", "sqs", DEAD_URL, "receipt-m1-1"),
        ("ChangeMessageVisibility", "sqs", WORK_URL, "receipt-of-nothing-delivered"),
        ("DeleteMessage", "sqs", WORK_URL, "receipt-m1-1"),
        ("ChangeMessageVisibility", "other", WORK_URL, "receipt-m1-1"),
    ],
)
def test_other_calls_are_no_backoff(tmp_path: Path, operation: str, service: str, url: str, receipt: str) -> None:
    parameters = {"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 5}
    call = aws_call(operation, parameters, service=service)
    assert of_kind(events(tmp_path, started("r1", sqs_record("m1")), call, ended("r1")), BackoffRequested) == []


def test_the_same_queue_under_another_host_name_is_the_same_queue(tmp_path: Path) -> None:
    url = "http://sqs.eu-central-1.localhost.localstack.cloud:4566/000000000000/TaskQueue"
    parameters = {"QueueUrl": url, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5}
    call = aws_call("ChangeMessageVisibility", parameters)
    assert len(of_kind(events(tmp_path, started("r1", sqs_record("m1")), call, ended("r1")), BackoffRequested)) == 1


def test_a_call_whose_answer_is_not_known_leaves_the_backoff_open(tmp_path: Path) -> None:
    parameters = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5}
    call = aws_call("ChangeMessageVisibility", parameters, status=0, error="ReadTimeoutError")
    found = events(tmp_path, started("r1", sqs_record("m1")), call, ended("r1", failures("m1")))
    assert of_kind(found, BackoffRequested) == []
    [missing] = of_kind(found, EvidenceMissing)
    assert missing.affects == ("BackoffRequested",)


def test_of_a_call_that_was_answered_otherwise_it_is_told_what_happened(tmp_path: Path) -> None:
    put_off = {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m1-1", "VisibilityTimeout": 5}
    line = json.loads(aws_call("ChangeMessageVisibility", put_off)) | {
        "told": {"status": 500, "error": "InternalFailure"}
    }
    path = tmp_path / "flight-recorder.jsonl"
    path.write_text(f"{started('r1', sqs_record('m1'))}\n{json.dumps(line)}\n")
    recording = RecordingFile(path).read()
    assert [call.told for call in recording.calls] == [(500, "InternalFailure")]
    [request] = of_kind(events_of(recording, STACK, MessageWords()), BackoffRequested)
    assert request.accepted
