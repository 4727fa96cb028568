"""Whose of a batch's tasks a call is, by what the call says: a fault of one task strikes the calls for it, and no other."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.engine.faults.injector import ActivePlan, TaskNames
from taskguard.engine.faults.under_way import Delivery, UnderWay
from taskguard.faults.plan import Plan


def under_way(*task_ids: str) -> UnderWay:
    plan = ActivePlan("plan", Plan(seed="any", faults=()), {}, {}, "stack", TaskNames(("job.id",), "pk"))
    deliveries = tuple(Delivery(f"message-{each}", f"handle-{each}", "queue", 1, each) for each in task_ids)
    return UnderWay(plan, "work", "request", lambda: None, deliveries, None)


@pytest.mark.parametrize(
    ("call", "request_of_it"),
    [
        ("PutItem", {"Item": {"key": {"S": "made-here"}, "job": {"M": {"id": {"S": "t-1"}}}}}),
        ("PutItem", {"Item": {"key": {"S": "t-1"}}}),
        ("UpdateItem", {"Key": {"pk": {"S": "t-1"}}}),
        ("Publish", {"TopicArn": "topic", "Message": '{"about": {"id": "t-1"}}'}),
        ("PutObject", {"Bucket": "reports", "Key": "done/t-1.json", "Body": object()}),
        ("ChangeMessageVisibility", {"ReceiptHandle": "handle-t-1"}),
    ],
)
def test_a_call_is_of_the_task_of_the_batch_that_it_names_wherever_it_does(
    call: str, request_of_it: dict[str, Any]
) -> None:
    place = under_way("t-1", "t-10", "t-2").place_of(call, request_of_it, None)
    assert (place.task_id, place.receive) == ("t-1", 1)


def test_a_call_for_several_tasks_or_for_none_is_of_none_of_a_batch() -> None:
    several: dict[str, Any] = {
        "RequestItems": {"table": [{"PutRequest": {"Item": {"id": {"S": each}}}} for each in ("t-1", "t-2")]}
    }
    none: dict[str, Any] = {"MetricData": []}
    for request_of_it in (several, none):
        assert under_way("t-1", "t-2").place_of("any", request_of_it, None).task_id is None


def test_a_call_that_says_nothing_is_of_the_only_task_there_is() -> None:
    assert under_way("t-1").place_of("PutMetricData", {"MetricData": []}, None).task_id == "t-1"
