"""Tasks that go through a queue beside the work queue: its messages are handed to the same consumer, and it is not followed."""

from __future__ import annotations

import json
from pathlib import Path

from taskguard.history import EvidenceMissing

from tests.unit.taskguard.recorder_lines import WORK_ARN, ended, sqs_record, started
from tests.unit.taskguard.told_events import events, of_kind

RETRIES = WORK_ARN + "-retries"


def missing(folder: Path, *lines: str) -> list[str]:
    found = events(folder, started("r1", sqs_record("m1"), sqs_record("m2")), ended("r1"), *lines)
    return [each.what for each in of_kind(found, EvidenceMissing)]


def test_a_task_that_its_consumer_is_handed_from_another_queue_is_not_followed_there(tmp_path: Path) -> None:
    again = json.dumps({"taskId": "task-of-m1"})
    [what] = missing(tmp_path, started("r2", sqs_record("n1", body=again, arn=RETRIES), at=5000.0), ended("r2"))
    assert "the queue TaskQueue-retries, of which" in what
    assert "such a queue for retries is not followed" in what


def test_a_stage_that_all_tasks_come_to_which_were_done_before_is_no_queue_for_retries(tmp_path: Path) -> None:
    bodies = [json.dumps({"taskId": f"task-of-m{number}"}) for number in (1, 2)]
    next_stage = [sqs_record(f"n{number}", body=body, arn=RETRIES) for number, body in enumerate(bodies)]
    assert missing(tmp_path, started("r2", *next_stage), ended("r2")) == []


def test_other_tasks_of_another_queue_and_a_next_stage_are_no_retries(tmp_path: Path) -> None:
    again = json.dumps({"taskId": "task-of-m1"})
    lines = (
        started("r2", sqs_record("n1", arn=RETRIES)),
        ended("r2"),
        started("r3", sqs_record("n2", body=again, arn=RETRIES), function="TaskGuard-dev-next"),
        ended("r3"),
    )
    assert missing(tmp_path, *lines) == []
