"""Which fields a request wants, by how services refuse it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import IngressWords
from taskguard.contract.learning.bodies import body_of, fields_named


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ('{"message": "Answer is required"}', ("answer",)),
        ('{"error": "Missing required fields: customerId, text"}', ("customerId", "text")),
        ("missing fields reference and text", ("reference", "text")),
        ("'reference'", ("reference",)),
        ("'reference' is a required property", ("reference",)),
        ("Cannot read properties of undefined (reading 'lines')", ("lines",)),
        ('{"errors": [{"msg": "orderId must be a string"}]}', ("orderId",)),
        ("expected key `job_name`", ("job_name",)),
        ('[{"code": "invalid_type", "expected": "string", "path": ["email"], "message": "Required"}]', ("email",)),
        (json.dumps({"error": json.dumps([{"code": "invalid_type", "path": ["name"]}], indent=2)}), ("name",)),
        ('{"detail": [{"type": "missing", "loc": ["body", "order_id"], "msg": "Field required"}]}', ("order_id",)),
        ('[{"instancePath": "", "keyword": "required", "params": {"missingProperty": "sku"}}]', ("sku",)),
        ('{"message": "Invalid request body"}', ()),
        ("Internal server error", ()),
        ("", ()),
    ],
)
def test_names_are_those_that_a_refusal_speaks_of(said: str, names: tuple[str, ...]) -> None:
    assert fields_named(said) == names


@settings(deadline=None, derandomize=True)
@given(said=st.text())
def test_a_body_can_be_made_of_whatever_was_said(said: str) -> None:
    if names := fields_named(said):
        body = body_of(names)
        words = IngressWords(body=body, id="request" if "${id}" in body else "answer")
        assert json.loads(words.filled("t-1", {"a": 1})).keys() == set(names)


def test_what_is_called_as_ids_are_gets_the_id_and_others_a_text() -> None:
    assert body_of(("reference", "text")) == '{"reference": "${id}", "text": "${text}"}'
