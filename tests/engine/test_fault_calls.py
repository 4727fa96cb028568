"""A call that is struck does what is said of it, its function is told what is said of it, and no other call is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from taskguard.evidence.recorder.recording import Call
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.faulty import Small, calls_of, made_table, request, small_stack

# It counts each call that has an effect, and tells what it was told. A call is tried twice.
CALLER = """
    |import json, os, boto3
    |from botocore.config import Config
    |from botocore.exceptions import BotoCoreError, ClientError
    |
    |config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    |table = boto3.client("dynamodb", config=config)
    |queue = boto3.client("sqs", config=config)
    |
    |def told(call, **parameters):
    |    try:
    |        return {"retries": call(**parameters)["ResponseMetadata"]["RetryAttempts"]}
    |    except ClientError as error:
    |        response = error.response
    |        return {
    |            "error": response["Error"]["Code"],
    |            "status": response["ResponseMetadata"]["HTTPStatusCode"],
    |            "item": response.get("Item"),
    |        }
    |    except BotoCoreError as error:
    |        return {"error": type(error).__name__}
    |
    |def handler(event, context):
    |    task_id = json.loads(event["body"])["taskId"]
    |    item = {"TableName": os.environ["TABLE"], "Key": {"taskId": {"S": task_id}}}
    |    met = event.get("condition", "attribute_not_exists(nothing)")
    |    condition = {"ConditionExpression": met, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    |    count = {"UpdateExpression": "ADD times :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    |    if event.get("send"):
    |        return told(queue.send_message, QueueUrl=event["send"], MessageBody=event["body"])
    |    return [told(table.update_item, **item, **condition, **count) for _ in range(event.get("calls", 1))]
"""


@pytest.fixture
def table(endpoint: Endpoint) -> Iterator[str]:
    with made_table(endpoint) as name:
        yield name


@pytest.fixture
def caller(function: Create, table: str) -> Function:
    return function(CALLER, TABLE=table)


@pytest.fixture
def small(endpoint: Endpoint, caller: Function, table: str) -> Small:
    return small_stack(endpoint, caller, table)


@pytest.fixture
def times(endpoint: Endpoint, table: str) -> Callable[[str], int]:
    """How often the call had its effect for a task."""

    def count(task_id: str) -> int:
        key: Any = {"taskId": {"S": task_id}}
        item = endpoint.dynamodb().get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return int(item["times"]["N"]) if item else 0

    return count


def outcomes(calls: list[Call]) -> list[tuple[int, str | None, tuple[int, str | None] | None]]:
    return [(call.status, call.error_code, call.told) for call in calls]


THROTTLED = "ProvisionedThroughputExceededException"
REFUSED = "ConditionalCheckFailedException"


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [("throttle", THROTTLED, 400), ("error", "InternalServerError", 500)],
)
def test_an_error_before_the_effect_is_tried_again_by_the_client_and_takes_effect_once(
    small: Small, caller: Function, times: Callable[[str], int], fault: str, error: str, status: int
) -> None:
    with small.struck_by(f"{fault} when=before call=UpdateItem"):
        assert caller.invoke(**request("t")).payload == [{"retries": 1}]
    assert times("t") == 1
    assert outcomes(calls_of(caller)) == [(status, error, None), (200, None, None)]


def test_a_client_in_node_js_meets_the_same_errors(
    function: Create, endpoint: Endpoint, table: str, times: Callable[[str], int]
) -> None:
    caller = function(
        """
        |const { DynamoDBClient, UpdateItemCommand } = require('@aws-sdk/client-dynamodb');
        |const client = new DynamoDBClient({ maxAttempts: 2 });
        |exports.handler = async (event) => {
        |  const { taskId } = JSON.parse(event.body);
        |  const told = await client.send(new UpdateItemCommand({
        |    TableName: process.env.TABLE, Key: { taskId: { S: taskId } },
        |    UpdateExpression: 'ADD times :one', ExpressionAttributeValues: { ':one': { N: '1' } },
        |  }));
        |  return told.$metadata.attempts;
        |};
        """,
        runtime="nodejs20.x",
        file="task.js",
        TABLE=table,
    )
    with small_stack(endpoint, caller, table).struck_by("throttle when=after call=UpdateItem"):
        assert caller.invoke(**request("t")).payload == 2
    assert times("t") == 2
    assert outcomes(calls_of(caller)) == [(200, None, (400, THROTTLED)), (200, None, None)]


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [("throttle", THROTTLED, 400), ("error", "InternalServerError", 500)],
)
def test_an_error_after_the_effect_is_recorded_as_the_success_it_was_and_as_the_error_that_was_told(
    small: Small, caller: Function, times: Callable[[str], int], fault: str, error: str, status: int
) -> None:
    with small.struck_by(f"{fault} when=after call=UpdateItem"):
        assert caller.invoke(**request("t")).payload == [{"retries": 1}]
    assert times("t") == 2
    assert outcomes(calls_of(caller)) == [(200, None, (status, error)), (200, None, None)]


def test_with_every_try_struck_the_call_fails(small: Small, caller: Function, times: Callable[[str], int]) -> None:
    with small.struck_by("throttle when=before every-try"):
        (told,) = caller.invoke(**request("t")).payload
    assert (told["error"], told["status"]) == (THROTTLED, 400)
    assert times("t") == 0


def test_a_refused_write_comes_with_the_item_as_it_is(small: Small, caller: Function) -> None:
    caller.invoke(**request("t"))
    with small.struck_by("refuse when=before"):
        (before,) = caller.invoke(**request("t")).payload
    with small.struck_by("refuse when=after"):
        (after,) = caller.invoke(**request("t")).payload
    assert [each["error"] for each in (before, after)] == [REFUSED, REFUSED]
    assert [each["item"]["times"]["N"] for each in (before, after)] == ["1", "2"]


def test_a_call_that_was_refused_by_itself_has_no_effect_that_could_be_lost(
    small: Small, caller: Function, times: Callable[[str], int]
) -> None:
    lines = [f"{kind} when=after" for kind in ("throttle", "error", "refuse", "disconnect", "kill")]
    with small.struck_by("; ".join(lines)):
        (told,) = caller.invoke(**request("t"), condition="attribute_exists(nothing)").payload
    assert (told["error"], small.injections(), times("t")) == (REFUSED, [], 0)
    # It may still be slow; and before the call nobody knows whether it would be refused.
    for line in ("slow when=after seconds=0.1", "refuse when=before"):
        with small.struck_by(line):
            caller.invoke(**request("t"), condition="attribute_exists(nothing)")
    assert [each.kind for each in small.injections()] == ["slow", "refuse"]


def test_a_broken_connection_before_the_effect_leaves_nothing_and_after_it_leaves_the_effect(
    small: Small, caller: Function, times: Callable[[str], int]
) -> None:
    with small.struck_by("disconnect when=before every-try"):
        assert caller.invoke(**request("before")).payload == [{"error": "ConnectionClosedError"}]
    with small.struck_by("disconnect when=after"):
        assert caller.invoke(**request("after")).payload == [{"retries": 1}]
    assert (times("before"), times("after")) == (0, 2)
    unanswered = (0, None)
    assert outcomes(calls_of(caller)) == [
        (503, "NotCarriedOut", unanswered),
        (503, "NotCarriedOut", unanswered),
        (200, None, unanswered),
        (200, None, None),
    ]


@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
def test_a_process_that_is_killed_at_a_call_is_gone_and_its_call_is_done_or_not(
    small: Small, caller: Function, times: Callable[[str], int], when: str, done: int
) -> None:
    with small.struck_by(f"kill when={when} call=UpdateItem number=2"):
        outcome = caller.invoke(**request("t"), calls=3)
    assert outcome.payload["errorType"] == "Runtime.ExitError"
    assert outcome.payload["errorMessage"].endswith("signal: killed")
    assert times("t") == 1 + done
    told = [call.told for call in calls_of(caller)]
    assert told == [None, (0, None)]
    assert caller.invoke(**request("t")).payload == [{"retries": 0}]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_takes_longer_than_its_client_waits_is_tried_again_and_both_take_effect(
    small: Small, caller: Function, times: Callable[[str], int], when: str
) -> None:
    with small.struck_by(f"slow when={when} seconds=2.5"):
        assert caller.invoke(**request("t")).payload == [{"retries": 1}]
        wait_for(lambda: times("t") == 2, seconds=10)


def test_a_queue_answers_in_its_own_words(small: Small, caller: Function, endpoint: Endpoint) -> None:
    url = endpoint.sqs().create_queue(QueueName=caller.name)["QueueUrl"]
    try:
        for fault, error, status in (("throttle", "RequestThrottled", 400), ("error", "InternalFailure", 500)):
            with small.struck_by(f"{fault} when=before every-try"):
                told = caller.invoke(**request("t"), send=url).payload
            assert (told["error"], told["status"]) == (error, status)
        with small.struck_by("error when=after call=SendMessage"):
            assert caller.invoke(**request("t"), send=url).payload == {"retries": 1}
        depth = endpoint.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        assert depth["Attributes"]["ApproximateNumberOfMessages"] == "2"
    finally:
        endpoint.sqs().delete_queue(QueueUrl=url)


def test_only_the_call_is_struck_that_is_meant(small: Small, caller: Function) -> None:
    with small.struck_by("throttle when=before task=one receive=2 call=UpdateItem number=2 every-try"):
        first, other, second = (caller.invoke(**request(t), calls=3).payload for t in ("one", "two", "one"))
    fine = {"retries": 0}
    assert (first, other) == ([fine] * 3, [fine] * 3)
    assert [each == fine for each in second] == [True, False, True]
    assert [(i.task_ids, i.receive_count, i.call, i.number) for i in small.injections()] == [
        (("one",), 2, "UpdateItem", 2),
        (("one",), 2, "UpdateItem", 2),
    ]


def test_each_injection_is_recorded_before_the_call_it_strikes(small: Small, caller: Function) -> None:
    with small.struck_by("error when=after call=UpdateItem"):
        request_id = caller.invoke(**request("t")).request_id
    (injected,) = small.injections()
    assert (injected.kind, injected.when, injected.function) == ("error", "after", "worker")
    assert injected.fault == "error when=after call=UpdateItem"
    assert injected.delivery_id == request_id
    assert injected.at_ms <= calls_of(caller)[0].ended_at_ms


def test_a_table_that_is_down_throttles_every_call_of_the_functions_and_of_nobody_else(
    small: Small, caller: Function, endpoint: Endpoint, times: Callable[[str], int]
) -> None:
    with small.struck_by("table-down for=600"):
        told = caller.invoke(**request("t"), calls=2).payload
        assert [each["error"] for each in told] == [THROTTLED, THROTTLED]
        assert times("t") == 0
    (injected,) = small.injections()
    assert (injected.kind, injected.task_ids) == ("table-down", ())
    assert injected.until_ms is not None
    assert injected.until_ms - injected.at_ms == pytest.approx(600_000, abs=60_000)
    assert caller.invoke(**request("t")).payload == [{"retries": 0}]


def test_a_queue_that_is_down_fails_every_call(small: Small, caller: Function, endpoint: Endpoint) -> None:
    url = endpoint.sqs().create_queue(QueueName=caller.name)["QueueUrl"]
    try:
        with small.struck_by("queue-down for=600"):
            assert caller.invoke(**request("t"), send=url).payload["error"] == "InternalFailure"
            assert caller.invoke(**request("t")).payload == [{"retries": 0}]
        assert caller.invoke(**request("t"), send=url).payload == {"retries": 0}
    finally:
        endpoint.sqs().delete_queue(QueueUrl=url)


def test_what_begins_later_does_not_strike_yet(small: Small, caller: Function) -> None:
    with small.struck_by("throttle when=before every-try from=86400; table-down from=86400 for=2"):
        assert caller.invoke(**request("t")).payload == [{"retries": 0}]
    assert small.injections() == []


def test_another_stacks_functions_are_not_struck(small: Small, caller: Function, function: Create, table: str) -> None:
    other = function(CALLER, TABLE=table)
    with small.struck_by("throttle when=before every-try; kill-first"):
        assert other.invoke(**request("t")).payload == [{"retries": 0}]
    assert small.injections() == []
