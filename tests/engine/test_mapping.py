"""What an event source mapping of a standard queue hands its function, when, and what becomes of it: as AWS documents it."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.engine.conftest import create_function
from tests.engine.mapped import Map, at_once, map_queue, mapped, waited_ms
from tests.places import PLACES

pytestmark = pytest.mark.documented

__all__ = ["mapped"]

QUIET = "def handler(event, context):\n    pass\n"

BODIES = (
    '{"b": 1,  "a": 2}',
    '{"a": 1, "a": 2}',
    "[1e400, 0.1000000000000000055511151231257827, 1E5, -0]",
    '"{\\"encoded\\": \\"twice\\"}"',
    '"\\u00e9\\/"',
    " 12 ",
    "null",
    '{"n": 12345678901234567890123456789.0}',
    "no JSON {",
    "[" * 5000,
)


def test_a_body_reaches_the_function_as_it_was_sent(mapped: Map) -> None:
    """A record's ``body`` is the message's, and ``md5OfBody`` its digest
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event)."""
    queue = mapped(QUIET, MaximumBatchingWindowInSeconds=1)
    queue.send(*BODIES)
    wait_for(queue.is_empty, seconds=30)
    records = [record for each in queue.invocations() for record in json.loads(each.payload)["Records"]]
    assert sorted(record["body"] for record in records) == sorted(BODIES)
    for record in records:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()


def test_a_binary_attribute_reaches_the_function_in_base64(mapped: Map) -> None:
    """So is its ``binaryValue`` (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), also where a filter looks at the message."""
    attributes: Any = {
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "text": {"DataType": "String", "StringValue": "a b"},
    }
    pattern = json.dumps({"messageAttributes": {"bytes": {"binaryValue": ["AP8="]}}})
    for mapping in ({}, {"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}):
        queue = mapped(QUIET, **mapping)
        queue.endpoint.sqs().send_message(QueueUrl=queue.url, MessageBody="m", MessageAttributes=attributes)
        [invocation] = queue.ended(1)
        [record] = json.loads(invocation.payload)["Records"]
        assert record["messageAttributes"]["bytes"] == {"dataType": "Binary", "binaryValue": "AP8="}
        assert record["messageAttributes"]["text"] == {"dataType": "String", "stringValue": "a b"}
        wait_for(queue.is_empty, seconds=10)


def test_a_filter_looks_into_a_body_that_is_handed_over_as_it_is(mapped: Map) -> None:
    """Patterns are about the fields of a ``body`` that is JSON (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html), and
    a message that matches none is removed from the queue
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html)."""
    pattern = json.dumps({"body": {"kind": ["yes"]}})
    queue = mapped(QUIET, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    queue.send('{"kind":   "yes",  "n": 1e400}', '{"kind": "no"}', "no JSON", '"kind"')
    wait_for(queue.is_empty, seconds=30)
    assert [[message.body for message in each.messages] for each in queue.invocations()] == [
        ['{"kind":   "yes",  "n": 1e400}']
    ]


@pytest.mark.parametrize(
    ("answer", "fails"),
    [("json.dumps({'batchItemFailures': []})", True), ("{'batchItemFailures': None}", False)],
)
def test_what_is_no_partial_batch_response_fails_the_batch(mapped: Map, answer: str, fails: bool) -> None:
    """AWS: "Lambda treats a batch as a complete failure if your function returns … an invalid JSON response"
    (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting). A JSON text
    that holds such a response is none."""
    queue = mapped(
        f"import json\n\ndef handler(event, context):\n    return {answer}\n",
        hidden_seconds=20,
        dead_after=2,
        MaximumBatchingWindowInSeconds=1,
    )
    queue.send("one", "other")
    wait_for(queue.is_empty, seconds=30)
    runs = [message.body for each in queue.invocations() for message in each.messages]
    assert sorted(runs) == sorted(["one", "other"] * (2 if fails else 1))


def test_a_window_gathers_what_comes_until_it_is_over(mapped: Map) -> None:
    """AWS: "before invoking the function, Lambda continues to poll messages from the queue until the batch window expires, the
    invocation payload size quota is reached, or the configured maximum batch size is reached"
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    queue = mapped(MaximumBatchingWindowInSeconds=20, hidden_seconds=60)
    queue.send(*({"name": f"m{n}"} for n in range(9)))
    [only] = queue.ended(1)
    assert len(only.messages) == 9
    assert 20_000 <= waited_ms(only) < 22_000
    assert at_once(queue.invocations()) == len(queue.invocations()) == 1


@pytest.mark.parametrize("window", [1, 30])
def test_a_window_lasts_as_long_as_it_says(mapped: Map, window: int) -> None:
    """AWS: "From 0 seconds to 300 seconds"
    (https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html)."""
    queue = mapped(MaximumBatchingWindowInSeconds=window, hidden_seconds=window + 60)
    queue.send({"name": "one"})
    [only] = queue.ended(1, seconds=window + 30)
    assert window * 1000 <= waited_ms(only) < (window + 2) * 1000


def test_without_a_window_nothing_waits(mapped: Map) -> None:
    """AWS: "The default batching window is 0 seconds. This means that Lambda sends batches to your function as quickly as possible"
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html)."""
    queue = mapped()
    queue.function.invoke(Records=[])
    queue.send({"name": "one"})
    [_, second] = queue.ended(2)
    assert waited_ms(second) < 1000


def test_a_full_batch_does_not_wait_for_its_window(mapped: Map) -> None:
    """AWS: "… or the configured maximum batch size is reached" (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    queue = mapped(BatchSize=12, MaximumBatchingWindowInSeconds=60, hidden_seconds=120)
    queue.send(*({"name": f"m{n}"} for n in range(15)))
    first, second = queue.ended(2)
    assert [len(first.messages), len(second.messages)] == [12, 3]
    assert waited_ms(first) < 20_000
    assert waited_ms(second) >= 60_000


@pytest.mark.in_process
def test_a_batch_as_large_as_a_payload_may_be_does_not_wait_for_its_window(endpoint: Endpoint, tmp_path: Path) -> None:
    """AWS: "… the invocation payload size quota is reached" (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html), which is 6 MB
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    # What it records is long, so others do not have to read it.
    with LocalStack(tmp_path, cache=PLACES.cache, clock_scale=endpoint.clock.scale) as engine, ExitStack() as stack:
        own = engine.start()
        queue = map_queue(
            stack,
            own,
            create_function(own, QUIET),
            BatchSize=100,
            MaximumBatchingWindowInSeconds=60,
            hidden_seconds=120,
        )
        queue.send(*(f"{n}" + "x" * 1_000_000 for n in range(7)))
        first, second = queue.ended(2, seconds=90)
    assert [len(first.messages), len(second.messages)] == [6, 1]
    assert waited_ms(first) < 20_000
    assert waited_ms(second) >= 60_000
    assert len(first.payload.encode()) <= 6 * 1024 * 1024


def test_a_throttled_batch_is_tried_again_while_it_is_hidden(mapped: Map, endpoint: Endpoint) -> None:
    """AWS: "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout"
    (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy)."""
    queue = mapped(reserved=0, hidden_seconds=600, BatchSize=1)
    queue.send({"name": "one"})
    wait_for(lambda: queue.holds("NotVisible"), seconds=20)
    received = endpoint.clock.now_ms()
    wait_for(lambda: endpoint.clock.now_ms() - received > 3000, seconds=20)
    endpoint.functions().delete_function_concurrency(FunctionName=queue.function.name)
    lifted = endpoint.clock.now_ms()
    [only] = queue.ended(1)
    assert only.messages[0].receive_count == 1
    assert only.started_at_ms - lifted < 2000


def test_what_is_throttled_for_too_long_is_visible_again(mapped: Map) -> None:
    """AWS: "… at which point Lambda drops the message" (the same page): the queue's redrive policy has the last word."""
    queue = mapped(reserved=0, dead_after=2)
    began = time.monotonic()
    queue.send(*({"name": f"m{n}"} for n in range(3)))
    wait_for(queue.is_empty, seconds=90)
    assert queue.invocations() == []
    if queue.endpoint.clock.scale > 1:
        # Nothing is at work meanwhile.
        assert time.monotonic() - began < 45


def test_no_message_dies_without_a_run_while_a_function_has_room_for_one(mapped: Map) -> None:
    """AWS: "… by reducing the amount of concurrency allocated to your Amazon SQS event source mapping" (the same page)."""
    queue = mapped(reserved=1, dead_after=1, BatchSize=1)
    queue.send(*({"name": f"m{n}", "work": 0.4} for n in range(12)))
    wait_for(queue.is_empty, seconds=60)
    assert sorted(name for [name] in queue.names()) == sorted(f"m{n}" for n in range(12))
    assert at_once(queue.invocations()) == 1


def test_no_more_batches_are_under_way_than_the_maximum_concurrency(mapped: Map) -> None:
    """AWS: "The maximum concurrency setting limits the number of concurrent instances of the function that an Amazon SQS event source can
    invoke" (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html)."""
    queue = mapped(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    queue.send(*({"name": f"m{n}", "work": 0.5} for n in range(6)))
    assert at_once(queue.ended(6)) == 2
    functions = queue.endpoint.functions()
    functions.update_event_source_mapping(UUID=queue.uuid, ScalingConfig={"MaximumConcurrency": 3})
    wait_for(lambda: queue.state() == "Enabled", seconds=20)
    queue.send(*({"name": f"m{n}", "work": 0.5} for n in range(6)))
    assert at_once(queue.ended(12)[6:]) == 3


def test_a_disabled_mapping_runs_nothing_that_is_sent_since(mapped: Map) -> None:
    """AWS: "Enabled: when true, the event source mapping is active. When false, Lambda pauses polling and invocation"
    (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html)."""
    queue = mapped()
    for n in range(3):
        queue.endpoint.functions().update_event_source_mapping(UUID=queue.uuid, Enabled=False)
        wait_for(lambda: queue.state() == "Disabled", seconds=20, every=0.001)
        queue.send({"name": f"m{n}"})
        with pytest.raises(AssertionError):
            queue.ended(n + 1, seconds=1)
        queue.endpoint.functions().update_event_source_mapping(UUID=queue.uuid, Enabled=True)
        queue.ended(n + 1)
    assert queue.names() == [["m0"], ["m1"], ["m2"]]
