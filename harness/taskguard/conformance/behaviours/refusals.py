"""What Lambda refuses: event source mappings and functions that cannot work."""

from __future__ import annotations

import json
from typing import Any

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context
from taskguard.conformance.pages import lambda_api, lambda_guide
from taskguard.conformance.queues import Queue

_CREATE = lambda_api("CreateEventSourceMapping")
_PARAMETERS = lambda_guide("services-sqs-parameters")


def _refuse(context: Context, queue: Queue, what: str, *, timeout: int = 3, **options: Any) -> None:
    function = context.function(timeout=timeout)
    with context.refused(what):
        context.map(queue, function, **options)


@behaviour(
    "visibility-below-timeout-refused",
    "A mapping is refused when the function's timeout exceeds the queue's visibility timeout.",
    lambda_guide("services-sqs-configure"),
)
def visibility_below_timeout(context: Context) -> None:
    _refuse(context, context.queue(VisibilityTimeout=5), "a timeout of 20 s with a visibility timeout of 5", timeout=20)


@behaviour("window-301-refused", "A batching window is 300 seconds at most.", _CREATE)
def window_301(context: Context) -> None:
    _refuse(context, context.queue(), "a batching window of 301 s", MaximumBatchingWindowInSeconds=301)


@behaviour("fifo-window-refused", "A FIFO queue's mapping has no batching window.", _PARAMETERS)
def window_of_fifo(context: Context) -> None:
    queue = context.queue(fifo=True)
    _refuse(context, queue, "a batching window with a FIFO queue", MaximumBatchingWindowInSeconds=5)


@behaviour("batch-of-11-without-window-refused", "A batch size above 10 needs a batching window.", _CREATE)
def batch_11(context: Context) -> None:
    _refuse(context, context.queue(), "a batch size of 11 without a window", BatchSize=11)


@behaviour("batch-of-10001-refused", "A standard queue's batch size is 10,000 at most.", _PARAMETERS)
def batch_10001(context: Context) -> None:
    window = {"MaximumBatchingWindowInSeconds": 1}
    _refuse(context, context.queue(), "a batch size of 10,001", BatchSize=10_001, **window)


@behaviour("fifo-batch-of-11-refused", "A FIFO queue's batch size is 10 at most.", _PARAMETERS)
def fifo_batch_11(context: Context) -> None:
    _refuse(context, context.queue(fifo=True), "a batch size of 11 with a FIFO queue", BatchSize=11)


@behaviour("concurrency-1001-refused", "MaximumConcurrency is 2 to 1,000.", lambda_api("ScalingConfig"))
def concurrency_1001(context: Context) -> None:
    scaling = {"MaximumConcurrency": 1001}
    _refuse(context, context.queue(), "MaximumConcurrency 1,001", ScalingConfig=scaling)


@behaviour("unknown-response-type-refused", "FunctionResponseTypes knows ReportBatchItemFailures alone.", _CREATE)
def response_type(context: Context) -> None:
    _refuse(context, context.queue(), "a response type that is none", FunctionResponseTypes=["ReportNothing"])


@behaviour("no-pattern-refused", "A filter's pattern is JSON.", lambda_guide("invocation-eventfiltering"))
def no_pattern(context: Context) -> None:
    filters = {"Filters": [{"Pattern": "{body: x"}]}
    _refuse(context, context.queue(), "a pattern that is no JSON", FilterCriteria=filters)


@behaviour(
    "unlisted-pattern-value-refused",
    "What a pattern compares with is in a list.",
    lambda_guide("invocation-eventfiltering"),
)
def unlisted(context: Context) -> None:
    filters = {"Filters": [{"Pattern": json.dumps({"body": {"kind": "order"}})}]}
    _refuse(context, context.queue(), "a pattern whose value is not in a list", FilterCriteria=filters)


@behaviour("mapping-twice-refused", "A queue is mapped to a function once at most.", _CREATE)
def twice(context: Context) -> None:
    queue, function = context.queue(), context.function()
    context.map(queue, function)
    with context.refused("a second mapping of the same queue and function"):
        context.map(queue, function)


@behaviour("mapping-of-no-queue-refused", "The queue of a mapping exists.", _CREATE)
def no_queue(context: Context) -> None:
    queue = context.queue()
    context.sqs.delete_queue(QueueUrl=queue.url)
    _refuse(context, queue, "a queue that does not exist")


@behaviour("timeout-901-refused", "A function's timeout is 900 seconds at most.", lambda_api("CreateFunction"))
def timeout_901(context: Context) -> None:
    with context.refused("a timeout of 901 s"):
        context.function(timeout=901)


@behaviour("large-payload-refused", "An invocation's payload is 6 MB at most.", lambda_guide("gettingstarted-limits"))
def large_payload(context: Context) -> None:
    function = context.function()
    with context.refused("a payload of 6.5 MB"):
        context.functions.invoke(FunctionName=function.name, Payload=json.dumps({"x": "y" * 6_500_000}))


@behaviour("mapping-defaults", "A mapping has a batch size of 10 and no window unless told otherwise.", _PARAMETERS)
def defaults(context: Context) -> None:
    mapping = context.map(context.queue(), context.function())
    got = context.functions.get_event_source_mapping(UUID=mapping)
    found = got.get("BatchSize"), got.get("MaximumBatchingWindowInSeconds", 0)
    expect(found == (10, 0), f"its batch size and window are {found}")
