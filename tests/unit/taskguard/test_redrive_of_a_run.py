"""What lies in the dead-letter queue is put back once; where nothing can be, it is said why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from taskguard.history import DeadLettered, EvidenceMissing, Redriven
from taskguard.run.events import Announced, SessionEvent, Warned
from taskguard.run.redrive import Redrive
from taskguard.service.stack import Stack

from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import DEAD_ARN, DEAD_URL
from tests.unit.taskguard.recorder_lines import STACK as CONSUMED

assert CONSUMED.dead_letter_queue is not None
STACK = replace(CONSUMED, dead_letter_queue=replace(CONSUMED.dead_letter_queue, consumers=()))
DEAD = [DeadLettered(at_ms=float(n), task_id=f"t-{n}", message_id=f"m-{n}", payload={}) for n in (1, 2)]


class Sqs:
    """Two queues, and a move that ends as it is told to."""

    def __init__(self, left: int, *, refuses: bool = False, **ends: Any) -> None:
        self.left, self.refuses, self.ends = left, refuses, {"Status": "COMPLETED"} | ends
        self.moved: list[str] = []

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        held = self.left if QueueUrl == DEAD_URL else 0
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {"ApproximateNumberOfMessages": str(held)}}

    def start_message_move_task(self, SourceArn: str) -> None:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "UnsupportedOperation", "Message": "no"}}, "StartMessageMoveTask")
        self.moved.append(SourceArn)

    def list_message_move_tasks(self, SourceArn: str) -> Any:  # noqa: N803
        assert SourceArn in self.moved
        return {"Results": [self.ends]}


def put_back(sqs: Sqs, stack: Stack = STACK) -> tuple[list[str], Redrive, list[SessionEvent]]:
    told: list[SessionEvent] = []
    redrive = Redrive(Fakes(queues=sqs), stack, told.append)  # type: ignore[arg-type]
    return list(redrive.put_back(lambda: DEAD)), redrive, told


def test_each_task_that_lies_there_is_put_back_and_the_history_has_it() -> None:
    sqs = Sqs(left=2)
    task_ids, redrive, told = put_back(sqs)
    assert (task_ids, sqs.moved) == (["t-1", "t-2"], [DEAD_ARN])
    assert [(type(each), getattr(each, "task_id", None)) for each in redrive.events] == [
        (Redriven, "t-1"),
        (Redriven, "t-2"),
    ]
    assert told == [Announced("Put 2 dead letters back to work, by StartMessageMoveTask")]


def test_a_move_that_fails_half_way_leaves_open_what_was_put_back() -> None:
    _, redrive, told = put_back(Sqs(left=2, Status="FAILED", FailureReason="AccessDenied"))
    [missing] = [each for each in redrive.events if isinstance(each, EvidenceMissing)]
    assert "Redriven" in missing.affects
    assert isinstance(told[0], Warned)
    assert "AccessDenied" in told[0].text


@pytest.mark.parametrize(
    ("sqs", "stack", "why"),
    [
        (Sqs(left=0), STACK, "the dead-letter queue is empty"),
        (Sqs(left=3), STACK, "there are 3 messages in the dead-letter queue, and 2 were seen to come"),
        (Sqs(left=2), CONSUMED, "takes dead letters out of their queue"),
        (Sqs(left=2), replace(STACK, dead_letter_queue=None), "the stack has no dead-letter queue"),
        (Sqs(left=2, refuses=True), STACK, "UnsupportedOperation"),
    ],
)
def test_where_nothing_is_moved_it_is_said_why(sqs: Sqs, stack: Stack, why: str) -> None:
    task_ids, redrive, told = put_back(sqs, stack)
    assert (task_ids, redrive.events, sqs.moved) == ([], [], [])
    [said] = told
    assert isinstance(said, Announced)
    assert said.text.startswith("Nothing was put back: ")
    assert why in said.text
