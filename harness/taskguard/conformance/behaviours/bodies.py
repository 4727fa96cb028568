"""Bodies: what the function gets is what was sent, byte for byte."""

from __future__ import annotations

import hashlib
import json

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.context import Context
from taskguard.conformance.pages import lambda_guide, sqs_api

_BODIES = {
    "text": 'plain text,\nwith a \t and a "quote"',
    "umlauts": "Grüße 😀 {ä}",
    "spaces": '{"a" :  1,\n "b":[1,2 ]}',
    "escapes": '{"a": "\\u00e4\\/", "b": "\\u0041"}',
    "encoded-twice": json.dumps(json.dumps({"id": 1})),
    "encoded-text": '"text"',
    "large-number": '{"n": 1e400}',
    "long-fraction": '{"n": 0.1000000000000000055511151231257827}',
    "trailing-zero": '{"price": 1.10, "count": 1E2}',
    "long-integer": '{"n": 123456789012345678901234567890}',
    "equal-keys": '{"a": 1, "a": 2}',
    "key-order": '{"b": 1, "a": 2}',
    "number": "1.0",
    "null": " null ",
}


def _expect_unchanged(context: Context, body: str, **options: object) -> None:
    queue, function = context.queue(), context.function()
    context.map(queue, function, **options)
    queue.send(body)
    record = function.wait_for()[0].records[0]
    expect(record["body"] == body, f"{body!r} came as {record['body']!r}")
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    expect(record["md5OfBody"] == digest, f"md5OfBody is {record['md5OfBody']}, not {digest}")


for _name, _body in _BODIES.items():

    @behaviour(f"body-{_name}", "The body in a record is the body that was sent.", lambda_guide("with-sqs"))
    def _unchanged(context: Context, body: str = _body) -> None:
        _expect_unchanged(context, body)


@behaviour(
    "body-past-a-filter", "A filter decides on a message, and does not change it.", lambda_guide("with-sqs-filtering")
)
def past_filter(context: Context) -> None:
    filters = {"Filters": [{"Pattern": json.dumps({"body": {"a": [{"exists": True}]}})}]}
    _expect_unchanged(context, '{"a" :  1.10,  "b" : "\\u00e4"}', FilterCriteria=filters)


@behaviour("body-characters", "A body may have any of the documented characters.", sqs_api("SendMessage"))
def characters(context: Context) -> None:
    queue, body = context.queue(), "a\t\n\r\ue000\ufffd\U0010ffff<>&"
    queue.send(body)
    (message,) = queue.take()
    expect(message["Body"] == body, f"{body!r} came as {message['Body']!r}")
