"""Which fields of a message are the task's id and payload."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import IngressWords, MessageWords
from taskguard.support.json_values import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True)
@given(task_id=st.text(min_size=1), payload=JSON)
def test_a_task_is_read_back_as_it_was_sent(task_id: str, payload: object) -> None:
    body = json.dumps({"payload": payload, "taskId": task_id, "createdAt": "now"})
    assert MessageWords().read(body) == (task_id, payload)


@settings(deadline=None, derandomize=True)
@given(body=st.text() | JSON.map(json.dumps))
def test_any_body_at_all_is_read_without_an_error(body: str) -> None:
    task_id, payload = MessageWords(id="no pipeline names it so").read(body)
    assert (task_id, payload) == (None, body)


@pytest.mark.parametrize(
    "body",
    ["", "text", "null", "[]", '["taskId"]', '"taskId"', "7", "{}", '{"taskId": 7}', '{"taskId": null}', "[" * 100_000],
)
def test_a_body_that_is_no_task_is_its_own_payload(body: str) -> None:
    assert MessageWords().read(body) == (None, body)


def test_a_task_without_a_payload_has_none() -> None:
    assert MessageWords().read('{"taskId": "t"}') == ("t", None)


def test_other_pipelines_names_are_given() -> None:
    names = MessageWords(id="jobId", payload="job")
    assert names.read('{"jobId": "j", "job": [1], "taskId": "t"}') == ("j", [1])


@pytest.mark.parametrize("name", ["taskId", "task_id", "id", "jobId"])
def test_without_a_name_the_usual_ones_are_looked_for(name: str) -> None:
    assert MessageWords().read(json.dumps({name: "t", "payload": 1})) == ("t", 1)
    assert MessageWords(id="other").read(json.dumps({name: "t"}))[0] is None


EVENT = {"version": "0", "id": "e-1", "detail-type": "task", "source": "shop", "detail": {"taskId": "t", "payload": 1}}
NOTICE = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": "arn",
    "Message": json.dumps({"id": "t", "payload": 1}),
}


@pytest.mark.parametrize(
    "body", [EVENT, NOTICE, NOTICE | {"Message": json.dumps(EVENT)}], ids=["EventBridge", "SNS", "one in the other"]
)
def test_a_task_is_found_in_an_envelope_whose_own_id_is_not_the_tasks(body: dict[str, Json]) -> None:
    assert MessageWords().read(json.dumps(body)) == ("t", 1)


def test_an_envelope_of_what_is_no_task_is_none() -> None:
    assert MessageWords().read(json.dumps(EVENT | {"detail": {}}))[0] is None
    assert MessageWords().read(json.dumps(NOTICE | {"Message": "a text"}))[0] is None


def test_a_stated_field_may_be_a_path_or_of_the_envelope() -> None:
    body = json.dumps(EVENT | {"detail": {"order": {"no": "o-1", "lines": []}}})
    assert MessageWords(id="order.no", payload="order.lines").read(body) == ("o-1", [])
    assert MessageWords(id="detail.order.no").read(body) == ("o-1", None)
    assert MessageWords(id="id").read(body)[0] == "e-1"
    assert MessageWords(id="order.none").read(body)[0] is None


def test_a_request_holds_what_its_template_has() -> None:
    task_id = 'a"b'
    payload: Json = {"name": 'Zoë "東京"', "ratio": 1.0}
    plain = IngressWords()
    assert json.loads(plain.filled(task_id, payload)) == {"taskId": task_id, "payload": payload}
    assert plain.sent(payload) == payload
    text = IngressWords(body='{"job": {"id": "${id}"}, "answer": "${text}"}')
    filled = json.loads(text.filled(task_id, payload))
    assert filled["job"] == {"id": task_id}
    assert filled["answer"] == text.sent(payload)
    assert json.loads(filled["answer"]) == payload
    bare = IngressWords(body='{"id": "${id}"}')
    assert (bare.sent(payload), bare.tells_payload) == (None, False)


def test_any_success_takes_a_task_unless_some_are_named() -> None:
    assert [status for status in (199, 200, 204, 299, 300, 409) if IngressWords().takes(status)] == [200, 204, 299]
    assert [status for status in (200, 201, 202) if IngressWords(accepted=(202,)).takes(status)] == [202]


def test_the_id_is_in_the_answer_where_the_service_makes_it() -> None:
    made = IngressWords(body="{}", id="answer")
    assert made.answered_id({"jobId": "j", "other": 1}) == "j"
    assert IngressWords(body="{}", id="answer", id_field="job").answered_id({"job": "j", "id": "x"}) == "j"
    assert made.answered_id({"orderId": "o", "status": "PENDING", "paid": "no"}) == "o"
    assert made.answered_id({"orderId": "o", "customerId": "c"}) is None
    assert made.answered_id({"orderId": "o", "id": "x"}) == "x"
    nothings: tuple[object, ...] = ({}, {"id": 7}, [], "j", None)
    for nothing in nothings:
        assert made.answered_id(nothing) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"body": "{}"}, "body has no"),
        ({"body": '{"id": "${id}", "x": "${paylod}"}'}, "there is no"),
        ({"id_field": "job"}, "id_field is of an answer"),
    ],
)
def test_a_request_that_cannot_be_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        IngressWords(**given)  # type: ignore[arg-type]
