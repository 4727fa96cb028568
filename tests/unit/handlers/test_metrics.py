"""What is counted, and when: one line of CloudWatch's embedded metric format for an invocation that had an effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers import process_task
from handlers.metrics import Metrics
from tests.unit.handlers.support import Functions, delivery, task

Lines = Callable[[], list[dict[str, Any]]]
Counted = Callable[[], dict[str, list[float]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Answers with the metric lines written since it was last asked."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def counted(lines: Lines) -> Counted:
    """Answers with the values counted since it was last asked, by metric."""

    def read() -> dict[str, list[float]]:
        values: dict[str, list[float]] = {}
        for line in lines():
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                values.setdefault(metric["Name"], []).extend(line[metric["Name"]])
        return values

    return read


@pytest.fixture(autouse=True)
def _submitted(functions: Functions, lines: Lines) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    lines()


def fail(functions: Functions, *attempts: int) -> None:
    functions.work.failing = True
    for attempt in attempts:
        functions.process(task(receive_count=attempt))
    functions.work.failing = False


def test_line_is_in_embedded_metric_format_and_names_service_and_stage(functions: Functions, lines: Lines) -> None:
    functions.process(task())
    [line] = lines()
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "TaskGuard"
    assert [sorted(names) for names in directive["Dimensions"]] == [["service", "stage"]]
    assert (line["service"], line["stage"]) == ("TaskGuard", "dev")
    assert directive["Metrics"] == [
        {"Name": "TasksCompleted", "Unit": "Count"},
        {"Name": "TimeToSettle", "Unit": "Milliseconds"},
    ]
    assert set(line) == {"_aws", "service", "stage", "TasksCompleted", "TimeToSettle"}
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}


def test_dimensions_are_there_for_every_invocation(functions: Functions, lines: Lines) -> None:
    functions.submit({"taskId": "u", "payload": {}})
    functions.submit({"taskId": "v", "payload": {}})
    assert [(line["service"], line["stage"]) for line in lines()] == [("TaskGuard", "dev")] * 2


def test_task_is_counted_as_submitted_once_however_often_it_is_sent(functions: Functions, counted: Counted) -> None:
    assert [functions.submit({"taskId": "u", "payload": {}})[0] for _ in range(2)] == [202, 202]
    assert functions.submit({"taskId": "u", "payload": {"x": 1}})[0] == 409
    assert functions.submit({"payload": []})[0] == 400
    assert counted() == {"TasksSubmitted": [1]}


def test_task_whose_message_was_not_sent_is_counted_once_all_the_same(functions: Functions, counted: Counted) -> None:
    functions.queue.failing = True
    assert functions.submit({"taskId": "u", "payload": {}})[0] == 503
    functions.queue.failing = False
    assert functions.submit({"taskId": "u", "payload": {}})[0] == 202
    assert counted() == {"TasksSubmitted": [1]}


def test_task_that_was_not_stored_is_not_counted(functions: Functions, counted: Counted) -> None:
    functions.dynamodb.failing.add("put_item")
    assert functions.submit({"taskId": "u", "payload": {}})[0] == 503
    assert counted() == {}


def test_retried_task_counts_its_first_failure_its_retries_and_its_completion(
    functions: Functions, counted: Counted
) -> None:
    fail(functions, 1)
    assert counted() == {"FirstAttemptFailures": [1]}
    fail(functions, 2)
    assert counted() == {"Retries": [1]}
    functions.process(task(receive_count=3))
    assert counted() == {"Retries": [1], "TasksCompleted": [1], "TimeToSettle": [6_000]}


def test_dead_task_is_counted_once_with_the_time_until_it_was_marked(functions: Functions, counted: Counted) -> None:
    fail(functions, 1, 2, 3)
    counted()
    functions.monitor(task(receive_count=4))
    assert counted() == {"TasksDeadLettered": [1], "TimeToSettle": [7_000]}
    functions.monitor(task(receive_count=5))
    assert counted() == {}


def test_task_dead_without_a_report_of_its_last_attempt_is_counted_once(functions: Functions, counted: Counted) -> None:
    functions.claim("m1", 3)
    counted()
    functions.monitor(task(receive_count=4), task(receive_count=5))
    assert counted() == {"TasksDeadLettered": [1], "TimeToSettle": [2_000]}


@pytest.mark.parametrize("message_id", ["m1", "m2"], ids=["the same message again", "another message"])
def test_duplicate_of_a_settled_task_adds_nothing(functions: Functions, counted: Counted, message_id: str) -> None:
    functions.process(task())
    counted()
    functions.process(task(message_id=message_id, receive_count=1), task(message_id=message_id, receive_count=2))
    functions.monitor(task(message_id=message_id, receive_count=4))
    assert counted() == {}


def test_stale_delivery_adds_nothing(functions: Functions, counted: Counted) -> None:
    fail(functions, 1, 2)
    counted()
    fail(functions, 1, 2)
    assert counted() == {}


@pytest.mark.parametrize("failing", [True, False], ids=["failure", "success"])
def test_outcome_that_came_too_late_is_not_counted(functions: Functions, counted: Counted, failing: bool) -> None:
    functions.work.failing = failing
    functions.work.during = lambda: functions.claim("m1", 2)
    assert functions.process(task()) == ["m1"]
    assert counted() == {}


@pytest.mark.parametrize("failing", [True, False], ids=["failure", "success"])
def test_outcome_that_was_not_recorded_is_not_counted(functions: Functions, counted: Counted, failing: bool) -> None:
    functions.work.failing = failing
    functions.work.during = lambda: functions.dynamodb.failing.add("update_item")
    assert functions.process(task()) == ["m1"]
    assert counted() == {}


def test_write_whose_answer_was_lost_is_counted_once(functions: Functions, counted: Counted) -> None:
    functions.dynamodb.repeated.add("update_item")
    fail(functions, 1)
    functions.process(task(receive_count=2))
    assert counted() == {
        "FirstAttemptFailures": [1],
        "Retries": [1],
        "TasksCompleted": [1],
        "TimeToSettle": [4_000],
    }


def test_poison_is_not_counted(functions: Functions, counted: Counted) -> None:
    functions.process(delivery("no JSON", "m2"))
    functions.monitor(delivery("no JSON", "m2"))
    assert counted() == {}


def test_task_is_counted_as_submitted_by_whoever_stores_it(functions: Functions, counted: Counted) -> None:
    functions.process(task("worked-on", "m2"))
    assert counted()["TasksSubmitted"] == [1]
    functions.monitor(task("dead", "m3"))
    assert counted()["TasksSubmitted"] == [1]
    for task_id in ("worked-on", "dead"):
        assert functions.submit({"taskId": task_id, "payload": {}})[0] == 202
    assert counted() == {}


def test_batch_is_counted_in_one_line_also_when_part_of_it_fails(functions: Functions, lines: Lines) -> None:
    functions.submit({"taskId": "u", "payload": {}})
    functions.submit({"taskId": "v", "payload": {}})
    lines()

    def fail_one() -> None:
        if functions.work.attempts[-1][0] == "u":
            raise ValueError("u always fails")

    functions.work.during = fail_one
    assert functions.process(task("t", "m1"), task("u", "m2"), task("v", "m3")) == ["m2"]
    [line] = lines()
    assert (line["TasksCompleted"], line["FirstAttemptFailures"]) == ([1, 1], [1])
    assert len(line["TimeToSettle"]) == 2


def test_what_was_counted_is_written_also_when_the_handler_raises(lines: Lines) -> None:
    metrics = Metrics("dev")

    @metrics.published
    def handler() -> None:
        metrics.task_submitted()
        raise RuntimeError("after the effect")

    with pytest.raises(RuntimeError, match="after the effect"):
        handler()
    [line] = lines()
    assert line["TasksSubmitted"] == [1]


def test_clocks_that_differ_give_no_negative_time(lines: Lines) -> None:
    metrics = Metrics("dev")
    counting = metrics.published(metrics.task_completed)
    counting(created_at="2026-11-23T20:00:00.010Z", completed_at="2026-11-23T20:00:00.000Z")
    [line] = lines()
    assert line["TimeToSettle"] == [0]


def test_entry_point_keeps_its_name() -> None:
    assert process_task.handler.__name__ == "handler"
