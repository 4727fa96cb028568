"""processTask: what becomes of a task, delivery by delivery."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.failure_simulation import FailureSimulation
from handlers.process_task import simulated_work
from handlers.task_message import TaskMessage
from tests.unit.handlers.support import Functions, delivery, task


@pytest.fixture(autouse=True)
def _submitted(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    functions.dynamodb.calls.clear()


def outcomes(functions: Functions, task_id: str = "t") -> list[tuple[int, str]]:
    return [(attempt["number"], attempt["outcome"]) for attempt in functions.get(task_id)[1]["attempts"]]


def test_successful_attempt_completes_the_task_and_acknowledges_the_message(functions: Functions) -> None:
    assert functions.process(task()) == []
    record = functions.get("t")[1]
    assert record["status"] == "COMPLETED"
    assert record["completedAt"] == record["updatedAt"] == "2026-11-23T20:00:03.000Z"
    assert record["attempts"] == [
        {
            "number": 1,
            "startedAt": "2026-11-23T20:00:02.000Z",
            "outcome": "SUCCEEDED",
            "finishedAt": "2026-11-23T20:00:03.000Z",
        }
    ]
    assert functions.queue.put_off == []


def test_claim_is_one_write_and_marks_the_task_before_the_work(functions: Functions) -> None:
    seen: list[Any] = []
    functions.work.during = lambda: seen.append((functions.item("t"), list(functions.dynamodb.calls)))
    functions.process(task())
    [(item, calls)] = seen
    assert calls == ["update_item"]
    assert item["status"] == {"S": "PROCESSING"}
    assert item["messageId"] == {"S": "m1"}
    assert item["lastAttempt"] == {"N": "1"}
    assert item["attempts"]["L"][0]["M"]["outcome"] == {"S": "STARTED"}


def test_failed_attempts_wait_5_10_20_seconds_and_keep_the_message(functions: Functions) -> None:
    functions.work.failing = True
    for attempt in (1, 2, 3):
        assert functions.process(task(receive_count=attempt)) == ["m1"]
        assert functions.get("t")[1]["status"] == "RETRYING"
    assert functions.queue.put_off == [("m1/1", 5), ("m1/2", 10), ("m1/3", 20)]
    record = functions.get("t")[1]
    assert [attempt["backoffSeconds"] for attempt in record["attempts"]] == [5, 10, 20]
    assert record["lastError"] == "ValueError: attempt 3 went wrong"


def test_task_that_fails_once_completes_at_its_second_attempt(functions: Functions) -> None:
    functions.work.failing = True
    functions.process(task())
    functions.work.failing = False
    assert functions.process(task(receive_count=2)) == []
    assert outcomes(functions) == [(1, "FAILED"), (2, "SUCCEEDED")]
    item = functions.item("t")
    assert item is not None
    assert "failedAt" not in item
    assert functions.get("t")[1]["status"] == "COMPLETED"


def test_simulated_failure_is_recorded_in_its_own_words(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    work = simulated_work(FailureSimulation(rate=0.3, seed="1"))
    monkeypatch.setattr(type(functions.work), "__call__", staticmethod(work))
    functions.submit({"taskId": "a", "payload": {}})
    assert functions.process(task("a", "m2"), task("a", "m2", 2)) == ["m2"]
    record = functions.get("a")[1]
    assert record["lastError"] == "simulated failure of attempt 1 (draw 0.2920 < rate 0.3)"
    assert record["status"] == "COMPLETED"


def test_long_error_is_cut_so_that_the_item_stays_small(functions: Functions) -> None:
    def fail() -> None:
        raise RuntimeError("\ud800" + "x" * 100_000)

    functions.work.during = fail
    functions.process(task())
    assert len(functions.get("t")[1]["lastError"]) == 500


# Duplicates


@pytest.mark.parametrize("failing", [True, False], ids=["RETRYING", "COMPLETED"])
def test_second_message_for_a_task_is_dropped_without_doing_the_work(functions: Functions, failing: bool) -> None:
    functions.work.failing = failing
    functions.process(task(message_id="m1"))
    before = functions.item("t")
    assert functions.process(task(message_id="m2")) == []
    assert functions.work.attempts == [("t", 1)]
    assert functions.item("t") == before
    assert functions.logs()[-2]["message"] == "duplicate dropped"


@pytest.mark.parametrize("receive_count", [1, 2])
def test_message_delivered_again_after_success_is_dropped(functions: Functions, receive_count: int) -> None:
    functions.process(task())
    before = functions.item("t")
    assert functions.process(task(receive_count=receive_count)) == []
    assert functions.work.attempts == [("t", 1)]
    assert functions.item("t") == before


def test_message_of_a_dead_task_is_dropped(functions: Functions) -> None:
    functions.work.failing = True
    functions.process(task())
    functions.monitor(task(receive_count=1))
    before = functions.item("t")
    assert functions.process(task(receive_count=4)) == []
    assert functions.item("t") == before


# Crashes, stale deliveries and late reports


def test_crashed_attempt_is_taken_over_by_the_next_delivery_of_its_message(functions: Functions) -> None:
    assert functions.claim("m1", 1)  # and dies
    assert functions.process(task(receive_count=2)) == []
    assert outcomes(functions) == [(1, "STARTED"), (2, "SUCCEEDED")]


def test_crashed_attempt_is_not_taken_over_by_another_message(functions: Functions) -> None:
    functions.claim("m1", 1)
    assert functions.process(task(message_id="m2", receive_count=2)) == []
    assert functions.work.attempts == []


@pytest.mark.parametrize("receive_count", [1, 2])
def test_stale_delivery_is_kept_and_not_put_off(functions: Functions, receive_count: int) -> None:
    functions.claim("m1", 2)
    before = functions.item("t")
    assert functions.process(task(receive_count=receive_count)) == ["m1"]
    assert functions.work.attempts == []
    assert functions.queue.put_off == []
    assert functions.item("t") == before


@pytest.mark.parametrize("attempts", [0, 1], ids=["PENDING", "RETRYING"])
def test_message_that_is_refused_for_no_reason_is_kept_for_its_task(functions: Functions, attempts: int) -> None:
    functions.work.failing = True
    for attempt in range(1, attempts + 1):
        functions.process(task(receive_count=attempt))
    functions.work.failing = False
    functions.dynamodb.refused = functions.item("t")
    assert functions.process(task(receive_count=attempts + 1)) == ["m1"]
    functions.dynamodb.refused = {}
    assert functions.process(task(receive_count=attempts + 1)) == ["m1"]
    functions.dynamodb.refused = None
    assert functions.process(task(receive_count=attempts + 2)) == []
    assert functions.get("t")[1]["status"] == "COMPLETED"


@pytest.mark.parametrize("failing", [True, False], ids=["late failure", "late success"])
def test_late_report_cannot_disturb_a_newer_attempt(functions: Functions, failing: bool) -> None:
    functions.work.failing = failing
    functions.work.during = lambda: functions.claim("m1", 2)
    assert functions.process(task(receive_count=1)) == ["m1"]
    assert outcomes(functions) == [(1, "STARTED"), (2, "STARTED")]
    assert functions.get("t")[1]["status"] == "PROCESSING"
    assert functions.queue.put_off == []


def test_late_failure_cannot_undo_completed(functions: Functions) -> None:
    def newer_attempt_succeeds() -> None:
        functions.store.complete(functions.claim("m1", 2))  # type: ignore[arg-type]

    functions.work.failing = True
    functions.work.during = newer_attempt_succeeds
    assert functions.process(task(receive_count=1)) == ["m1"]
    assert functions.get("t")[1]["status"] == "COMPLETED"
    assert outcomes(functions) == [(1, "STARTED"), (2, "SUCCEEDED")]


@pytest.mark.parametrize("failing", [True, False], ids=["late failure", "late success"])
def test_late_report_cannot_undo_dead_letter(functions: Functions, failing: bool) -> None:
    functions.work.failing = failing
    functions.work.during = lambda: functions.mark_dead("m1")
    assert functions.process(task(receive_count=3)) == ["m1"]
    assert functions.get("t")[1]["status"] == "DEAD_LETTER"


@pytest.mark.parametrize("failing", [True, False], ids=["RETRYING", "COMPLETED"])
def test_writes_whose_answers_were_lost_are_not_taken_for_somebody_elses(functions: Functions, failing: bool) -> None:
    functions.dynamodb.repeated.add("update_item")
    functions.work.failing = failing
    assert functions.process(task()) == (["m1"] if failing else [])
    assert functions.get("t")[1]["status"] == ("RETRYING" if failing else "COMPLETED")
    assert outcomes(functions) == [(1, "FAILED" if failing else "SUCCEEDED")]
    assert functions.queue.put_off == ([("m1/1", 5)] if failing else [])


# Poison


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        '{"taskId": "t"}',
        '{"taskId": "a/b", "payload": {}}',
        '{"payload": {}}',
        "[" * 100_000,
        '{"taskId": "t", "payload": {"x": NaN}}',
        '{"taskId": 1, "payload": {}}',
        '{"taskId": "t", "payload": 1}',
    ],
)
def test_poison_gets_the_backoff_and_goes_towards_the_dead_letter_queue(functions: Functions, body: str) -> None:
    assert functions.process(delivery(body, "p", 2)) == ["p"]
    assert functions.queue.put_off == [("p/2", 10)]
    assert functions.dynamodb.calls == []


def test_poison_harms_no_neighbour(functions: Functions) -> None:
    functions.submit({"taskId": "u", "payload": {}})
    failed = functions.process(delivery("no JSON", "p1"), task("t", "m1"), delivery("[]", "p2"), task("u", "m3"))
    assert failed == ["p1", "p2"]
    assert functions.get("t")[1]["status"] == functions.get("u")[1]["status"] == "COMPLETED"


def test_batch_of_nothing_but_poison_is_reported_in_full(functions: Functions) -> None:
    assert functions.process(delivery("", "p1"), delivery("", "p2")) == ["p1", "p2"]


# AWS fails


def test_failing_claim_keeps_the_message_and_does_no_work(functions: Functions) -> None:
    functions.dynamodb.failing.add("update_item")
    assert functions.process(task()) == ["m1"]
    assert functions.work.attempts == []
    assert functions.get("t")[1]["status"] == "PENDING"


def test_failing_report_of_success_keeps_the_message_and_the_next_delivery_takes_over(functions: Functions) -> None:
    functions.work.during = lambda: functions.dynamodb.failing.add("update_item")
    assert functions.process(task()) == ["m1"]
    assert functions.queue.put_off == []
    functions.work.during = lambda: None
    functions.dynamodb.failing.clear()
    assert functions.process(task(receive_count=2)) == []
    assert functions.get("t")[1]["status"] == "COMPLETED"


def test_failing_report_of_failure_keeps_the_message_and_its_backoff(functions: Functions) -> None:
    functions.work.failing = True
    functions.work.during = lambda: functions.dynamodb.failing.add("update_item")
    assert functions.process(task()) == ["m1"]
    assert functions.queue.put_off == [("m1/1", 5)]


@pytest.mark.parametrize("body", [{"taskId": "t", "payload": {}}, "no JSON"], ids=["task", "poison"])
def test_failing_change_of_visibility_keeps_the_message(functions: Functions, body: Any) -> None:
    functions.work.failing = functions.queue.failing = True
    assert functions.process(delivery(body)) == ["m1"]
    assert "backoff not set" in [record["message"] for record in functions.logs()]


def test_message_is_not_begun_when_the_functions_time_is_nearly_over(functions: Functions) -> None:
    assert functions.process(task(), remaining_ms=5_000) == ["m1"]
    assert functions.dynamodb.calls == []


# Bounds and logs


def test_attempts_kept_are_bounded_and_the_last_one_is_among_them(functions: Functions) -> None:
    functions.work.failing = True
    for attempt in (*range(1, 22), 30):
        functions.process(task(receive_count=attempt))
    assert outcomes(functions) == [(number, "FAILED") for number in [*range(1, 20), 30]]


@pytest.mark.parametrize("task_id", ["t", "new"], ids=["PENDING", "no record"])
def test_first_attempt_beyond_the_bound_is_appended_when_earlier_ones_left_no_trace(
    functions: Functions, task_id: str
) -> None:
    functions.process(task(task_id, receive_count=25))
    assert outcomes(functions, task_id) == [(25, "SUCCEEDED")]


def test_largest_task_is_stored_by_the_first_delivery_and_worked_on_by_the_next(functions: Functions) -> None:
    payload = "a" * (262_144 - len('{"taskId":"big","payload":{"x":""}}'))
    functions.work.failing = True
    assert functions.process(task("big", x=payload)) == ["m1"]
    functions.work.failing = False
    assert functions.process(task("big", receive_count=2, x=payload)) == []
    assert functions.get("big")[1]["payload"] == {"x": payload}


def test_log_lines_carry_task_message_and_receive_count(functions: Functions) -> None:
    functions.process(task(receive_count=2))
    [_, started, succeeded, _] = functions.logs()[-4:]
    for line in (started, succeeded):
        assert (line["taskId"], line["messageId"], line["receiveCount"]) == ("t", "m1", 2)


def test_work_gets_the_task_and_the_attempt() -> None:
    calls: list[tuple[float, int]] = []

    def uniform() -> float:
        calls.append((0.9, 0))
        return 0.9

    work = simulated_work(FailureSimulation(rate=0.5, uniform=uniform))
    work(TaskMessage("t", "{}"), 1)
    assert calls == [(0.9, 0)]
