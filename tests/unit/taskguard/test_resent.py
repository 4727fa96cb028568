"""From a recording to the tasks that their consumer sent to the work queue again, and what they were sent from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from taskguard.history import Event, EvidenceMissing, History, Resent

from tests.unit.taskguard.recorder_lines import DEAD_URL, WORK_URL, aws_call, ended, sqs_record, started
from tests.unit.taskguard.told_events import events, of_kind


def body(task_id: str, **more: Any) -> str:
    return json.dumps({"taskId": task_id, **more})


def sent(told: dict[str, Any] | None, *, to: str = WORK_URL, **parameters: Any) -> str:
    return aws_call("SendMessage", {"QueueUrl": to, **parameters}, told=told)


def resends(folder: Path, *lines: str, messages: tuple[str, ...] = ("m1",)) -> list[Resent]:
    handed = [sqs_record(each) for each in messages]
    return of_kind(events(folder, started("r1", *handed), *lines, ended("r1")), Resent)


def test_a_task_that_is_sent_again_is_joined_to_its_message(tmp_path: Path) -> None:
    line = sent({"MessageId": "m2"}, MessageBody=body("task-of-m1", tries=2), DelaySeconds=4)
    [found] = resends(tmp_path, line)
    assert found == Resent(
        at_ms=1004.0,
        answered_ms=found.answered_ms,
        task_id="task-of-m1",
        message_id="m1",
        receive_count=1,
        delivery_id="r1",
        queue="work",
        new_message_id="m2",
        delay_seconds=4.0,
        accepted=True,
    )


def test_of_a_batch_each_entry_is_joined_to_the_message_of_its_task(tmp_path: Path) -> None:
    entries = [
        {"Id": "a", "MessageBody": body("task-of-m2"), "DelaySeconds": 3},
        {"Id": "b", "MessageBody": body("task-of-m1")},
    ]
    told = {"Successful": [{"Id": "a", "MessageId": "n2"}]}
    line = aws_call("SendMessageBatch", {"QueueUrl": WORK_URL, "Entries": entries}, told=told, failed=("b",))
    found = resends(tmp_path, line, messages=("m1", "m2"))
    assert [(each.message_id, each.new_message_id, each.delay_seconds, each.accepted) for each in found] == [
        ("m2", "n2", 3.0, True),
        ("m1", None, None, False),
    ]


@pytest.mark.parametrize(
    ("to", "text"),
    [
        # Another task's, one of no task, what may only speak of it, and what goes elsewhere.
        (WORK_URL, body("another")),
        (WORK_URL, "page 2"),
        (WORK_URL, json.dumps({"parent": "task-of-m1"})),
        (WORK_URL + "-next", body("task-of-m1")),
        (DEAD_URL, body("task-of-m1")),
    ],
)
def test_what_is_sent_besides_is_no_retry(tmp_path: Path, to: str, text: str) -> None:
    assert resends(tmp_path, sent({"MessageId": "m2"}, to=to, MessageBody=text)) == []


def test_a_message_without_an_id_is_known_by_its_words(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        started("r1", sqs_record("m1", body="poison"), sqs_record("m2", body="other")),
        sent({"MessageId": "n1"}, MessageBody="poison"),
        ended("r1"),
    )
    [each] = of_kind(found, Resent)
    assert (each.task_id, each.message_id, each.new_message_id) == (None, "m1", "n1")


def test_of_two_messages_of_one_task_nobody_knows_which_was_sent_again(tmp_path: Path) -> None:
    handed = (sqs_record(each, body=body("t-1", n=each)) for each in ("m1", "m2"))
    line = sent({"MessageId": "n1"}, MessageBody=body("t-1", n="m3"))
    assert of_kind(events(tmp_path, started("r1", *handed), line, ended("r1")), Resent) == []


def test_a_body_too_long_to_be_recorded_is_read_where_it_was_received(tmp_path: Path) -> None:
    line = sent({"MessageId": "n1"}, MessageBody='{"text": "aaa… (9000 characters) …aaa", "taskId": "t')
    later = started("r2", sqs_record("n1", body=body("task-of-m1")), at=5000.0)
    [found] = resends(tmp_path, line, later)
    assert (found.task_id, found.new_message_id) == ("task-of-m1", "n1")


def test_what_a_fifo_queue_dropped_is_no_new_message(tmp_path: Path) -> None:
    first = sent({"MessageId": "m1"}, MessageBody=body("task-of-m1"))
    [found] = resends(tmp_path, first.replace('"r1"', '"r0"').replace("1004", "900"), first)
    assert (found.accepted, found.new_message_id) == (True, None)


def test_a_refused_send_is_told_and_one_without_an_answer_is_not_known(tmp_path: Path) -> None:
    parameters = {"QueueUrl": WORK_URL, "MessageBody": body("task-of-m1"), "DelaySeconds": 1200}
    [found] = resends(tmp_path, aws_call("SendMessage", parameters, status=400, error="InvalidParameterValue"))
    assert (found.accepted, found.new_message_id, found.delay_seconds) == (False, None, 1200.0)
    lines = (started("r1", sqs_record("m1")), aws_call("SendMessage", parameters, status=0, error="Lost"), ended("r1"))
    [missing] = of_kind(events(tmp_path, *lines), EvidenceMissing)
    assert missing.affects == ("Resent",)


def test_of_tasks_not_asked_for_nothing_is_told(tmp_path: Path) -> None:
    lines = (started("r1", sqs_record("m1")), sent({"MessageId": "m2"}, MessageBody=body("task-of-m1")), ended("r1"))
    assert of_kind(events(tmp_path, *lines, only=frozenset({"task-of-m3"})), Resent) == []
    assert len(of_kind(events(tmp_path, *lines, only=frozenset({"m1"})), Resent)) == 1


def test_it_is_written_and_read_back(tmp_path: Path) -> None:
    resent: list[Event] = [*resends(tmp_path, sent({"MessageId": "m2"}, MessageBody=body("task-of-m1")))]
    History(resent).write(tmp_path / "history.jsonl")
    assert list(History.read(tmp_path / "history.jsonl")) == resent
