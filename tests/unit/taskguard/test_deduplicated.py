"""From a recording to the messages that a FIFO queue dropped for others, and to the groups of those that it did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.recorder.deduplicated import deduplicated
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.recording import Call, Recording
from taskguard.history import Deduplicated, Delivered

from tests.unit.taskguard.recorder_lines import FUNCTION, STACK, WORK_URL, ended, recording_of, sqs_record, started

IDS = frozenset({"t-1", "t-2"})


def sent(task_id: str, message_id: str, at_ms: float, **parameters: Any) -> Call:
    return call(
        {"QueueUrl": WORK_URL, "MessageBody": json.dumps({"taskId": task_id}), **parameters}, {"": message_id}, at_ms
    )


def call(parameters: dict[str, Any], message_ids: dict[str, str], at_ms: float) -> Call:
    return Call(
        FUNCTION, "r-1", "sqs", "SendMessage", parameters, 200, None, frozenset(), at_ms, at_ms + 1, sent=message_ids
    )


def dropped(*calls: Call) -> list[Deduplicated]:
    return list(deduplicated(Recording(calls=list(calls)), STACK, TASKGUARD.message, IDS))


def test_a_message_that_was_answered_with_another_task_s_is_told() -> None:
    first, second = (sent(each, "m-1", at, MessageDeduplicationId="x") for each, at in (("t-1", 5.0), ("t-2", 9.0)))
    [found] = dropped(second, first)
    assert found == Deduplicated(at_ms=9.0, task_id="t-2", first_task_id="t-1", deduplication_id="x")


def test_by_its_content_it_is_told_without_an_id() -> None:
    [found] = dropped(sent("t-1", "m-1", 5.0), sent("t-2", "m-1", 9.0))
    assert found.deduplication_id is None


def test_a_task_that_is_sent_again_is_as_it_should_be() -> None:
    assert dropped(sent("t-1", "m-1", 5.0), sent("t-1", "m-1", 9.0), sent("t-2", "m-2", 9.0)) == []


def test_so_it_is_with_the_entries_of_a_batch_and_of_another_queue_nothing_is_told() -> None:
    entries = [{"Id": str(n), "MessageBody": json.dumps({"taskId": f"t-{n}"})} for n in (1, 2)]
    several = call({"QueueUrl": WORK_URL, "Entries": entries}, {"1": "m-1", "2": "m-1"}, 5.0)
    assert [each.task_id for each in dropped(several)] == ["t-2"]
    assert (
        dropped(call({"QueueUrl": "http://127.0.0.1/0/other", "Entries": entries}, {"1": "m-1", "2": "m-1"}, 5.0)) == []
    )


def test_a_delivery_has_its_group_and_its_place_in_it(tmp_path: Path) -> None:
    of_fifo, plain = sqs_record("m1"), sqs_record("m2")
    of_fifo["attributes"] |= {"MessageGroupId": "g", "SequenceNumber": "18849496460467696128"}
    recording = recording_of(tmp_path, started("r1", of_fifo, plain), ended("r1"))
    found = {
        each.message_id: each for each in events_of(recording, STACK, TASKGUARD.message) if isinstance(each, Delivered)
    }
    assert (found["m1"].group, found["m1"].sequence) == ("g", 18849496460467696128)
    assert (found["m2"].group, found["m2"].sequence) == (None, None)
