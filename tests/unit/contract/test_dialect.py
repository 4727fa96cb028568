"""Which fields of a message are the task's id and payload."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import MessageWords

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True)
@given(task_id=st.text(), payload=JSON)
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
