"""monitorDLQ: what is marked, and what is logged, for a dead letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers.task_record import Claim
from tests.unit.handlers.support import SENT_AT, Functions, delivery, task

PAYLOAD = '{"x":1.0,"s":"\\ud800"}'


@pytest.fixture(autouse=True)
def _submitted(functions: Functions) -> None:
    functions.submit(f'{{"taskId": "t", "payload": {PAYLOAD}}}')


def of_t(message_id: str = "m1", receive_count: int = 1) -> dict[str, Any]:
    """A delivery of the task that was submitted."""
    return delivery(f'{{"taskId": "t", "payload": {PAYLOAD}}}', message_id, receive_count)


def claim(functions: Functions, attempt: int) -> Claim:
    """Claims that task for an attempt of its first message."""
    claimed = functions.claim("m1", attempt, payload=PAYLOAD)
    assert isinstance(claimed, Claim)
    return claimed


@pytest.fixture
def failed_three_times(functions: Functions) -> None:
    functions.work.failing = True
    for attempt in (1, 2, 3):
        functions.process(of_t(receive_count=attempt))


@pytest.mark.usefixtures("failed_three_times")
def test_dead_task_is_marked_and_logged_once_with_all_its_fields(functions: Functions) -> None:
    assert functions.monitor(of_t(receive_count=4)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    expected = {
        "event": "TASK_DEAD_LETTER",
        "taskId": "t",
        "payload": {"x": 1.0, "s": "\ud800"},
        "attempts": 3,
        "lastError": "ValueError: attempt 3 went wrong",
        "createdAt": "2026-11-23T20:00:01.000Z",
        "failedAt": "2026-11-23T20:00:07.000Z",
        "messageId": "m1",
        "receiveCount": 4,
    }
    assert {name: logged[name] for name in expected} == expected
    record = functions.get("t")[1]
    assert record["status"] == "DEAD_LETTER"
    assert record["failedAt"] == record["attempts"][2]["finishedAt"] == logged["failedAt"]


@pytest.mark.usefixtures("failed_three_times")
def test_dead_letter_delivered_again_logs_the_same_values(functions: Functions) -> None:
    functions.monitor(of_t(receive_count=4))
    before = functions.item("t")
    assert functions.monitor(of_t(receive_count=5)) == []
    first, second = functions.events("TASK_DEAD_LETTER")
    changing = {"receiveCount", "timestamp", "cold_start"}
    assert {n: v for n, v in first.items() if n not in changing} == {
        n: v for n, v in second.items() if n not in changing
    }
    assert (first["receiveCount"], second["receiveCount"]) == (4, 5)
    assert functions.item("t") == before


@pytest.mark.usefixtures("failed_three_times")
def test_marking_whose_answer_was_lost_is_logged(functions: Functions) -> None:
    functions.dynamodb.repeated.add("update_item")
    assert functions.monitor(of_t(receive_count=4)) == []
    assert len(functions.events("TASK_DEAD_LETTER")) == 1


def test_attempt_without_a_report_is_said_so(functions: Functions) -> None:
    functions.work.failing = True
    functions.process(of_t(receive_count=1))
    claim(functions, 2)  # and dies
    assert functions.monitor(of_t(receive_count=3)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    assert logged["lastError"] == "attempt 2 ended without a report"
    assert logged["attempts"] == 2
    record = functions.get("t")[1]
    assert record["lastError"] == logged["lastError"]
    assert record["failedAt"] == record["updatedAt"] == logged["failedAt"]

    functions.monitor(of_t(receive_count=4))
    assert functions.events("TASK_DEAD_LETTER")[1]["failedAt"] == logged["failedAt"]


def test_task_that_was_never_claimed_is_marked_for_its_message(functions: Functions) -> None:
    assert functions.monitor(of_t(receive_count=4)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    assert logged["attempts"] == 0
    assert "before any attempt" in logged["lastError"]
    assert functions.get("t")[1]["status"] == "DEAD_LETTER"
    functions.monitor(of_t(receive_count=5), of_t(message_id="m2", receive_count=4))
    assert len(functions.events("TASK_DEAD_LETTER")) == 2
    assert len(functions.events("DEAD_LETTER_IGNORED")) == 1


def test_completed_task_stays_completed(functions: Functions) -> None:
    functions.process(of_t())
    before = functions.item("t")
    assert functions.monitor(of_t(receive_count=4)) == []
    assert functions.item("t") == before
    assert functions.events("TASK_DEAD_LETTER") == []
    [ignored] = functions.events("DEAD_LETTER_IGNORED")
    assert (ignored["taskId"], ignored["status"], ignored["messageId"]) == ("t", "COMPLETED", "m1")


def test_message_that_does_not_own_the_task_marks_nothing(functions: Functions) -> None:
    functions.work.failing = True
    functions.process(of_t(message_id="m1"))
    before = functions.item("t")
    assert functions.monitor(of_t(message_id="m2", receive_count=4)) == []
    assert functions.item("t") == before
    assert functions.events("TASK_DEAD_LETTER") == []
    assert len(functions.events("DEAD_LETTER_IGNORED")) == 1


def test_task_that_died_before_it_was_stored_is_stored_as_dead(functions: Functions) -> None:
    assert functions.monitor(task("new", receive_count=4, x=1)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    assert (logged["taskId"], logged["payload"], logged["attempts"]) == ("new", {"x": 1}, 0)
    assert logged["createdAt"] == SENT_AT
    assert "before any attempt" in logged["lastError"]
    code, record = functions.get("new")
    assert (code, record["status"], record["payload"], record["attempts"]) == (200, "DEAD_LETTER", {"x": 1}, [])
    assert (record["createdAt"], record["failedAt"]) == (SENT_AT, logged["failedAt"])
    # Its client, who never had an answer, asks again: it is the same task, and nothing is sent.
    assert functions.submit({"taskId": "new", "payload": {"x": 1}}) == (202, {"taskId": "new"})
    assert [message.task_id for message in functions.queue.sent] == ["t"]
    assert functions.process(task("new", "m1", 4, x=1)) == []
    assert functions.work.attempts == []


def test_storing_a_dead_task_whose_answer_was_lost_is_logged_once(functions: Functions) -> None:
    functions.dynamodb.repeated.add("update_item")
    assert functions.monitor(task("new", receive_count=4)) == []
    assert len(functions.events("TASK_DEAD_LETTER")) == 1


def test_submission_that_stores_the_task_while_it_is_marked_is_not_overwritten(functions: Functions) -> None:
    between_the_two_writes_of_marking(functions, lambda: functions.store.create("new", "{}", SENT_AT))
    assert functions.monitor(task("new", receive_count=4)) == ["m1"]
    assert functions.get("new")[1]["status"] == "PENDING"
    assert functions.monitor(task("new", receive_count=5)) == []
    assert functions.get("new")[1]["status"] == "DEAD_LETTER"


def test_dead_message_of_a_refused_request_does_not_bury_the_task_that_has_its_id(functions: Functions) -> None:
    assert functions.monitor(task("t", "m2", 4, x=2)) == []
    assert functions.get("t")[1]["status"] == "PENDING"
    assert functions.events("TASK_DEAD_LETTER") == []
    assert len(functions.events("DEAD_LETTER_IGNORED")) == 1


@pytest.mark.usefixtures("failed_three_times")
def test_marking_that_is_refused_for_no_reason_is_tried_again_and_keeps_the_last_error(functions: Functions) -> None:
    for refused in (functions.item("t"), {}):
        functions.dynamodb.refused = refused
        assert functions.monitor(of_t(receive_count=4)) == ["m1"]
    functions.dynamodb.refused = None
    assert functions.monitor(of_t(receive_count=5)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    assert logged["lastError"] == "ValueError: attempt 3 went wrong"


@pytest.mark.parametrize("body", ["", "no JSON", "\x00\ud800é", "[" * 100_000, '{"taskId": "t"}', '{"x": 1, "x": 2}'])
def test_poison_is_logged_and_acknowledged(functions: Functions, body: str) -> None:
    assert functions.monitor(delivery(body, "p", 4)) == []
    [logged] = functions.events("POISON_DEAD_LETTER")
    assert (logged["messageId"], logged["receiveCount"], logged["body"]) == ("p", 4, body[:1000])
    assert logged["reason"]


@pytest.mark.usefixtures("failed_three_times")
def test_failing_store_keeps_the_message_and_logs_no_death(functions: Functions) -> None:
    functions.dynamodb.failing.add("update_item")
    assert functions.monitor(delivery("poison", "p", 4), of_t(receive_count=4)) == ["m1"]
    assert functions.events("TASK_DEAD_LETTER") == []
    assert len(functions.events("POISON_DEAD_LETTER")) == 1
    functions.dynamodb.failing.clear()
    assert functions.monitor(of_t(receive_count=5)) == []
    assert len(functions.events("TASK_DEAD_LETTER")) == 1


def between_the_two_writes_of_marking(functions: Functions, happening: Callable[[], object]) -> None:
    """Lets something happen to the record after it was found to be PROCESSING, and before it is marked."""
    client, real, calls = functions.dynamodb.client, functions.dynamodb.client.update_item, []

    def update_item(**arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            client.update_item = real
            happening()
        return real(**arguments)

    client.update_item = update_item


def test_report_that_comes_in_while_marking_has_the_last_word(functions: Functions) -> None:
    claimed = claim(functions, 3)
    between_the_two_writes_of_marking(functions, lambda: functions.store.retry_later(claimed, "late but true", 20))
    assert functions.monitor(of_t(receive_count=4)) == ["m1"]
    assert functions.monitor(of_t(receive_count=5)) == []
    [logged] = functions.events("TASK_DEAD_LETTER")
    assert logged["lastError"] == "late but true"


def test_attempt_that_starts_while_marking_is_not_marked_unseen(functions: Functions) -> None:
    claim(functions, 2)
    between_the_two_writes_of_marking(functions, lambda: claim(functions, 3))
    assert functions.monitor(of_t(receive_count=4)) == ["m1"]
    assert functions.get("t")[1]["status"] == "PROCESSING"


def test_largest_payload_is_logged_whole(functions: Functions) -> None:
    payload = {"x": "a" * 262_000}
    functions.submit({"taskId": "big", "payload": payload})
    functions.monitor(delivery(json.dumps({"taskId": "big", "payload": payload}), "m9", 4))
    assert functions.events("TASK_DEAD_LETTER")[0]["payload"] == payload
