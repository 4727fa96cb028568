"""Redriving, step by step: the harness's writes and the functions' on one table, in any order and cut off anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import TASKGUARD
from taskguard.errors import RedriveError
from taskguard.operating.redriving import MOST_EARLIER_ATTEMPTS, Redriver, Result, put_back

from handlers import task_message
from handlers.task_message import TaskMessage
from tests.thoroughness import examples
from tests.unit.handlers.support import FaultyClient, Functions, delivery, task
from tests.unit.taskguard.recorder_lines import STACK, WORK_URL


@dataclass
class Queue:
    """Stands in for SQS: keeps what is sent, or fails before or after it was."""

    bodies: list[str] = field(default_factory=list)
    failing: bool = False
    losing_answers: bool = False

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803
        assert QueueUrl == WORK_URL
        if not self.failing:
            self.bodies.append(MessageBody)
        if self.failing or self.losing_answers:
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "down"}}, "SendMessage")
        return {"MessageId": "new"}


class Table(FaultyClient):
    """The table, with pages."""

    def get_paginator(self, operation: str) -> Any:
        return self.client.get_paginator(operation)


@dataclass
class Place:
    """Stands in for an endpoint."""

    table: Table
    queue: Queue

    def dynamodb(self) -> Table:
        return self.table

    def sqs(self) -> Queue:
        return self.queue


@pytest.fixture
def place(functions: Functions) -> Place:
    return Place(Table(functions.dynamodb.client), Queue())


@pytest.fixture
def redriver(place: Place) -> Redriver:
    return Redriver(place, STACK)  # type: ignore[arg-type]


def die(functions: Functions, task_id: str = "t", message_id: str = "m1") -> None:
    """Let a task die with a message; it is submitted when it is new."""
    functions.submit({"taskId": task_id, "payload": {"n": 1.0}})
    functions.work.failing = True
    for receive_count in (1, 2, 3):
        functions.process(task(task_id, message_id, receive_count, n=1.0))
    functions.monitor(task(task_id, message_id, n=1.0))
    functions.work.failing = False
    assert status(functions, task_id) == "DEAD_LETTER"


def status(functions: Functions, task_id: str = "t") -> str:
    return str(functions.get(task_id)[1]["status"])


def item(functions: Functions, task_id: str = "t") -> dict[str, Any]:
    found = functions.item(task_id)
    assert found is not None
    return found


def test_a_redriven_task_is_pending_and_its_first_message_is_sent_again(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions)
    assert redriver.redrive("t").result is Result.REDRIVEN
    assert place.queue.bodies == ['{"taskId":"t","payload":{"n":1.0}}']
    code, record = functions.get("t")
    assert (code, record["status"], record["attempts"]) == (200, "PENDING", [])
    kept = item(functions)
    assert [entry["M"]["outcome"]["S"] for entry in kept["earlierAttempts"]["L"]] == ["FAILED"] * 3
    assert kept["redrives"] == {"N": "1"}
    assert kept["earlierMessages"] == {"L": [{"S": "m1"}]}
    assert not {"messageId", "claimId", "failedAt"} & kept.keys()
    assert record["lastError"] == "ValueError: attempt 3 went wrong"

    assert functions.process(delivery(place.queue.bodies[0], "m2")) == []
    code, record = functions.get("t")
    assert (code, record["status"]) == (200, "COMPLETED")
    assert [(attempt["number"], attempt["outcome"]) for attempt in record["attempts"]] == [(1, "SUCCEEDED")]


def test_a_task_that_dies_again_can_be_redriven_again_and_keeps_all_attempts(
    functions: Functions, redriver: Redriver
) -> None:
    for life in range(1, 4):
        die(functions, message_id=f"m{life}")
        redriver.redrive("t")
    kept = item(functions)
    assert [entry["M"]["number"]["N"] for entry in kept["earlierAttempts"]["L"]] == ["1", "2", "3"] * 3
    assert kept["earlierMessages"] == {"L": [{"S": "m1"}, {"S": "m2"}, {"S": "m3"}]}
    assert kept["redrives"] == {"N": "3"}


def test_a_body_that_is_sent_anew_is_the_first_one_to_the_letter() -> None:
    for payload in ("{}", '{"n":1.0,"z":-0.0,"s":"\\ud800\\u00e9\\"","list":[1e+22,null,{}]}'):
        first = TaskMessage("a.B_1:2-3", payload)
        assert task_message.parse(first.body()) == first
        assert TASKGUARD.message.body(first.task_id, payload) == first.body()


def test_the_record_does_not_grow_for_ever() -> None:
    attempts = {"L": [{"M": {"number": {"N": str(number)}}} for number in range(MOST_EARLIER_ATTEMPTS)]}
    full = {"taskId": {"S": "t"}, "attempts": {"L": [{"M": {}}]}, "earlierAttempts": attempts, "redrives": {"N": "9"}}
    kept = put_back(full, "now")["ExpressionAttributeValues"][":earlierAttempts"]["L"]
    assert kept == [*attempts["L"][1:], {"M": {}}]


# What is refused


def test_a_task_that_is_not_dead_is_refused_with_what_to_do(functions: Functions, redriver: Redriver) -> None:
    with pytest.raises(RedriveError, match="there is no such task on stage dev"):
        redriver.redrive("t")
    functions.submit({"taskId": "t", "payload": {}})
    with pytest.raises(RedriveError, match=r"is PENDING, not DEAD_LETTER\. It waits for its first attempt"):
        redriver.redrive("t")
    functions.work.failing = True
    functions.process(task())
    with pytest.raises(RedriveError, match=r"is RETRYING, not DEAD_LETTER\. It is still being worked on"):
        redriver.redrive("t")
    functions.work.failing = False
    functions.process(task(receive_count=2))
    with pytest.raises(RedriveError, match=r"is COMPLETED, not DEAD_LETTER\. There is nothing to put back"):
        redriver.redrive("t")


def test_a_task_whose_message_still_waits_for_the_monitor_is_refused(functions: Functions, redriver: Redriver) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    functions.work.failing = True
    for receive_count in (1, 2, 3):
        functions.process(task(receive_count=receive_count))
    with pytest.raises(RedriveError, match="waits in the dead-letter queue for its monitor"):
        redriver.redrive("t")


def test_a_payload_that_is_no_text_cannot_be_sent_as_it_was(functions: Functions, redriver: Redriver) -> None:
    functions.dynamodb.client.put_item(
        TableName="TasksTable",
        Item={"taskId": {"S": "t"}, "status": {"S": "DEAD_LETTER"}, "payload": {"M": {}}},
    )
    with pytest.raises(RedriveError, match="no payload as JSON text"):
        redriver.redrive("t")


# Where it can be cut off


def test_a_send_that_failed_is_repaired_by_redriving_again(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions)
    place.queue.failing = True
    with pytest.raises(
        RedriveError, match=r"record is PENDING, and its message may not have been sent.*Redrive it again"
    ):
        redriver.redrive("t")
    assert (status(functions), place.queue.bodies) == ("PENDING", [])
    place.queue.failing = False
    assert redriver.redrive("t").result is Result.SENT_AGAIN
    assert len(place.queue.bodies) == 1
    assert item(functions)["redrives"] == {"N": "1"}


def test_a_message_that_was_sent_twice_is_worked_on_once(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions)
    place.queue.losing_answers = True
    with pytest.raises(RedriveError):
        redriver.redrive("t")
    place.queue.losing_answers = False
    redriver.redrive("t")
    done = len(functions.work.attempts)
    for number, body in enumerate(place.queue.bodies):
        assert functions.process(delivery(body, f"new-{number}")) == []
    assert len(place.queue.bodies) == 2
    assert len(functions.work.attempts) == done + 1


def test_a_write_whose_answer_was_lost_is_not_made_twice(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions)
    place.table.repeated = {"update_item"}
    assert redriver.redrive("t").result is Result.BY_ANOTHER
    assert len(place.queue.bodies) == 1
    assert item(functions)["redrives"] == {"N": "1"}


def test_of_two_operators_one_writes_and_the_other_sends_again(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions)
    seen = item(functions)
    assert redriver.put_back("t", seen)
    assert not redriver.put_back("t", seen)
    assert redriver.redrive("t").result is Result.SENT_AGAIN
    functions.process(delivery(place.queue.bodies[0], "m2"))
    assert item(functions)["redrives"] == {"N": "1"}


def test_a_death_after_the_look_at_the_record_is_left_to_the_next_look(
    functions: Functions, redriver: Redriver
) -> None:
    die(functions)
    seen = item(functions)
    redriver.redrive("t")
    die(functions, message_id="m2")
    assert not redriver.put_back("t", seen)
    assert status(functions) == "DEAD_LETTER"


def test_a_late_delivery_of_the_message_that_died_does_not_bury_the_task_again(
    functions: Functions, redriver: Redriver
) -> None:
    die(functions)
    redriver.redrive("t")
    assert functions.monitor(task(n=1.0)) == []
    assert status(functions) == "PENDING"
    assert functions.events("DEAD_LETTER_IGNORED")
    # Nor does it once the new message owns the task, and it still may once that has died itself.
    functions.work.failing = True
    functions.process(task("t", "m2", n=1.0))
    functions.monitor(task(n=1.0))
    assert status(functions) == "RETRYING"
    functions.monitor(task("t", "m2", n=1.0))
    assert status(functions) == "DEAD_LETTER"


def test_a_redriven_task_whose_new_message_dies_unseen_is_dead(functions: Functions, redriver: Redriver) -> None:
    die(functions)
    redriver.redrive("t")
    assert functions.monitor(task("t", "m2", n=1.0)) == []
    assert status(functions) == "DEAD_LETTER"
    assert item(functions)["messageId"] == {"S": "m2"}


def test_the_monitor_that_looked_before_the_redrive_does_not_bury_the_task_after_it(
    functions: Functions, redriver: Redriver
) -> None:
    # The monitor of one copy of the message reads the record; another marks it, and an operator redrives it.
    functions.submit({"taskId": "t", "payload": {}})
    update_item, calls = functions.dynamodb.client.update_item, list[None]()

    def interleaved(**arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == 2:
            functions.mark_dead("m1")
            redriver.redrive("t")
        return update_item(**arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions.dynamodb.client, "update_item", interleaved)
        assert functions.monitor(task()) == ["m1"]
    assert status(functions) == "PENDING"
    assert functions.monitor(task()) == []
    assert status(functions) == "PENDING"


STEPS = ("redrive", "write only", "send fails", "answer lost", "deliver", "deliver again", "bury again")


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=8), deaths=st.integers(1, 2))
def test_whatever_happens_in_between_the_work_is_done_once_and_nothing_is_lost(
    functions: Functions, place: Place, redriver: Redriver, steps: list[str], deaths: int
) -> None:
    task_id = uuid4().hex
    place.queue.bodies.clear()
    for life in range(deaths):
        die(functions, task_id, f"{task_id}-{life}")
        if life < deaths - 1:
            redriver.redrive(task_id)
            place.queue.bodies.clear()
    functions.work.attempts.clear()
    actions: dict[str, Callable[[], object]] = {
        "redrive": lambda: redriver.redrive(task_id),
        "write only": lambda: redriver.put_back(task_id, item(functions, task_id)),
        "send fails": lambda: with_queue(place.queue, "failing", lambda: redriver.redrive(task_id)),
        "answer lost": lambda: with_queue(place.queue, "losing_answers", lambda: redriver.redrive(task_id)),
        "deliver": lambda: deliver(functions, place.queue, task_id),
        "deliver again": lambda: deliver(functions, place.queue, task_id, keep=True),
        "bury again": lambda: functions.monitor(task(task_id, f"{task_id}-0", n=1.0)),
    }
    for step in steps:
        attempt(actions[step])
    # Whatever was cut off is repaired by redriving again, as long as that is not refused; then the queue is worked off.
    attempt(actions["redrive"])
    while place.queue.bodies:
        deliver(functions, place.queue, task_id)
    assert status(functions, task_id) == "COMPLETED"
    assert functions.work.attempts == [(task_id, 1)]
    assert item(functions, task_id)["redrives"] == {"N": str(deaths)}


def deliver(functions: Functions, queue: Queue, task_id: str, *, keep: bool = False) -> None:
    """Deliver the oldest message; one that is kept comes again under the same id."""
    if queue.bodies:
        body = queue.bodies[0] if keep else queue.bodies.pop(0)
        assert json.loads(body)["taskId"] == task_id
        functions.process(delivery(body, f"{task_id}-new-{len(queue.bodies)}"))


def with_queue(queue: Queue, fault: str, action: Callable[[], object]) -> None:
    setattr(queue, fault, True)
    try:
        action()
    finally:
        setattr(queue, fault, False)


def attempt(action: Callable[[], object]) -> None:
    try:
        action()
    except RedriveError:
        return


# All of them


def test_all_dead_tasks_are_put_back_and_half_done_ones_finished(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    for task_id in ("a", "b", "half"):
        die(functions, task_id, f"m-{task_id}")
    redriver.put_back("half", item(functions, "half"))
    functions.submit({"taskId": "waiting", "payload": {}})
    outcomes = {outcome.task_id: outcome.result for outcome in redriver.redrive_all()}
    assert outcomes == {"a": Result.REDRIVEN, "b": Result.REDRIVEN, "half": Result.SENT_AGAIN}
    assert sorted(json.loads(body)["taskId"] for body in place.queue.bodies) == ["a", "b", "half"]


def test_one_that_fails_does_not_keep_the_others_from_being_redriven(
    functions: Functions, place: Place, redriver: Redriver
) -> None:
    die(functions, "a")
    functions.dynamodb.client.put_item(
        TableName="TasksTable",
        Item={"taskId": {"S": "odd"}, "status": {"S": "DEAD_LETTER"}, "payload": {"M": {}}},
    )
    outcomes = {outcome.task_id: outcome for outcome in redriver.redrive_all()}
    assert outcomes["a"].result is Result.REDRIVEN
    assert outcomes["odd"].result is Result.REFUSED
    assert "no payload as JSON text" in outcomes["odd"].detail
    assert len(place.queue.bodies) == 1
