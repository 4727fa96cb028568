"""What the recorder tells of answers that were misread, of messages that a consumer gave up itself, and of receives that were throttled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.history import AnswerMisread, AttemptFailed, AttemptSucceeded, DeadLettered, ReceiveThrottled, Sender

from tests.unit.taskguard.recorder_lines import (
    DEAD_ARN,
    DEAD_URL,
    FUNCTION,
    WORK_ARN,
    WORK_URL,
    aws_call,
    ended,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import BATCH, events, failures, of_kind

ENTRIES = [{"itemIdentifier": "m2"}]


def misread(folder: Path, answer: Any, *, heeds: bool = True) -> AnswerMisread | None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    lines = (started("r1", *map(sqs_record, BATCH)), ended("r1", text))
    found = of_kind(events(folder, *lines, partial_batches=heeds), AnswerMisread)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("answer", "what", "fails_all"),
    [
        ({"statusCode": 200, "body": json.dumps({"batchItemFailures": ENTRIES})}, "inside body", False),
        ({"body": {"batchItemFailures": ENTRIES}}, "inside body", False),
        ({"BatchItemFailures": ENTRIES}, "as BatchItemFailures instead of batchItemFailures", False),
        ({"batchItemfailures": ENTRIES}, "as batchItemfailures instead of batchItemFailures", False),
        ({"batch_item_failures": ENTRIES}, "as batch_item_failures instead of batchItemFailures", False),
        (json.dumps(json.dumps({"batchItemFailures": ENTRIES})), "in a text", True),
        (ENTRIES, "by itself, without batchItemFailures", True),
        ({"batchItemFailures": ["m2"]}, "plain texts", True),
        (
            {"batchItemFailures": [{"itemIdentifier": "receipt-m2-1"}]},
            "the receipt handles of its failed messages",
            True,
        ),
        ({"batchItemFailures": [{"messageId": "m2"}]}, "does not call their ids itemIdentifier", True),
        ({"batchItemFailures": [*ENTRIES, {"itemIdentifier": "m9"}]}, "that is not of its batch", True),
    ],
)
def test_an_answer_that_is_read_otherwise_than_meant_is_told(
    tmp_path: Path, answer: Any, what: str, fails_all: bool
) -> None:
    found = misread(tmp_path, answer)
    assert found is not None
    assert what in found.what
    assert (found.fails_all, found.message_ids, found.task_ids) == (fails_all, ("m2",), ("task-of-m2",))
    assert (found.function, found.delivery_id, found.at_ms) == (FUNCTION, "r1", 1010.0)


@pytest.mark.parametrize("identifier", ["", None, 7, ["m2"]])
def test_an_identifier_that_is_no_text_tells_of_nobody(tmp_path: Path, identifier: Any) -> None:
    found = misread(tmp_path, failures(identifier))
    assert found is not None
    assert (found.fails_all, found.message_ids) == (True, ())


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "null",
        "done",
        {"batchItemFailures": []},
        {"batchItemFailures": ENTRIES},
        {"statusCode": 200, "body": json.dumps({"batchItemFailures": []})},
        {"statusCode": 200, "body": "ok"},
        {"failed": ["m2"], "processed": 2},
        ["m2"],
    ],
)
def test_an_answer_that_speaks_of_no_failure_or_is_read_as_meant_is_not(tmp_path: Path, answer: Any) -> None:
    assert misread(tmp_path, answer) is None


def test_a_list_that_nobody_reads_is_told_of_its_mapping(tmp_path: Path) -> None:
    found = misread(tmp_path, {"batchItemFailures": ENTRIES}, heeds=False)
    assert found is not None
    assert (found.what, found.fails_all) == (
        "answered with its list of failed messages, and its event source mapping has no ReportBatchItemFailures",
        False,
    )


def test_what_is_no_object_fails_the_batch_as_it_does_on_the_engine(tmp_path: Path) -> None:
    found = events(tmp_path, started("r1", *map(sqs_record, BATCH)), ended("r1", json.dumps("done")))
    assert len(of_kind(found, AttemptFailed)) == len(BATCH)


def sent(body: str, *, operation: str = "SendMessage", url: str = DEAD_URL) -> str:
    if operation == "SendMessage":
        return aws_call(operation, {"QueueUrl": url, "MessageBody": body}, told={"MessageId": "d1"})
    entries = [{"Id": "e1", "MessageBody": body}]
    # LocalStack says of what did not fail that it is nothing.
    told = {"Successful": [{"Id": "e1", "MessageId": "d1"}], "Failed": None}
    return aws_call(operation, {"QueueUrl": url, "Entries": entries}, told=told)


BODY = sqs_record("m2")["body"]
SENDER = Sender(function=FUNCTION, delivery_id="r1", message_id="m2", receive_count=1)


@pytest.mark.parametrize("operation", ["SendMessage", "SendMessageBatch"])
@pytest.mark.parametrize("body", [BODY, json.dumps({"original": BODY, "error": "e"}), json.dumps({"message": "m2"})])
def test_a_message_that_its_consumer_sent_to_the_dead_letter_queue_is_joined_to_its_own(
    tmp_path: Path, operation: str, body: str
) -> None:
    lines = (started("r1", *map(sqs_record, BATCH)), sent(body, operation=operation), ended("r1"))
    found = events(tmp_path, *lines)
    [dead] = of_kind(found, DeadLettered)
    assert (dead.message_id, dead.task_id, dead.payload, dead.sent_by) == ("d1", "task-of-m2", {"of": "m2"}, SENDER)
    assert dead.origin_id == "m2"
    [failed] = of_kind(found, AttemptFailed)
    assert (failed.message_id, failed.reason) == (
        "m2",
        "the function sent this message to the dead-letter queue itself",
    )
    assert [each.message_id for each in of_kind(found, AttemptSucceeded)] == ["m1", "m3"]


def test_it_is_one_dead_letter_when_it_is_delivered_too(tmp_path: Path) -> None:
    dead = started("r2", sqs_record("d1", body=BODY, arn=DEAD_ARN), at=1020.0, function="monitor")
    found = events(tmp_path, started("r1", sqs_record("m2")), sent(BODY), ended("r1"), dead, ended("r2", at=1030.0))
    assert [(each.at_ms, each.sent_by) for each in of_kind(found, DeadLettered)] == [(1020.0, SENDER)]


def test_a_message_that_is_sent_elsewhere_or_for_another_task_gives_up_nothing(tmp_path: Path) -> None:
    other = json.dumps({"taskId": "another", "payload": None})
    lines = (started("r1", sqs_record("m2")), sent(BODY, url=WORK_URL + "-next"), sent(other), ended("r1"))
    found = events(tmp_path, *lines)
    assert of_kind(found, AttemptFailed) == []
    [dead] = of_kind(found, DeadLettered)
    assert (dead.task_id, dead.sent_by and dead.sent_by.message_id) == ("another", None)


def test_a_receive_that_was_throttled_is_told_of_its_message(tmp_path: Path) -> None:
    line = {
        "kind": "receive-throttled",
        "function": FUNCTION,
        "queue": WORK_ARN,
        "messageId": "m1",
        "receiveCount": 2,
        "body": sqs_record("m1")["body"],
        "startedAt": 1000.0,
        "endedAt": 91000.0,
    }
    [found] = of_kind(events(tmp_path, json.dumps(line)), ReceiveThrottled)
    assert (found.at_ms, found.until_ms, found.queue, found.function) == (1000.0, 91000.0, "work", FUNCTION)
    assert (found.task_id, found.message_id, found.receive_count) == ("task-of-m1", "m1", 2)
