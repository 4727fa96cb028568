"""Bad input: each kind is refused by name, and nothing of it is stored or sent."""

import json
from collections.abc import Callable, Sequence

import pytest
from taskguard.testing.pipeline import Pipeline

LIMIT = 262_144
JSON = "application/json"


def body_of(size: int, task_id: str) -> str:
    """A request whose queue message is ``size`` bytes long."""
    empty = len(json.dumps({"taskId": task_id, "payload": {"x": ""}}, separators=(",", ":")))
    return json.dumps({"taskId": task_id, "payload": {"x": "x" * (size - empty)}})


# Each with the status, the word that the error must contain, and the content type it is sent with.
BAD: dict[str, tuple[int, str, str | None, Callable[[str], str | bytes]]] = {
    "not JSON": (400, "JSON", JSON, lambda i: '{"payload": {}, "taskId": "' + i),
    "empty": (400, "empty", JSON, lambda _: ""),
    "not an object": (400, "object", JSON, lambda i: json.dumps([i])),
    "no payload": (400, "payload", JSON, lambda i: json.dumps({"taskId": i})),
    "payload is null": (400, "payload", JSON, lambda i: json.dumps({"taskId": i, "payload": None})),
    "payload is a list": (400, "payload", JSON, lambda i: json.dumps({"taskId": i, "payload": [1]})),
    "payload is a text": (400, "payload", JSON, lambda i: json.dumps({"taskId": i, "payload": "x"})),
    "id is a number": (400, "taskId", JSON, lambda i: json.dumps({"taskId": 7, "payload": {"i": i}})),
    "id is empty": (400, "taskId", JSON, lambda i: json.dumps({"taskId": "", "payload": {"i": i}})),
    "id is null": (400, "taskId", JSON, lambda i: json.dumps({"taskId": None, "payload": {"i": i}})),
    "id has a space": (400, "taskId", JSON, lambda i: json.dumps({"taskId": f"{i} x", "payload": {}})),
    "id has a new line": (400, "taskId", JSON, lambda i: json.dumps({"taskId": f"{i}\n", "payload": {}})),
    "id is too long": (400, "taskId", JSON, lambda i: json.dumps({"taskId": i.ljust(129, "x"), "payload": {}})),
    "unknown field": (400, "priority", JSON, lambda i: json.dumps({"taskId": i, "payload": {}, "priority": 1})),
    "duplicate key": (400, "twice", JSON, lambda i: f'{{"taskId": "{i}", "payload": {{"a": 1, "a": 2}}}}'),
    "NaN": (400, "NaN", JSON, lambda i: f'{{"taskId": "{i}", "payload": {{"a": NaN}}}}'),
    "a number too large": (400, "1e400", JSON, lambda i: f'{{"taskId": "{i}", "payload": {{"a": 1e400}}}}'),
    "too deep": (400, "deep", JSON, lambda i: f'{{"taskId": "{i}", "payload": {{"a": {"[" * 5000}{"]" * 5000}}}}}'),
    "wrong content type": (415, "content type", "text/plain", lambda i: json.dumps({"taskId": i, "payload": {}})),
    "no content type": (415, "content type", None, lambda i: json.dumps({"taskId": i, "payload": {}})),
    "too large by a byte": (413, str(LIMIT), JSON, lambda i: body_of(LIMIT + 1, i)),
}


@pytest.mark.parametrize("kind", BAD)
def test_it_is_refused_by_name_and_leaves_no_trace(pipeline: Pipeline, kind: str) -> None:
    status, named, content_type, make = BAD[kind]
    marker = pipeline.prefix
    response = pipeline.client.post(make(marker), content_type)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    error = response.json()
    assert set(error) >= {"error", "message"}
    assert named.lower() in error["message"].lower()
    assert traces_of(pipeline, marker if kind != "empty" else "") == []


def traces_of(pipeline: Pipeline, marker: str) -> Sequence[object]:
    """The AWS calls made for requests whose body holds the marker, or is empty when there is none. Where calls are not
    recorded: the records that hold it, without which nothing is sent."""
    recording = pipeline.run.recording()
    if recording is None:
        return records_with(pipeline, marker) if marker else []
    requests = {
        invocation.request_id
        for invocation in recording.invocations.values()
        if (event := json.loads(invocation.payload)).get("httpMethod") == "POST"
        and (marker in event["body"] if marker and event["body"] else not event["body"] and not marker)
    }
    assert requests, "the recorder did not see the request"
    return [call for call in recording.calls if call.request_id in requests]


def records_with(pipeline: Pipeline, marker: str) -> list[object]:
    scan = (
        pipeline.run.endpoint.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=pipeline.run.stack.table_name,
            FilterExpression="contains(taskId, :marker) OR contains(payload, :marker)",
            ExpressionAttributeValues={":marker": {"S": marker}},
            ConsistentRead=True,
        )
    )
    return [item for page in scan for item in page["Items"]]
