"""A message that is struck is lost, late, doubled or renewed as it is said to be, and its queue does the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from taskguard.evidence.recorder.recording import Invocation
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.faulty import Small, calls_of, small_stack
from tests.engine.recorded import recorded

HIDDEN_SECONDS = 12

# It works for as long as a task says, and puts off and fails its first deliveries as often.
WORKER = """
    |import json, os, time, boto3
    |queue = boto3.client("sqs")
    |
    |def handler(event, context):
    |    failed = []
    |    for record in event["Records"]:
    |        task = json.loads(record["body"])
    |        time.sleep(task.get("work", 0))
    |        if int(record["attributes"]["ApproximateReceiveCount"]) <= task.get("failures", 0):
    |            handle = record["receiptHandle"]
    |            try:
    |                queue.change_message_visibility(QueueUrl=os.environ["QUEUE"], ReceiptHandle=handle, VisibilityTimeout=1)
    |            except queue.exceptions.ClientError:
    |                pass
    |            failed.append({"itemIdentifier": record["messageId"]})
    |    return {"batchItemFailures": failed}
"""

Send = Callable[..., None]


@pytest.fixture
def worker(endpoint: Endpoint, function: Create) -> Iterator[Function]:
    sqs = endpoint.sqs()
    worker = function(WORKER, timeout=6, QUEUE="")
    dead = sqs.create_queue(QueueName=f"{worker.name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    work = sqs.create_queue(
        QueueName=f"{worker.name}-work",
        Attributes={"VisibilityTimeout": str(HIDDEN_SECONDS), "RedrivePolicy": redrive},
    )["QueueUrl"]
    functions = endpoint.functions()
    functions.update_function_configuration(FunctionName=worker.name, Environment={"Variables": {"QUEUE": work}})
    functions.get_waiter("function_updated_v2").wait(FunctionName=worker.name, WaiterConfig={"Delay": 1})
    source = functions.create_event_source_mapping(
        FunctionName=worker.name,
        EventSourceArn=arn.removesuffix("dead") + "work",
        BatchSize=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]
    yield worker
    functions.delete_event_source_mapping(UUID=source)
    for url in (work, dead):
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def small(endpoint: Endpoint, worker: Function) -> Small:
    return small_stack(endpoint, worker)


@pytest.fixture
def send(endpoint: Endpoint, worker: Function) -> Send:
    url = endpoint.sqs().get_queue_url(QueueName=f"{worker.name}-work")["QueueUrl"]

    def send(task_id: str, **told: float) -> None:
        endpoint.sqs().send_message(QueueUrl=url, MessageBody=json.dumps({"taskId": task_id, **told}))

    return send


def invocations(worker: Function) -> list[Invocation]:
    """Those that have ended, in the order in which they began."""
    every = recorded(worker.endpoint).invocations.values()
    ended = [each for each in every if each.function == worker.name and each.ended_at_ms is not None]
    return sorted(ended, key=lambda each: each.started_at_ms)


def deliveries(worker: Function) -> list[tuple[str, int]]:
    """Each task's id and receive count, as it was delivered."""
    return [
        (json.loads(message.body)["taskId"], message.receive_count)
        for invocation in invocations(worker)
        for message in invocation.messages
    ]


def delivered(worker: Function, *expected: tuple[str, int]) -> None:
    """Wait until all these have been, and be sure that nothing else was."""
    with suppress(WaitedInVain):
        wait_for(lambda: len(deliveries(worker)) >= len(expected), seconds=40)
    assert sorted(deliveries(worker)) == sorted(expected)


def is_empty(endpoint: Endpoint, worker: Function, queue: str = "work") -> bool:
    url = endpoint.sqs().get_queue_url(QueueName=f"{worker.name}-{queue}")["QueueUrl"]
    attributes = endpoint.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return all(
        attributes[name] == "0" for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    )


def hide_long(endpoint: Endpoint, worker: Function) -> None:
    """The plan is ended before a message comes back, however busy the machine is."""
    queue = endpoint.sqs().get_queue_url(QueueName=f"{worker.name}-work")["QueueUrl"]
    endpoint.sqs().set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "6000"})


def apart_seconds(worker: Function, one: int = 0, other: int = 1) -> float:
    """How long after one invocation another one began."""
    began = [each.started_at_ms for each in invocations(worker)]
    return (began[other] - began[one]) / 1000


def test_a_message_that_is_lost_comes_back_after_its_visibility_timeout(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("lose task=t receive=1"):
        send("t")
        send("u")
        delivered(worker, ("u", 1), ("t", 2))
    assert apart_seconds(worker) > HIDDEN_SECONDS - 2
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)
    (injected,) = small.injections()
    assert (injected.kind, injected.function, injected.task_ids, injected.receive_count) == ("lose", "work", ("t",), 1)


def test_a_batch_that_is_throttled_uses_up_a_receive_and_does_not_run(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("throttle-function task=t receive=1"):
        send("t")
        delivered(worker, ("t", 2))
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)
    (injected,) = small.injections()
    assert (injected.kind, injected.task_ids, injected.receive_count) == ("throttle-function", ("t",), 1)
    [throttled] = [each for each in recorded(endpoint).throttled if each.function == worker.name]
    assert (json.loads(throttled.body)["taskId"], throttled.receive_count) == ("t", 1)
    assert throttled.ended_at_ms - throttled.started_at_ms > (HIDDEN_SECONDS - 2) * 1000


def test_what_is_throttled_runs_when_the_plan_has_ended(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    hide_long(endpoint, worker)
    with small.struck_by("throttle-function"):
        send("t")
        wait_for(lambda: bool(small.injections()), seconds=20)
    delivered(worker, ("t", 1))


def test_a_message_delivered_twice_is_with_two_processes_at_once(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("twice"):
        send("t", work=0.3)
        delivered(worker, ("t", 1), ("t", 1))
    one, other = invocations(worker)
    assert one.messages[0].receipt_handle == other.messages[0].receipt_handle
    assert other.ended_at_ms is not None
    assert one.ended_at_ms is not None
    assert max(one.started_at_ms, other.started_at_ms) < min(one.ended_at_ms, other.ended_at_ms)
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)


def test_a_message_whose_deletion_is_lost_is_delivered_again(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("again receive=1"):
        send("t")
        delivered(worker, ("t", 1), ("t", 2))
    assert apart_seconds(worker) > HIDDEN_SECONDS - 2
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)


def test_a_message_that_fails_has_no_deletion_to_lose(small: Small, worker: Function, send: Send) -> None:
    with small.struck_by("again receive=1"):
        send("t", failures=1)
        delivered(worker, ("t", 1), ("t", 2))
    assert small.injections() == []


def test_a_message_can_be_late(small: Small, worker: Function, send: Send, endpoint: Endpoint) -> None:
    sent_ms = endpoint.clock.now_ms()
    with small.struck_by("late task=t seconds=8"):
        send("t")
        send("u")
        delivered(worker, ("t", 1), ("u", 1))
    began = {message.body: each.started_at_ms for each in invocations(worker) for message in each.messages}
    late = next(at for body, at in began.items() if '"t"' in body)
    other = next(at for body, at in began.items() if '"u"' in body)
    assert late - sent_ms > 7_900
    assert other < late


def test_the_clock_does_not_run_fast_past_a_late_message(small: Small, worker: Function, send: Send) -> None:
    # Hidden for longer than it is late: were it overtaken, it would be received again before it is handed over.
    with small.struck_by(f"late seconds={HIDDEN_SECONDS - 4}"):
        for task in ("t", "u", "v"):
            send(task)
        delivered(worker, ("t", 1), ("u", 1), ("v", 1))


def test_a_message_is_held_until_another_one_has_gone_by(small: Small, worker: Function, send: Send) -> None:
    with small.struck_by("reorder task=first seconds=10"):
        send("first")
        send("second")
        delivered(worker, ("first", 1), ("second", 1))
    assert [task for task, _ in deliveries(worker)] == ["second", "first"]


def test_a_message_that_none_follows_goes_on_alone(small: Small, worker: Function, send: Send) -> None:
    with small.struck_by("reorder seconds=5"):
        send("t")
        delivered(worker, ("t", 1))


def test_what_is_held_back_goes_on_when_the_plan_ends(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    hide_long(endpoint, worker)
    # Longer than the message is hidden: it was not the time that let it go.
    with small.struck_by("late seconds=100000"):
        send("t")
        wait_for(lambda: bool(small.injections()), seconds=20)
    delivered(worker, ("t", 1))
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)


def test_a_receipt_handle_that_has_expired_is_refused_by_the_queue(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("stale-handle receive=1"):
        send("failing", failures=1)
        send("fine")
        delivered(worker, ("failing", 1), ("failing", 2), ("fine", 1), ("fine", 2))
    (call,) = calls_of(worker)
    assert (call.operation, call.status) == ("ChangeMessageVisibility", 400)
    assert (call.error_code or "").startswith("InvalidParameterValue")
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)


def test_a_message_whose_time_has_run_out_is_delivered_again_while_it_is_worked_on(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    with small.struck_by("run-out receive=1"):
        send("t", work=0.3)
        delivered(worker, ("t", 1), ("t", 2))
    one, other = invocations(worker)
    assert one.ended_at_ms is not None
    assert other.started_at_ms < one.ended_at_ms
    wait_for(lambda: is_empty(endpoint, worker), seconds=10)


def test_a_message_in_the_dead_letter_queue_is_struck_as_one_there(
    small: Small, worker: Function, send: Send, endpoint: Endpoint
) -> None:
    functions = endpoint.functions()
    source = functions.create_event_source_mapping(
        FunctionName=worker.name, EventSourceArn=small.stack.queues["dead-letter"].arn
    )["UUID"]
    try:
        # SQS counts receives across queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html.
        with small.struck_by("lose function=dead-letter receive=4; lose function=work task=other"):
            send("t", failures=3)
            delivered(worker, ("t", 1), ("t", 2), ("t", 3), ("t", 5))
    finally:
        functions.delete_event_source_mapping(UUID=source)
    (injected,) = small.injections()
    assert (injected.function, injected.task_ids) == ("dead-letter", ("t",))


def test_a_consumer_that_is_called_disabled_receives_nothing_any_more(
    endpoint: Endpoint, worker: Function, send: Send, small: Small
) -> None:
    functions = endpoint.functions()
    [mapping] = functions.list_event_source_mappings(FunctionName=worker.name)["EventSourceMappings"]

    def switch(state: str) -> None:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=state == "Enabled")
        wait_for(lambda: functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state, seconds=10)

    switch("Disabled")
    send("one")
    send("two")
    # Longer than its poller waits for a message.
    time.sleep(0.5)
    assert deliveries(worker) == []
    switch("Enabled")
    delivered(worker, ("one", 1), ("two", 1))
    assert len(invocations(worker)) == 1


def test_a_killed_functions_message_comes_back(small: Small, worker: Function, send: Send) -> None:
    with small.struck_by("kill-first receive=1; garbage receive=2"):
        send("t")
        delivered(worker, ("t", 1), ("t", 2), ("t", 3))
    assert apart_seconds(worker, 0, 1) > HIDDEN_SECONDS - 2
    assert apart_seconds(worker, 1, 2) > HIDDEN_SECONDS - 2
