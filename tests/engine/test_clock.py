"""An engine whose clock runs faster than the machine's: all that belongs to a pipeline agrees on the time."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from taskguard.evidence.recorder.recording import RecordingFile
from taskguard.support import scaled_clock
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import create_function
from tests.engine.queues import Queues
from tests.places import PLACES

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

SCALE = 600.0
HIDDEN_SECONDS = 600

TELL = """
    |import datetime, time
    |
    |def handler(event, context):
    |    left = context.get_remaining_time_in_millis()
    |    time.sleep(event["seconds"])
    |    return {
    |        "time": time.time(),
    |        "datetime": datetime.datetime.now(datetime.timezone.utc).timestamp(),
    |        "left": left,
    |        "less": left - context.get_remaining_time_in_millis(),
    |    }
"""


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with LocalStack(tmp_path_factory.mktemp("engine"), cache=PLACES.cache, clock_scale=SCALE) as engine:
        yield engine.start()


@pytest.fixture
def queue(fast: Endpoint) -> Iterator[str]:
    """A queue's address. What it hides is gone with it."""
    attributes: Any = {"VisibilityTimeout": str(HIDDEN_SECONDS)}
    url = fast.sqs().create_queue(QueueName=f"queue-{uuid4().hex[:8]}", Attributes=attributes)["QueueUrl"]
    yield url
    fast.sqs().delete_queue(QueueUrl=url)


def receive(endpoint: Endpoint, url: str) -> dict[str, Any]:
    """A message; an empty one when there is none."""
    answer = endpoint.sqs().receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])
    return dict(answer.get("Messages", [{}])[0])


def test_a_hidden_message_comes_back_on_time_by_its_own_clock_and_early_by_the_machines(
    fast: Endpoint, queue: str
) -> None:
    fast.sqs().send_message(QueueUrl=queue, MessageBody="m")
    first = wait_for(lambda: receive(fast, queue), seconds=10)
    began_real, began = time.monotonic(), fast.clock.now_ms() / 1000
    again = wait_for(lambda: receive(fast, queue), seconds=60)
    assert again["MessageId"] == first["MessageId"]
    # A call more than asks for it has passed since it was hidden.
    assert fast.clock.now_ms() / 1000 - began >= HIDDEN_SECONDS - 5
    assert time.monotonic() - began_real < HIDDEN_SECONDS / 10


def test_a_function_lives_by_the_engines_clock_and_works_by_the_machines(fast: Endpoint) -> None:
    function = create_function(fast, TELL, timeout=10)
    function.invoke(seconds=0)
    before = fast.clock.now_ms() / 1000
    told = function.invoke(seconds=1).payload
    after = fast.clock.now_ms() / 1000
    assert before - 0.01 <= told["time"] <= after + 0.01
    assert told["datetime"] == pytest.approx(told["time"], abs=0.5)
    # Its work takes as long as it does, and its time is limited by as much.
    assert 5_000 < told["left"] <= 10_000
    assert 1_000 <= told["less"] < 5_000


def test_the_recorder_and_the_logs_tell_its_time(fast: Endpoint) -> None:
    function = create_function(fast, "def handler(event, context):\n    print('here')\n")
    before = fast.clock.now_ms()
    request_id = function.invoke().request_id
    function.log(until="here")
    after = fast.clock.now_ms()
    assert fast.recording is not None
    invocation = RecordingFile(fast.recording).read().invocations[request_id]
    assert before - 10 <= invocation.started_at_ms <= (invocation.ended_at_ms or 0) <= after
    events = fast.logs().filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
    assert all(before - 10 <= event["timestamp"] <= after for event in events)


def test_whoever_sets_the_machines_clock_sets_no_times_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the machine's clock had been set back by an hour just after the engine's was made, in real time: the engine, its queues and
    logs, functions and the harness agree."""
    created, time_of_day = scaled_clock.create, time.time

    def an_hour_ahead(path: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: time_of_day() + 3600)
            created(path)

    monkeypatch.setattr(scaled_clock, "create", an_hour_ahead)
    with LocalStack(tmp_path, cache=PLACES.cache) as engine, ExitStack() as stack:
        endpoint = engine.start()
        queue = Queues(endpoint, stack).create(VisibilityTimeout="1")
        function = create_function(endpoint, TELL)
        before_ms = endpoint.clock.now_ms()
        assert before_ms / 1000 > time.time() + 3000

        queue.send("m")
        [message] = queue.receive_all(1)
        outcome = function.invoke(seconds=0)
        function.log(until="REPORT")
        queue.waits_until_visible()

        assert endpoint.recording is not None
        invocation = RecordingFile(endpoint.recording).read().invocations[outcome.request_id]
        [*events] = endpoint.logs().filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
        told = {
            "the queue": int(message["Attributes"]["SentTimestamp"]),
            "the function": outcome.payload["time"] * 1000,
            "the recorder": invocation.started_at_ms,
            "the log": events[-1]["timestamp"],
        }
        after_ms = endpoint.clock.now_ms()
        assert {who: before_ms - 10 <= at_ms <= after_ms for who, at_ms in told.items()} == dict.fromkeys(told, True)
        assert outcome.payload["left"] > 5_000


def test_a_queue_tells_of_its_messages_by_its_clock(fast: Endpoint, queue: str) -> None:
    before = fast.clock.now_ms()
    fast.sqs().send_message(QueueUrl=queue, MessageBody=json.dumps({"n": 1}))
    message = wait_for(lambda: receive(fast, queue), seconds=10)
    sent, received = (
        int(message["Attributes"][name]) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")
    )
    assert before - 2 <= sent <= received <= fast.clock.now_ms() + 2


def test_the_clock_does_not_run_away_while_nothing_waits(fast: Endpoint, queue: str) -> None:
    def ahead() -> float:
        return fast.clock.now_ms() / 1000 - time.time()

    before = ahead()
    # What changes something, and what does not; neither leaves a message behind.
    fast.sqs().tag_queue(QueueUrl=queue, Tags={"a": "b"})
    for _ in range(10):
        assert receive(fast, queue) == {}
    assert ahead() - before < 1
