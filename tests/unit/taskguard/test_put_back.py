"""A consumer of dead letters that sends them to work again puts them back, as an operator does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from taskguard.history import Event, History, Redriven

from tests.unit.taskguard.recorder_lines import (
    DEAD_ARN,
    DEAD_URL,
    FUNCTION,
    STACK,
    WORK_URL,
    aws_call,
    ended,
    function,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import events, failures, of_kind

MONITOR = "TaskGuard-dev-monitorDLQ"
SERVICE = replace(STACK, functions=(function(FUNCTION), function(MONITOR)))
BODY = json.dumps({"taskId": "task-of-m1", "payload": {"of": "m1"}})


def told(folder: Path, *, to: str = WORK_URL, body: str = BODY, message_id: str | None = "m2") -> list[Event]:
    """A task that dies at its first receive, is handed to the consumer of dead letters and sent from there, and succeeds then."""
    answer = {"MessageId": message_id} if message_id else None
    error = None if message_id else "AccessDenied"
    return events(
        folder,
        started("r1", sqs_record("m1", body=BODY), at=1000.0),
        ended("r1", failures("m1"), at=1010.0),
        started("r2", sqs_record("m1", body=BODY, receives=2, arn=DEAD_ARN), at=2000.0, function=MONITOR),
        aws_call(
            "SendMessage", {"QueueUrl": to, "MessageBody": body}, request_id="r2", told=answer, error=error, at=2004.0
        ),
        ended("r2", at=2010.0),
        started("r3", sqs_record("m2", body=BODY), at=3000.0),
        ended("r3", at=3010.0),
        stack=SERVICE,
    )


def test_who_sends_a_dead_letter_to_work_again_puts_its_task_back(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert of_kind(found, Redriven) == [Redriven(at_ms=2004.0, task_id="task-of-m1", by="monitorDLQ")]
    # No attempt goes on with one before, though no message was received twice: each life has three of its own.
    assert [len(chain.attempts) for chain in History(found).chains_of("task-of-m1")] == [1, 1]


@pytest.mark.parametrize(
    ("to", "body", "message_id"),
    [(DEAD_URL, BODY, "m2"), (WORK_URL, json.dumps({"taskId": "another"}), "m2"), (WORK_URL, BODY, None)],
)
def test_what_it_sends_besides_puts_nothing_back(tmp_path: Path, to: str, body: str, message_id: str | None) -> None:
    assert of_kind(told(tmp_path, to=to, body=body, message_id=message_id), Redriven) == []
