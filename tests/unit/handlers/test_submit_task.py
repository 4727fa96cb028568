"""POST /task and GET /task/{taskId}, from a client's side."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.unit.handlers.support import Functions, task

BIG = 262_144 - len('{"taskId":"t","payload":{"x":""}}')


def test_accepted_task_is_stored_and_sent(functions: Functions) -> None:
    assert functions.submit({"taskId": "t", "payload": {"b": 1, "a": "é"}}) == (202, {"taskId": "t"})
    assert functions.item("t") == {
        "taskId": {"S": "t"},
        "payload": {"S": '{"b":1,"a":"\\u00e9"}'},
        "status": {"S": "PENDING"},
        "createdAt": {"S": "2026-11-23T20:00:01.000Z"},
        "updatedAt": {"S": "2026-11-23T20:00:01.000Z"},
        "attempts": {"L": []},
        "lastAttempt": {"N": "0"},
    }
    assert [message.body() for message in functions.queue.sent] == ['{"taskId":"t","payload":{"b":1,"a":"\\u00e9"}}']


def test_task_without_an_id_gets_a_uuid(functions: Functions) -> None:
    status, answer = functions.submit({"payload": {}})
    assert status == 202
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", answer["taskId"])
    assert functions.queue.sent[0].task_id == answer["taskId"]


BAD_BODIES = {
    "not JSON": ('{"payload": {}', 400, "invalid_json"),
    "text after the JSON": ('{"payload": {}} x', 400, "invalid_json"),
    "empty": ("", 400, "empty_body"),
    "no body at all": (None, 400, "empty_body"),
    "only spaces": (" \n", 400, "empty_body"),
    "a list": ("[]", 400, "not_an_object"),
    "a string": ('"payload"', 400, "not_an_object"),
    "null": ("null", 400, "not_an_object"),
    "no payload": ('{"taskId": "t"}', 400, "missing_payload"),
    "payload is a list": ('{"payload": []}', 400, "invalid_payload"),
    "payload is null": ('{"payload": null}', 400, "invalid_payload"),
    "task id is a number": ('{"payload": {}, "taskId": 1}', 400, "invalid_task_id"),
    "task id is null": ('{"payload": {}, "taskId": null}', 400, "invalid_task_id"),
    "task id is empty": ('{"payload": {}, "taskId": ""}', 400, "invalid_task_id"),
    "task id is too long": (json.dumps({"payload": {}, "taskId": "a" * 129}), 400, "invalid_task_id"),
    "task id is the folder itself": ('{"payload": {}, "taskId": "."}', 400, "invalid_task_id"),
    "task id is the folder above": ('{"payload": {}, "taskId": ".."}', 400, "invalid_task_id"),
    "task id has a slash": ('{"payload": {}, "taskId": "a/b"}', 400, "invalid_task_id"),
    "task id ends in a newline": ('{"payload": {}, "taskId": "a\\n"}', 400, "invalid_task_id"),
    "task id has a letter that is not ASCII": ('{"payload": {}, "taskId": "é"}', 400, "invalid_task_id"),
    "unknown field": ('{"payload": {}, "priority": 1}', 400, "unknown_fields"),
    "unknown field that is no text": ('{"payload": {}, "\\ud800": 1}', 400, "unknown_fields"),
    "NaN": ('{"payload": {"x": NaN}}', 400, "number_not_exact"),
    "Infinity": ('{"payload": {"x": -Infinity}}', 400, "number_not_exact"),
    "number too large for a double": ('{"payload": {"x": 1e400}}', 400, "number_not_exact"),
    "number too small for a double": ('{"payload": {"x": 1e-400}}', 400, "number_not_exact"),
    "exponent beyond all bounds": ('{"payload": {"x": 0e99999999999999999999}}', 400, "number_not_exact"),
    "more digits than a double keeps": ('{"payload": {"x": 0.12345678901234567890}}', 400, "number_not_exact"),
    "integer of too many digits": ('{"payload": {"x": ' + "9" * 5000 + "}}", 400, "number_not_exact"),
    "negative zero as an integer": ('{"payload": {"x": -0}}', 400, "number_not_exact"),
    "duplicate key": ('{"payload": {"x": 1, "x": 1}}', 400, "duplicate_key"),
    "duplicate key at the top": ('{"payload": {}, "payload": {}}', 400, "duplicate_key"),
    "nested too deep": ('{"payload": {"x": ' + "[" * 99 + "]" * 99 + "}}", 400, "too_deep"),
    "nested without end": ('{"payload": ' + "[" * 200_000, 400, "too_deep"),
    "half of a surrogate pair, unescaped": ('{"payload": {"x": "\ud800"}}', 400, "invalid_utf8"),
    "one byte too many for the queue": (
        json.dumps({"taskId": "t", "payload": {"x": "a" * (BIG + 1)}}),
        413,
        "body_too_large",
    ),
    "far too large": (" " * 1_048_577, 413, "body_too_large"),
}


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_body_is_refused_and_nothing_is_stored_or_sent(
    functions: Functions, body: str | None, status: int, code: str
) -> None:
    answered, answer = functions.submit(body)
    assert (answered, answer["error"]) == (status, code)
    assert len(answer["message"]) > 20
    assert functions.dynamodb.calls == []
    assert functions.queue.sent == []


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
    ],
)
def test_other_content_types_are_refused(functions: Functions, content_type: str | None) -> None:
    status, answer = functions.submit({"payload": {}}, content_type=content_type)
    assert (status, answer["error"]) == (415, "unsupported_content_type")
    assert functions.dynamodb.calls == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;",
    ],
)
def test_json_content_types_are_accepted(functions: Functions, content_type: str) -> None:
    assert functions.submit({"payload": {}}, content_type=content_type)[0] == 202


def test_messages_name_what_is_wrong(functions: Functions) -> None:
    assert "'priority'" in functions.submit({"payload": {}, "priority": 1})[1]["message"]
    assert "'x'" in functions.submit('{"payload": {"x": 1, "x": 2}}')[1]["message"]
    assert "1e400" in functions.submit('{"payload": {"x": 1e400}}')[1]["message"]
    assert "100 levels" in functions.submit('{"payload": {"x": ' + "[" * 99 + "]" * 99 + "}}")[1]["message"]
    too_large = functions.submit({"taskId": "t", "payload": {"x": "a" * (BIG + 1)}})[1]["message"]
    assert "262145 bytes" in too_large
    assert "262144" in too_large


def test_largest_task_is_accepted_to_the_byte(functions: Functions) -> None:
    assert functions.submit({"taskId": "t", "payload": {"x": "a" * BIG}})[0] == 202
    assert len(functions.queue.sent[0].body()) == 262_144


def test_deepest_nesting_is_accepted(functions: Functions) -> None:
    body = '{"taskId": "t", "payload": {"x": ' + "[" * 98 + "]" * 98 + "}}"
    assert functions.submit(body)[0] == 202
    assert functions.get("t")[1]["payload"] == json.loads(body)["payload"]


def test_base64_body_is_decoded(functions: Functions) -> None:
    body = base64.b64encode('{"taskId": "t", "payload": {"x": "é"}}'.encode()).decode()
    assert functions.submit(body, is_base64=True)[0] == 202
    assert functions.get("t")[1]["payload"] == {"x": "é"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (base64.b64encode(b'{"payload": {"x": "\xff"}}').decode(), "invalid_utf8"),
        ("no base64!", "invalid_base64"),
        ("é", "invalid_base64"),
        ("", "empty_body"),
    ],
)
def test_bad_base64_body_is_refused(functions: Functions, body: str, code: str) -> None:
    status, answer = functions.submit(body, is_base64=True)
    assert (status, answer["error"]) == (400, code)


def test_same_request_again_is_sent_again_while_pending(functions: Functions) -> None:
    request = {"taskId": "t", "payload": {"a": 1, "b": 2}}
    reordered = {"payload": {"b": 2, "a": 1}, "taskId": "t"}
    assert functions.submit(request) == functions.submit(reordered) == (202, {"taskId": "t"})
    assert len(functions.queue.sent) == 2


@pytest.mark.parametrize("failing", [True, False], ids=["RETRYING", "COMPLETED"])
def test_same_request_again_sends_nothing_once_the_task_is_under_way(functions: Functions, failing: bool) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    functions.work.failing = failing
    functions.process(task())
    assert functions.submit({"taskId": "t", "payload": {}}) == (202, {"taskId": "t"})
    assert len(functions.queue.sent) == 1


@pytest.mark.parametrize(
    ("first", "second"), [("1", "1.0"), ("1", "true"), ("0.0", "-0.0"), ('"1"', "1"), ("null", "false")]
)
def test_same_id_with_another_payload_is_a_conflict(functions: Functions, first: str, second: str) -> None:
    assert functions.submit(f'{{"taskId": "t", "payload": {{"x": {first}}}}}')[0] == 202
    before = functions.item("t")
    status, answer = functions.submit(f'{{"taskId": "t", "payload": {{"x": {second}}}}}')
    assert (status, answer["error"], answer["taskId"]) == (409, "task_id_conflict", "t")
    assert functions.item("t") == before
    assert len(functions.queue.sent) == 1


def test_failed_send_is_repaired_by_the_same_request(functions: Functions) -> None:
    functions.queue.failing = True
    status, answer = functions.submit({"payload": {"x": 1}})
    assert (status, answer["error"]) == (503, "queue_unavailable")
    assert f"same request again, with the taskId {answer['taskId']}" in answer["message"]
    assert functions.item(answer["taskId"]) is None

    functions.queue.failing = False
    assert functions.submit({"taskId": answer["taskId"], "payload": {"x": 1}}) == (202, {"taskId": answer["taskId"]})
    assert [message.task_id for message in functions.queue.sent] == [answer["taskId"]]


def test_table_that_cannot_be_read_answers_503_and_nothing_is_sent(functions: Functions) -> None:
    functions.dynamodb.failing.add("get_item")
    status, answer = functions.submit({"taskId": "t", "payload": {}})
    assert (status, answer["error"], answer["taskId"]) == (503, "store_unavailable", "t")
    assert "Nothing was sent" in answer["message"]
    assert "same request again" in answer["message"]
    assert functions.queue.sent == []


def test_task_that_was_sent_and_not_stored_answers_503_and_is_stored_by_the_same_request(functions: Functions) -> None:
    functions.dynamodb.failing.add("put_item")
    status, answer = functions.submit({"payload": {"x": 1}})
    assert (status, answer["error"]) == (503, "store_unavailable")
    assert "on the queue and may be done" in answer["message"]
    assert "same request again" in answer["message"]
    task_id = answer["taskId"]
    assert [message.task_id for message in functions.queue.sent] == [task_id]

    functions.dynamodb.failing.clear()
    assert functions.submit({"taskId": task_id, "payload": {"x": 1}}) == (202, {"taskId": task_id})
    assert functions.get(task_id)[1]["status"] == "PENDING"


def test_id_that_the_client_names_is_looked_up_consistently_and_one_of_our_own_is_not(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    assert functions.dynamodb.calls == ["get_item", "put_item"]
    assert functions.dynamodb.arguments[0]["ConsistentRead"] is True
    functions.dynamodb.calls.clear()
    functions.submit({"payload": {}})
    assert functions.dynamodb.calls == ["put_item"]


def test_pending_task_is_sent_again_with_the_payload_as_it_is_stored(functions: Functions) -> None:
    functions.submit('{"taskId": "t", "payload": {"a": 1, "b": 2}}')
    functions.submit('{"taskId": "t", "payload": {"b": 2, "a": 1}}')
    assert len({message.body() for message in functions.queue.sent}) == 1


def test_put_whose_answer_was_lost_is_accepted(functions: Functions) -> None:
    functions.dynamodb.repeated.add("put_item")
    assert functions.submit({"taskId": "t", "payload": {}}) == (202, {"taskId": "t"})
    assert len(functions.queue.sent) == 1


def test_record_of_a_new_task(functions: Functions) -> None:
    functions.submit(
        '{"taskId": "a.B_1:2-3", "payload": {"n": 1.0, "s": "\\ud800", "big": 123456789012345678901234567890}}'
    )
    assert functions.get("a.B_1:2-3") == (
        200,
        {
            "taskId": "a.B_1:2-3",
            "status": "PENDING",
            "payload": {"n": 1.0, "s": "\ud800", "big": 123456789012345678901234567890},
            "createdAt": "2026-11-23T20:00:01.000Z",
            "updatedAt": "2026-11-23T20:00:01.000Z",
            "attempts": [],
        },
    )


def test_record_under_its_url_encoded_id(functions: Functions) -> None:
    functions.submit({"taskId": "a:b", "payload": {}})
    assert functions.get("a%3Ab")[1]["taskId"] == "a:b"


def test_record_of_a_task_that_failed_once(functions: Functions) -> None:
    functions.submit({"taskId": "t", "payload": {}})
    functions.work.failing = True
    functions.process(task())
    record = functions.get("t")[1]
    assert record["status"] == "RETRYING"
    assert record["lastError"] == "ValueError: attempt 1 went wrong"
    assert "failedAt" not in record
    assert record["attempts"] == [
        {
            "number": 1,
            "startedAt": "2026-11-23T20:00:02.000Z",
            "outcome": "FAILED",
            "finishedAt": "2026-11-23T20:00:03.000Z",
            "error": "ValueError: attempt 1 went wrong",
            "backoffSeconds": 5,
        }
    ]


def test_record_is_read_consistently(functions: Functions) -> None:
    functions.get("t")
    assert functions.dynamodb.arguments[-1]["ConsistentRead"] is True


def test_unknown_task_is_not_found(functions: Functions) -> None:
    status, answer = functions.get("nobody")
    assert (status, answer["error"]) == (404, "task_not_found")


@pytest.mark.parametrize("task_id", ["a b", "a/b", "é", "a" * 129, "", ".", "..", "%00", "%ff", "a%0A"])
def test_malformed_id_is_refused(functions: Functions, task_id: str) -> None:
    status, answer = functions.get(task_id)
    assert (status, answer["error"]) == (400, "invalid_task_id")
    assert functions.dynamodb.calls == []


def test_failing_store_answers_503_to_a_read(functions: Functions) -> None:
    functions.dynamodb.failing.add("get_item")
    status, answer = functions.get("t")
    assert (status, answer["error"]) == (503, "store_unavailable")
