"""Filter patterns of event source mappings: which messages the function gets, and that the others are gone."""

from __future__ import annotations

import json
from typing import Any

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context
from taskguard.conformance.pages import lambda_guide

_RULES = lambda_guide("invocation-eventfiltering")
_SQS = lambda_guide("with-sqs-filtering")
_ARRAYS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html"

_ONE: Any = {"kind": "order", "price": 7, "tags": ["a", "b"], "in": {"city": "Köln"}, "none": None, "empty": ""}
_OTHER: Any = {"kind": "Refund", "price": 70, "tags": ["c"], "in": {"city": "Bonn"}, "some": 1, "none": 0, "empty": "x"}

# Each pattern is for the first of these two bodies and not for the other.
_PATTERNS: dict[str, tuple[str, Any]] = {
    "equals": ("Equals", {"kind": ["order"]}),
    "one-of": ("Or: one of several values", {"kind": ["order", "offer"]}),
    "ignore-case": ("Equals, ignoring case", {"kind": [{"equals-ignore-case": "ORDER"}]}),
    "not": ("Not", {"kind": [{"anything-but": ["Refund"]}]}),
    "prefix": ("Begins with", {"kind": [{"prefix": "or"}]}),
    "suffix": ("Ends with", {"kind": [{"suffix": "der"}]}),
    "number": ("Numeric equals", {"price": [{"numeric": ["=", 7]}]}),
    "range": ("Numeric range", {"price": [{"numeric": [">", 5, "<=", 10]}]}),
    "exists": ("Exists", {"price": [{"exists": True}], "kind": ["order"]}),
    "not-exists": ("Does not exist", {"some": [{"exists": False}]}),
    "null": ("Null", {"none": [None]}),
    "empty": ("Empty", {"empty": [""]}),
    "nested": ("A nested key", {"in": {"city": ["Köln"]}}),
    "and": ("And: several keys", {"kind": ["order", "Refund"], "price": [7]}),
    "any-key": ("Or: several keys", {"$or": [{"kind": ["nothing"]}, {"price": [7]}]}),
}


def _handed_over(context: Context, patterns: list[Any], sent: list[str]) -> list[str]:
    """What the function gets of what is sent, when nothing is left in the queue."""
    queue, function = context.queue(VisibilityTimeout=60), context.function()
    filters = {"Filters": [{"Pattern": json.dumps({"body": pattern})} for pattern in patterns]}
    context.map(queue, function, FilterCriteria=filters)
    queue.send_all(sent)
    context.wait_until(lambda: sum(queue.counts()) == 0, f"{queue.counts()} messages were left in the queue")
    function.look()
    return sorted(body for run in function.runs for body in run.bodies)


def _expect_one(context: Context, patterns: list[Any], one: str, other: str) -> None:
    got = _handed_over(context, patterns, [other, one])
    names = {one: "the one that matches", other: "the other"}
    expect(got == [one], f"the function got {[names.get(body, body) for body in got] or 'nothing'}")


for _name, (_what, _pattern) in _PATTERNS.items():

    @behaviour(f"filter-{_name}", f"{_what} is a rule of filter patterns; what does not match is deleted.", _RULES)
    def _filter(context: Context, pattern: Any = _pattern) -> None:
        _expect_one(context, [pattern], json.dumps(_ONE), json.dumps(_OTHER))


@behaviour("filter-array", "A pattern matches a list when it matches one of its elements.", _ARRAYS)
def array(context: Context) -> None:
    _expect_one(context, [{"tags": ["b"]}], json.dumps(_ONE), json.dumps(_OTHER))


@behaviour("filter-several", "Of several filters one must match.", _RULES)
def several(context: Context) -> None:
    _expect_one(context, [{"price": [8]}, {"price": [7]}], json.dumps(_ONE), json.dumps(_OTHER))


@behaviour("filter-text", "A pattern of a plain text is compared with the body as a whole.", _SQS)
def plain_text(context: Context) -> None:
    _expect_one(context, [["yes"]], "yes", "no")


@behaviour("filter-drops-text", "A body that is no JSON is dropped when the pattern is for JSON.", _SQS)
def drops_text(context: Context) -> None:
    _expect_one(context, [{"kind": ["order"]}], json.dumps(_ONE), "no JSON")


@behaviour("filter-drops-json", "A JSON body is dropped when the pattern is for plain text.", _SQS)
def drops_json(context: Context) -> None:
    _expect_one(context, [["yes"]], "yes", json.dumps(_ONE))
