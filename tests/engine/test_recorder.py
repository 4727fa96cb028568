"""The flight recorder sees each invocation and each AWS call of a function, and nobody else's."""

from taskguard.evidence.recorder.recording import Call, Invocation, Recording
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create
from tests.engine.recorded import recorded

CALLER = """
import boto3
sqs = boto3.client("sqs")

def handler(event, context):
    url = sqs.create_queue(QueueName=event["queue"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    try:
        sqs.get_queue_url(QueueName="no-such-queue")
    except sqs.exceptions.QueueDoesNotExist:
        pass
    sqs.delete_queue(QueueUrl=url)
    return "done"
"""


def invocations_of(function: str, recording: Recording) -> list[Invocation]:
    return [invocation for invocation in recording.invocations.values() if invocation.function == function]


def test_calls_are_recorded_in_order_with_their_answers(endpoint: Endpoint, function: Create) -> None:
    caller = function(CALLER)
    caller.invoke(queue=f"{caller.name}-queue")
    recording = recorded(endpoint)
    (invocation,) = invocations_of(caller.name, recording)
    assert invocation.response == '"done"'
    assert not invocation.is_error
    calls = [call for call in recording.calls if call.function == caller.name]
    assert [call.operation for call in calls] == ["CreateQueue", "SendMessage", "GetQueueUrl", "DeleteQueue"]
    assert [call.error_code is None for call in calls] == [True, True, False, True]
    assert calls[1].parameters["MessageBody"] == "hello"
    assert all(call.request_id == invocation.request_id for call in calls)
    assert invocation.ended_at_ms is not None
    times = [
        invocation.started_at_ms,
        *(t for c in calls for t in (c.started_at_ms, c.ended_at_ms)),
        invocation.ended_at_ms,
    ]
    assert times == sorted(times)


def test_a_call_that_was_not_waited_for_is_late_and_one_that_was_is_not(endpoint: Endpoint, function: Create) -> None:
    hasty = function(
        """
        |import threading, time
        |import boto3
        |sqs = boto3.client("sqs")
        |
        |def later():
        |    time.sleep(0.3)
        |    sqs.list_queues(QueueNamePrefix="later")
        |
        |def handler(event, context):
        |    sqs.list_queues(QueueNamePrefix="in-time")
        |    threading.Thread(target=later).start()
        """
    )
    request_id = hasty.invoke().request_id

    def calls() -> dict[str, Call]:
        found = [each for each in recorded(endpoint).calls if each.function == hasty.name]
        return {each.parameters["QueueNamePrefix"]: each for each in found}

    wait_for(lambda: "later" in calls(), seconds=30)
    assert {name: (each.late, each.request_id) for name, each in calls().items()} == {
        "in-time": (False, request_id),
        "later": (True, request_id),
    }


def test_a_failed_invocation_is_recorded_as_one(endpoint: Endpoint, function: Create) -> None:
    broken = function("def handler(event, context):\n    raise ValueError('no')\n")
    broken.invoke()
    (invocation,) = invocations_of(broken.name, recorded(endpoint))
    assert invocation.is_error
    assert "ValueError" in (invocation.response or "")


def test_what_lets_a_client_in_is_not_recorded(endpoint: Endpoint, function: Create) -> None:
    page = function(
        "def handler(event, context):\n    return {'statusCode': 200, 'cookies': ['s=given-secret'], 'body': 'ok'}\n"
    )
    told = page.invoke(
        version="2.0",
        cookies=["session=sent-secret"],
        rawQueryString="task=t1&token=query-secret",
        queryStringParameters={"task": "t1", "token": "query-secret"},
        requestContext={"http": {"method": "GET"}},
    )
    assert told.payload["cookies"] == ["s=given-secret"]
    (invocation,) = invocations_of(page.name, recorded(endpoint))
    assert "-secret" not in invocation.payload + (invocation.response or "")
    assert "task=t1&token=(not recorded)" in invocation.payload


def test_calls_from_outside_are_not_recorded(endpoint: Endpoint) -> None:
    endpoint.sqs().list_queues(QueueNamePrefix="from-outside")
    assert not any(call.parameters.get("QueueNamePrefix") == "from-outside" for call in recorded(endpoint).calls)


def test_of_a_failed_invocation_the_end_of_its_log_is_recorded(endpoint: Endpoint, function: Create) -> None:
    broken = function("print('x' * 10_000)\nraise ImportError('boom at import')\n")
    sleeper = function(
        "import time\ndef handler(event, context):\n    print('waits')\n    time.sleep(600)\n", timeout=1
    )
    for each in (broken, sleeper):
        each.invoke()
    recording = recorded(endpoint)
    [(crashed,), (late,)] = [invocations_of(each.name, recording) for each in (broken, sleeper)]
    assert crashed.failure is not None
    assert late.failure is not None
    assert (crashed.failure.loaded, late.failure.loaded) == (False, True)
    assert "boom at import" in crashed.failure.log
    assert len(crashed.failure.log) <= 4100
    assert crashed.failure.log_bytes > 10_000
    assert late.failure.log.splitlines()[0] == "waits"
    assert "Task timed out after 1.00 seconds" in late.failure.log


def test_an_invocation_that_was_answered_has_no_failure(endpoint: Endpoint, function: Create) -> None:
    fine = function("def handler(event, context):\n    print('fine')\n")
    fine.invoke()
    (invocation,) = invocations_of(fine.name, recorded(endpoint))
    assert invocation.failure is None
