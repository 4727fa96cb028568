"""What Lambda makes of a function's answer when its mapping has ReportBatchItemFailures."""

from __future__ import annotations

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context
from taskguard.conformance.functions import Run
from taskguard.conformance.pages import lambda_guide

_PARTIAL = lambda_guide("services-sqs-errorhandling")
_TWO = ("bad", "good")

# What is answered to the first batch; `bad` and `good` are the records of these bodies.
_SUCCESSES = {
    "empty-list": ("An empty list of failures", "{'batchItemFailures': []}"),
    "null-list": ("A list of failures that is null", "{'batchItemFailures': None}"),
    "empty-answer": ("An empty answer", "{}"),
    "null-answer": ("An answer that is null", "None"),
}
_FAILURES = {
    "empty-identifier": ("An empty itemIdentifier", "{'batchItemFailures': [{'itemIdentifier': ''}]}"),
    "null-identifier": ("An itemIdentifier that is null", "{'batchItemFailures': [{'itemIdentifier': None}]}"),
    "other-key": ("A failure under another key", "{'batchItemFailures': [{'itemId': bad['messageId']}]}"),
    "unknown-identifier": (
        "An itemIdentifier of no message",
        "{'batchItemFailures': [{'itemIdentifier': 'none of these'}]}",
    ),
    "one-of-two-unknown": (
        "An itemIdentifier of no message beside one of a message",
        "{'batchItemFailures': [{'itemIdentifier': bad['messageId']}, {'itemIdentifier': 'none'}]}",
    ),
}


def _runs(context: Context, answer: str, *, partial: bool = True) -> list[Run]:
    """The runs that two messages have, of which the first batch is answered so, once the timeout is long over."""
    source = (
        "bad, good = (next((r for r in records if r['body'] == b), records[0]) for b in ('bad', 'good'))\n"
        f"if count_of(records[0]) == 1: return {answer}"
    )
    options = {"FunctionResponseTypes": ["ReportBatchItemFailures"]} if partial else {}
    queue, function = context.queue(VisibilityTimeout=15), context.function(source)
    queue.send_all(_TWO)
    context.map(queue, function, **options)
    function.wait_for_bodies(2)
    context.let_pass(22)
    function.look()
    context.wait_until(lambda: sum(queue.counts()) == 0, "messages are in the queue still")
    function.look()
    return function.runs


def _again(runs: list[Run]) -> list[str]:
    """The bodies that came a second time."""
    return sorted(
        record["body"]
        for run in runs
        for record, count in zip(run.records, run.receive_counts, strict=True)
        if count > 1
    )


@behaviour("partial-failure", "Only the messages that the answer names come again.", _PARTIAL, seconds=40)
def partial(context: Context) -> None:
    named = "[{'itemIdentifier': r['messageId']} for r in records if r['body'] == 'bad']"
    again = _again(_runs(context, f"{{'batchItemFailures': {named}}}"))
    expect(again == ["bad"], f"{again} came again, of which only `bad` was named")


@behaviour(
    "answer-ignored-without-report",
    "Without ReportBatchItemFailures the answer is ignored, and the batch deleted.",
    _PARTIAL,
    seconds=40,
)
def ignored(context: Context) -> None:
    again = _again(_runs(context, "{'batchItemFailures': [{'itemIdentifier': bad['messageId']}]}", partial=False))
    expect(not again, f"{again} came again")


@behaviour(
    "error-fails-all", "With ReportBatchItemFailures, too, an exception fails the whole batch.", _PARTIAL, seconds=40
)
def error_fails_all(context: Context) -> None:
    again = _again(_runs(context, "1 / 0"))
    expect(again == list(_TWO), f"{again} came again, not both messages")


for _name, (_what, _answer) in _SUCCESSES.items():

    @behaviour(f"answer-{_name}-succeeds", f"{_what} is a success of the whole batch.", _PARTIAL, seconds=40)
    def _success(context: Context, answer: str = _answer) -> None:
        again = _again(_runs(context, answer))
        expect(not again, f"{again} came again")


for _name, (_what, _answer) in _FAILURES.items():

    @behaviour(f"answer-{_name}-fails", f"{_what} is a failure of the whole batch.", _PARTIAL, seconds=40)
    def _failure(context: Context, answer: str = _answer) -> None:
        again = _again(_runs(context, answer))
        expect(again == list(_TWO), f"{again} came again, not both messages")


@behaviour(
    "answer-text-is-not-partial",
    "What reports failures is an object with batchItemFailures; a text that contains one is none.",
    _PARTIAL,
    seconds=40,
)
def text(context: Context) -> None:
    answer = "json.dumps({'batchItemFailures': [{'itemIdentifier': bad['messageId']}]})"
    again = _again(_runs(context, answer))
    expect(again in ([], list(_TWO)), f"the text was read as a report: {again} came again")
