"""Event source mappings of standard queues: what a function gets and when, retries, concurrency, throttling."""

from __future__ import annotations

import base64
from typing import Any

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context, in_good_time
from taskguard.conformance.functions import Function
from taskguard.conformance.pages import lambda_api, lambda_guide, sqs_guide

_SQS = lambda_guide("with-sqs")
_CONFIGURE = lambda_guide("services-sqs-configure")
_ERRORS = lambda_guide("services-sqs-errorhandling")
_SCALING = lambda_guide("services-sqs-scaling")
_BATCHING = lambda_guide("invocation-eventsourcemapping")

FAIL = "raise RuntimeError('as asked')"
FAIL_ONCE = f"if count_of(records[0]) == 1: {FAIL}"


@behaviour("record", "A record has the documented fields.", _SQS)
def record(context: Context) -> None:
    queue, function = context.queue(), context.function()
    context.map(queue, function)
    sent = queue.send("text")
    got = function.wait_for()[0].records[0]
    expected = {
        "messageId": sent["MessageId"],
        "body": "text",
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.arn.split(":")[3],
    }
    found = {name: got.get(name) for name in expected}
    expect(found == expected, f"the record has {found}")
    missing = {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} - set(
        got["attributes"]
    )
    expect(not missing and got.get("receiptHandle"), f"the record lacks {sorted(missing) or 'the receipt handle'}")


@behaviour("record-attributes", "A record has the message's attributes, binary ones in Base64.", _SQS)
def record_attributes(context: Context) -> None:
    queue, function = context.queue(), context.function()
    context.map(queue, function)
    queue.send(
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "a b"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
    )
    got = function.wait_for()[0].records[0]["messageAttributes"]
    expect(got.get("text", {}).get("stringValue") == "a b", f"the text came as {got.get('text')}")
    value = got.get("bytes", {}).get("binaryValue")
    expect(value == base64.b64encode(b"\x00\xff").decode(), f"the bytes came as {got.get('bytes')}")


@behaviour("success-deletes", "The messages of a batch that was processed are deleted.", _SQS, seconds=30)
def success_deletes(context: Context) -> None:
    queue, function = context.queue(VisibilityTimeout=10), context.function()
    context.map(queue, function)
    queue.send()
    function.wait_for()
    context.wait_until(lambda: sum(queue.counts()) == 0, "the message is in the queue still")
    context.let_pass(15)
    function.look()
    expect(len(function.runs) == 1, f"it ran {len(function.runs)} times")


@behaviour(
    "failure-returns-the-batch",
    "When the function fails, all messages of the batch come again after the timeout.",
    _ERRORS,
    seconds=30,
)
def failure_returns(context: Context) -> None:
    queue, function = context.queue(VisibilityTimeout=12), context.function(FAIL_ONCE)
    queue.send_all(["1", "2"])
    context.map(queue, function)
    runs = function.wait_for_bodies(4)
    for body in ("1", "2"):
        records = [(run.at, record) for run in runs for record in run.records if record["body"] == body]
        expect(len(records) == 2, f"message {body} came {len(records)} times")
        at, record = records[1]
        received = int(record["attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000
        in_good_time(at - received, 12, f"message {body} came again")
    counts = sorted(count for run in runs for count in run.receive_counts)
    expect(counts == [1, 1, 2, 2], f"the receive counts were {counts}")


@behaviour(
    "retries-end-in-dead-letter-queue",
    "A message whose runs all fail is moved after maxReceiveCount runs.",
    _CONFIGURE,
    seconds=60,
)
def retries_end(context: Context) -> None:
    (queue, dead), function = context.with_dead_letters(3, VisibilityTimeout=10), context.function(FAIL)
    context.map(queue, function)
    queue.send("poison")
    dead.take()
    function.wait_for(3)
    counts = [count for run in function.runs for count in run.receive_counts]
    expect(counts == [1, 2, 3], f"it was moved after runs with the receive counts {counts}")


@behaviour(
    "backoff-survives-a-failed-batch",
    "A timeout that the function changes counts, though the function then fails.",
    sqs_guide("sqs-visibility-timeout"),
    seconds=50,
)
def backoff(context: Context) -> None:
    source = f"n = count_of(records[0])\nif n < 3:\n    hide(records[0], (0, 5, 9)[n])\n    {FAIL}"
    queue, function = context.queue(VisibilityTimeout=120), context.function(source)
    context.map(queue, function)
    queue.send()
    one, two, three = function.wait_for(3)
    in_good_time(two.at - one.at, 5, "the second run came")
    in_good_time(three.at - two.at, 9, "the third run came")


@behaviour(
    "timeout-returns-the-batch",
    "A function that times out in the middle of a batch fails it as a whole.",
    _ERRORS,
    seconds=60,
)
def timeout_returns(context: Context) -> None:
    source = "if count_of(records[0]) == 1: time.sleep(30)"
    queue, function = context.queue(VisibilityTimeout=12), context.function(source, timeout=6)
    queue.send_all(["1", "2"])
    context.map(queue, function)
    runs = function.wait_for_bodies(4)
    counts = sorted(count for run in runs for count in run.receive_counts)
    expect(counts == [1, 1, 2, 2], f"the receive counts were {counts}")


@behaviour("batch-size", "A batch has as many messages as BatchSize at most.", _BATCHING)
def batch_size(context: Context) -> None:
    queue, function = context.queue(), context.function()
    queue.send_all([str(n) for n in range(7)])
    context.map(queue, function, BatchSize=3)
    sizes = [len(run.records) for run in function.wait_for_bodies(7)]
    expect(max(sizes) <= 3 and sum(sizes) == 7, f"the batches had {sizes} messages")


@behaviour("batch-of-ten", "Messages that wait are handed over in batches.", _BATCHING)
def batch_of_ten(context: Context) -> None:
    queue, function = context.queue(), context.function()
    queue.send_all([str(n) for n in range(10)])
    context.map(queue, function, BatchSize=10)
    sizes = [len(run.records) for run in function.wait_for_bodies(10)]
    expect(len(sizes) < 10, f"ten messages came in {len(sizes)} batches")


def _windowed(context: Context, window: int, **options: Any) -> tuple[Any, Function]:
    queue, function = context.queue(VisibilityTimeout=200), context.function()
    context.map(queue, function, MaximumBatchingWindowInSeconds=window, **options)
    return queue, function


@behaviour("window-gathers", "Messages that come within the batching window are gathered.", _BATCHING, seconds=30)
def window_gathers(context: Context) -> None:
    queue, function = _windowed(context, 8, BatchSize=100)
    for number in range(10):
        queue.send(str(number))
    sizes = [len(run.records) for run in function.wait_for_bodies(10)]
    expect(len(sizes) <= 5, f"ten messages within a window of 8 s came in batches of {sizes}")


@behaviour("window-ends", "A batch that is not full is handed over when its window is over.", _BATCHING, seconds=30)
def window_ends(context: Context) -> None:
    queue, function = _windowed(context, 10)
    sent = context.now()
    queue.send()
    (run,) = function.wait_for()
    in_good_time(run.at - sent, 10, "with a window of 10 s, the batch came")


@behaviour(
    "full-batch-ends-window",
    "A batch that is full is handed over though its window is not over.",
    _BATCHING,
    seconds=60,
)
def window_full(context: Context) -> None:
    queue, function = _windowed(context, 100, BatchSize=2)
    sent = context.now()
    queue.send_all(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"])
    run = function.wait_for()[0]
    expect(run.at - sent < 50, f"with a window of 100 s, a full batch came after {run.at - sent:.0f} s")


@behaviour(
    "window-above-ten", "With a batching window a batch may have more than ten messages.", _CONFIGURE, seconds=30
)
def window_above_ten(context: Context) -> None:
    queue, function = context.queue(VisibilityTimeout=200), context.function()
    for start in range(0, 40, 10):
        queue.send_all([str(start + n) for n in range(10)])
    context.map(queue, function, MaximumBatchingWindowInSeconds=10, BatchSize=40)
    sizes = [len(run.records) for run in function.wait_for_bodies(40)]
    expect(max(sizes) > 10, f"40 messages that waited came in batches of {sizes}")


_SLOW = "time.sleep(1.5)\nreport(run=context.aws_request_id, end=time.time())"


def at_once(function: Function) -> int:
    """How many of its runs were under way at once, at most."""
    ends: dict[str, float] = {report["run"]: report["end"] for report in function.reports}
    starts = {run.id: run.at for run in function.runs}
    return max(sum(starts[other] <= starts[run] < ends[other] for other in ends) for run in ends)


def run_slowly(context: Context, count: int, **options: Any) -> Function:
    """A function whose runs take a while, after as many runs."""
    queue, function = context.queue(VisibilityTimeout=200), context.function(_SLOW)
    queue.send_all([str(n) for n in range(count)])
    context.map(queue, function, BatchSize=1, **options)
    function.wait_until(lambda: len(function.reports) >= count, f"the end of run {count}")
    return function


@behaviour("batches-at-once", "Several batches of a standard queue are processed at once.", _SCALING)
def batches_at_once(context: Context) -> None:
    most = at_once(run_slowly(context, 6))
    expect(most >= 2, f"{most} was under way at once")


@behaviour("maximum-concurrency", "A mapping has as many runs at once as MaximumConcurrency at most.", _SCALING)
def maximum_concurrency(context: Context) -> None:
    most = at_once(run_slowly(context, 6, ScalingConfig={"MaximumConcurrency": 2}))
    expect(most <= 2, f"{most} were under way at once")


@behaviour(
    "throttled-is-tried-again",
    "A throttled invocation is tried again within the visibility timeout.",
    _ERRORS,
    seconds=60,
)
def throttled(context: Context) -> None:
    queue, function = context.queue(VisibilityTimeout=120), context.function()
    context.functions.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    context.map(queue, function)
    queue.send()
    context.wait_until(lambda: queue.counts()[1] == 1, "nobody received the message")
    context.let_pass(3)
    context.functions.delete_function_concurrency(FunctionName=function.name)
    lifted = context.now()
    (run,) = function.wait_for()
    after = run.at - lifted
    expect(
        after < 60 and run.receive_counts == [1], f"it ran {after:.0f} s after that, as receive {run.receive_counts}"
    )


@behaviour(
    "throttled-comes-back",
    "A message that is throttled until its visibility timeout is over comes back to the queue.",
    _ERRORS,
    seconds=60,
)
def throttled_comes_back(context: Context) -> None:
    (queue, dead), function = context.with_dead_letters(2, VisibilityTimeout=10), context.function()
    context.functions.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    context.map(queue, function)
    queue.send()
    dead.take()
    function.look()
    expect(not function.runs, "a function without concurrency ran")


@behaviour(
    "disabled",
    "A mapping that is disabled hands nothing over; enabled again, it does.",
    lambda_api("UpdateEventSourceMapping"),
)
def disabled(context: Context) -> None:
    queue, function = context.queue(), context.function()
    mapping = context.map(queue, function)
    context.functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    context.wait_until(lambda: context.state_of(mapping) == "Disabled", f"it is {context.state_of(mapping)}")
    queue.send()
    context.let_pass(5)
    function.look()
    expect(not function.runs, "a message that was sent after that was handed over")
    context.functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    function.wait_for()


@behaviour("deleted-mapping", "A mapping that is deleted hands nothing over.", lambda_api("DeleteEventSourceMapping"))
def deleted_mapping(context: Context) -> None:
    queue, function = context.queue(), context.function()
    mapping = context.map(queue, function)
    context.functions.delete_event_source_mapping(UUID=mapping)

    def is_gone() -> bool:
        try:
            return context.state_of(mapping) not in ("Deleting", "Enabled", "Disabling")
        except context.functions.exceptions.ResourceNotFoundException:
            return True

    context.wait_until(is_gone, "the mapping is there still")
    queue.send()
    context.let_pass(5)
    function.look()
    expect(not function.runs, "a message that was sent after that was handed over")


@behaviour("two-mappings", "A function can have several queues.", _CONFIGURE)
def two_mappings(context: Context) -> None:
    function, queues = context.function(), [context.queue(), context.queue()]
    for queue in queues:
        context.map(queue, function)
        queue.send(queue.name)
    runs = function.wait_for(2)
    got = sorted((record["body"], record["eventSourceARN"]) for run in runs for record in run.records)
    expect(got == sorted((queue.name, queue.arn) for queue in queues), f"it got {got}")
