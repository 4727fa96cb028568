"""A message that is made to fail is failed for the queue: alone where it can be, with its batch elsewhere, seen by the function or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from taskguard.evidence.recorder.recording import Invocation
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

from tests.engine.conftest import Create, Function
from tests.engine.faulty import Small, small_stack
from tests.engine.recorded import recorded

# It tells what it was shown, and names nothing as failed but what asks for it.
WORKER = """
    |import json
    |
    |def handler(event, context):
    |    tasks = [json.loads(record["body"]) for record in event["Records"]]
    |    print("SHOWN " + " ".join(task["taskId"] for task in tasks))
    |    names = [record["messageId"] for record, task in zip(event["Records"], tasks) if task.get("fails")]
    |    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}
"""

Connect = Callable[..., str]


@pytest.fixture
def worker(function: Create) -> Function:
    return function(WORKER, timeout=6)


@pytest.fixture
def small(endpoint: Endpoint, worker: Function) -> Small:
    return small_stack(endpoint, worker)


@pytest.fixture
def queue(endpoint: Endpoint, worker: Function) -> Iterator[str]:
    """A queue that hides a message for an hour: what comes back sooner was let come back. Its messages come in batches of five."""
    sqs = endpoint.sqs()
    name = f"{worker.name}-work"
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def connect(endpoint: Endpoint, worker: Function, small: Small) -> Iterator[Callable[[bool], None]]:
    functions, made = endpoint.functions(), list[str]()

    def connect(partial: bool) -> None:
        answer = functions.create_event_source_mapping(
            FunctionName=worker.name,
            EventSourceArn=small.stack.work_queue.arn,
            BatchSize=5,
            FunctionResponseTypes=["ReportBatchItemFailures"] if partial else [],
        )
        made.append(answer["UUID"])

    yield connect
    for uuid in made:
        functions.delete_event_source_mapping(UUID=uuid)


def send(endpoint: Endpoint, url: str, *tasks: dict[str, object]) -> None:
    entries = [{"Id": str(number), "MessageBody": json.dumps(task)} for number, task in enumerate(tasks)]
    endpoint.sqs().send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]


def ended(function: Function, count: int) -> list[Invocation]:
    """The first invocations of the function, once so many have ended."""

    def found() -> list[Invocation]:
        of_it = [each for each in recorded(function.endpoint).invocations.values() if each.function == function.name]
        return sorted((each for each in of_it if each.ended_at_ms is not None), key=lambda each: each.started_at_ms)

    wait_for(lambda: len(found()) >= count, seconds=30)
    return found()


def named(invocation: Invocation) -> list[str]:
    """The tasks that an answer names as failed."""
    tasks = {message.message_id: json.loads(message.body)["taskId"] for message in invocation.messages}
    answer = json.loads(invocation.response or "null")
    return sorted(tasks[failure["itemIdentifier"]] for failure in answer["batchItemFailures"])


def shown(invocation: Invocation, endpoint: Endpoint) -> list[str]:
    """The tasks that the function was shown in this invocation, by its log; none when it was not called."""

    def lines() -> list[str]:
        events = endpoint.logs().filter_log_events(logGroupName=f"/aws/lambda/{invocation.function}")["events"]
        return [event["message"].strip() for event in events]

    def of_it() -> list[str]:
        told, begun = lines(), f"START RequestId: {invocation.request_id}"
        start = next((at for at, line in enumerate(told) if line.startswith(begun)), len(told))
        ends = (at for at, line in enumerate(told) if line.startswith(f"END RequestId: {invocation.request_id}"))
        return told[start : next(ends, start)]

    wait_for(lambda: bool(of_it()), seconds=30)
    return [task for line in of_it() if line.startswith("SHOWN ") for task in line.split()[1:]]


@pytest.mark.parametrize(("when", "seen"), [("before", ["b"]), ("after", ["a", "b"])])
def test_one_message_of_a_batch_fails_alone_and_comes_back(
    endpoint: Endpoint, small: Small, worker: Function, queue: str, connect: Connect, when: str, seen: list[str]
) -> None:
    send(endpoint, queue, {"taskId": "a"}, {"taskId": "b"})
    with small.struck_by(f"fail when={when} task=a receive=1 seconds=1"):
        connect(True)
        first, second = ended(worker, 2)[:2]
    assert named(first) == ["a"]
    assert sorted(shown(first, endpoint)) == seen
    assert [(each.receive_count, json.loads(each.body)["taskId"]) for each in second.messages] == [(2, "a")]
    assert named(second) == []
    [told] = small.injections()
    assert (told.kind, told.when, told.function, told.task_ids) == ("fail", when, "work", ("a",))
    assert (told.receive_count, told.delivery_id) == (1, first.request_id)


def test_a_batch_of_nothing_else_is_not_handed_over(
    endpoint: Endpoint, small: Small, worker: Function, queue: str, connect: Connect
) -> None:
    send(endpoint, queue, {"taskId": "a"})
    with small.struck_by("fail when=before task=a receive=1 seconds=1"):
        connect(True)
        first = ended(worker, 2)[0]
    assert named(first) == ["a"]
    assert shown(first, endpoint) == []


def test_what_the_function_reports_itself_stays(
    endpoint: Endpoint, small: Small, worker: Function, queue: str, connect: Connect
) -> None:
    send(endpoint, queue, {"taskId": "a", "fails": True}, {"taskId": "b", "fails": True}, {"taskId": "c"})
    with small.struck_by("fail when=before task=a; fail when=after task=b"):
        connect(True)
        [first] = ended(worker, 1)
    assert named(first) == ["a", "b"]
    # The second had failed by itself.
    assert [told.task_ids for told in small.injections()] == [("a",)]


@pytest.mark.parametrize(("when", "seen"), [("before", []), ("after", ["a", "b"])])
def test_without_partial_batches_the_whole_batch_fails(
    endpoint: Endpoint, small: Small, worker: Function, queue: str, connect: Connect, when: str, seen: list[str]
) -> None:
    send(endpoint, queue, {"taskId": "a"}, {"taskId": "b"})
    with small.struck_by(f"fail when={when} task=a receive=1 seconds=1"):
        connect(False)
        first = ended(worker, 2)[0]
    assert first.is_error
    assert json.loads(first.response or "")["errorType"] == "InjectedFailure"
    assert sorted(shown(first, endpoint)) == seen
    [told] = small.injections()
    assert told.task_ids == ("a", "b")


def test_of_several_plans_each_message_comes_back_once_at_its_own_time(
    endpoint: Endpoint, small: Small, worker: Function, queue: str, connect: Connect
) -> None:
    send(endpoint, queue, {"taskId": "a"}, {"taskId": "b"}, {"taskId": "c"})
    with (
        small.struck_by("fail when=before task=a receive=1 seconds=5"),
        small.struck_by("fail when=before task=b receive=1 seconds=5"),
    ):
        connect(False)
        wait_for(lambda: sum(len(each.messages) for each in ended(worker, 1)) == 6, seconds=30)
    first, *later = ended(worker, 1)
    assert first.ended_at_ms is not None
    back = {json.loads(each.body)["taskId"]: it.started_at_ms for it in later for each in it.messages}
    assert sorted(back) == ["a", "b", "c"]
    assert {task for task, at_ms in back.items() if at_ms >= first.ended_at_ms + 4_900} == {"a", "b"}
