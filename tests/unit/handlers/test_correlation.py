"""One task through all its logs: each record about a task names it, and one about a request names the request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.handlers.support import Functions, delivery, task


@pytest.fixture(autouse=True)
def _submitted(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {}})


def live_and_die(functions: Functions) -> None:
    """Leads a task through everything that is logged of one when AWS answers."""
    functions.submit({"taskId": "t", "payload": {}})
    functions.submit({"taskId": "t", "payload": {"x": 1}})
    functions.work.failing = True
    functions.process(task())
    functions.submit({"taskId": "t", "payload": {}})
    functions.process(task(), task(message_id="m2"))
    functions.work.during = lambda: functions.claim("m1", 3)
    functions.process(task(receive_count=2))
    functions.monitor(task(receive_count=4), task(message_id="m2", receive_count=4))


def meet_faults(functions: Functions) -> None:
    """Leads a task through what is logged when AWS does not answer."""
    functions.queue.failing = True
    functions.submit({"taskId": "t", "payload": {}})
    functions.queue.failing = False
    functions.dynamodb.failing.add("put_item")
    functions.submit({"taskId": "t", "payload": {}})
    functions.dynamodb.failing.update({"get_item", "update_item"})
    functions.submit({"taskId": "t", "payload": {}})
    functions.get("t")
    functions.process(task())
    functions.monitor(task(receive_count=4))
    functions.dynamodb.failing.clear()
    functions.work.during = lambda: functions.dynamodb.failing.add("update_item")
    functions.process(task())
    functions.dynamodb.failing.clear()
    functions.work.failing = True
    functions.process(task(receive_count=2))
    functions.process(task(receive_count=3), remaining_ms=10)


@pytest.mark.parametrize("events", [live_and_die, meet_faults])
def test_each_record_about_a_task_carries_its_id(functions: Functions, events: Callable[[Functions], None]) -> None:
    events(functions)
    # The trail is of a batch, and names its tasks in a list.
    records = [record for record in functions.logs() if record["message"] != "trail"]
    assert len({record["message"] for record in records}) >= 7
    assert [record for record in records if record.get("taskId") != "t"] == []


def test_record_about_a_request_carries_the_requests_id(functions: Functions) -> None:
    functions.submit({"payload": []})
    functions.dynamodb.failing.add("get_item")
    functions.get("t")
    records = functions.logs()
    assert [record["message"] for record in records] == ["task accepted", "request refused", "task not read"]
    assert {record["correlation_id"] for record in records} == {"api-request"}


def test_record_about_another_message_of_the_batch_does_not_carry_the_tasks_id(functions: Functions) -> None:
    functions.process(task(), delivery("no JSON", "m2"))
    [poison] = [record for record in functions.logs() if record.get("messageId") == "m2"]
    assert "taskId" not in poison
