"""docs/openapi.yaml is an OpenAPI document, and says what the handlers' code says."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any, cast

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from handlers import exact_json, task_message, task_request, task_store
from handlers.backoff import LONGEST_VISIBILITY_SECONDS
from handlers.task_record import Status
from tests import api_document
from tests.places import PROJECT
from tests.unit.handlers import error_codes
from tests.unit.handlers.support import Functions, task

# Which module answers for an operation.
ENTRIES = {"submitTask": "submit_task", "getTask": "get_task"}
OPERATIONS = {operation["operationId"]: operation for _, _, operation in api_document.operations()}
GATEWAYS_OWN = {"403", "429", "502", "504"}


def schema_of(response: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = response["content"]["application/json"]["schema"]
    return schema


def documented_codes(operation: dict[str, Any]) -> set[tuple[int, str]]:
    found = set()
    for status, response in api_document.responses(operation).items():
        schema = schema_of(response)
        for part in schema.get("oneOf", [schema]):
            codes = part.get("properties", {}).get("error", {}).get("enum", [])
            found |= {(int(status), code) for code in codes}
    return found


def test_it_is_an_openapi_document() -> None:
    validate(cast(dict[Hashable, Any], api_document.document()))


def test_it_has_the_routes_that_are_deployed() -> None:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's short forms as nothing."""

    Loader.add_multi_constructor("!", lambda *_: None)
    functions = yaml.load((PROJECT / "serverless.yml").read_text(encoding="utf-8"), Loader)["functions"]  # noqa: S506
    deployed = {
        (event["http"]["method"].upper(), f"/{event['http']['path']}", name)
        for name, function in functions.items()
        for event in function["events"]
        if "http" in event
    }
    assert {(method, path, o["operationId"]) for method, path, o in api_document.operations()} == deployed


@pytest.mark.parametrize("name", ENTRIES)
def test_each_operation_has_exactly_the_error_codes_of_its_code(name: str) -> None:
    assert documented_codes(OPERATIONS[name]) == error_codes.codes(ENTRIES[name])


def test_the_list_of_error_codes_is_that_of_all_operations() -> None:
    found = {code for entry in ENTRIES.values() for _, code in error_codes.codes(entry)}
    assert api_document.schema("ErrorCode")["enum"] == sorted(found)


def test_each_operation_has_api_gateways_own_answers() -> None:
    for operation in OPERATIONS.values():
        assert set(operation["responses"]) >= GATEWAYS_OWN


@given(st.text(max_size=3) | st.text("aZ09._:-", max_size=200) | st.text("aZ09._:-é /%\n", max_size=4))
@example("a" * 128)
@example("a" * 129)
@example(".")
@example("..")
@example("...")
@example(".a")
@example("a\n")
def test_a_task_id_is_one_by_the_document_exactly_when_it_is_one_by_the_code(text: str) -> None:
    schema = api_document.schema("TaskId")
    # The document's dialect of patterns has $ mean the very end; Python spells that \Z.
    pattern = schema["pattern"].replace("$", r"\Z")
    fits = schema["minLength"] <= len(text) <= schema["maxLength"] and re.search(pattern, text) is not None
    assert (fits and text not in schema["not"]["enum"]) == task_message.is_task_id(text)


def test_it_tells_the_limits_of_the_code() -> None:
    submit, payload = OPERATIONS["submitTask"]["description"], api_document.schema("Payload")["description"]
    for number, text in {
        f"{task_request.LARGEST_REQUEST_BYTES:,} bytes": submit,
        f"message of\n{task_message.LARGEST_BODY_BYTES:,} bytes": submit,
        f"{exact_json.LONGEST_INTEGER_DIGITS:,} digits": payload,
        f"deeper than {exact_json.DEEPEST_NESTING} levels": payload,
    }.items():
        assert number in text
    assert api_document.schema("ErrorText")["maxLength"] == task_store.LONGEST_ERROR_CHARACTERS
    assert api_document.schema("Task")["properties"]["attempts"]["maxItems"] == task_store.MOST_ATTEMPTS_KEPT
    backoff = api_document.schema("Attempt")["properties"]["backoffSeconds"]
    assert (backoff["minimum"], backoff["maximum"]) == (0, LONGEST_VISIBILITY_SECONDS)
    assert api_document.schema("Task")["properties"]["status"]["enum"] == list(Status)


def test_its_examples_of_requests_are_accepted() -> None:
    content = OPERATIONS["submitTask"]["requestBody"]["content"]["application/json"]
    for shown in content["examples"].values():
        assert api_document.misfits("/components/schemas/TaskRequest", shown["value"]) == []
        task_request.parse(json.dumps(shown["value"]), is_base64=False, content_type="application/json")


@pytest.mark.parametrize("method_path", [("POST", "/task"), ("GET", "/task/invoice-2026-0042")], ids=" ".join)
def test_each_answer_has_examples_that_fit(method_path: tuple[str, str]) -> None:
    method, path = method_path
    (operation,) = [found for name, _, found in api_document.operations() if name == method]
    for status, response in api_document.responses(operation).items():
        for shown in response["content"]["application/json"]["examples"].values():
            body = json.dumps(shown["value"])
            assert api_document.faults(method, path, int(status), "application/json", body) == []


def test_examples_of_schemas_fit_them() -> None:
    for name, schema in api_document.document()["components"]["schemas"].items():
        for shown in schema.get("examples", []):
            assert api_document.misfits(f"/components/schemas/{name}", shown) == []


def test_the_record_fits_in_each_of_its_states(functions: Functions) -> None:
    seen = set()

    def look() -> None:
        # That the answer fits is asserted of each that the functions give here.
        seen.add(functions.get("t")[1]["status"])

    functions.submit({"taskId": "t", "payload": {}})
    look()
    functions.work.failing, functions.work.during = True, look
    for receive_count in (1, 2, 3):
        functions.process(task(receive_count=receive_count))
        look()
    functions.monitor(task(receive_count=4))
    look()
    functions.submit({"taskId": "u", "payload": {}})
    functions.work.failing = False
    functions.process(task("u", "m2"))
    seen.add(functions.get("u")[1]["status"])
    assert seen == set(Status)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((500, "application/json", "{}"), "500 is no documented answer"),
        ((200, "text/html", "<html>"), "content type"),
        ((400, "application/json", '{"error": "invalid_task_id"}'), "'message' is a required property"),
        ((400, "application/json", '{"error": "too_deep", "message": "x"}'), "'too_deep' is not one of"),
        ((400, "application/json", '{"error": "invalid_task_id", "message": "x", "at": 1}'), "'at' was unexpected"),
        ((404, "application/json", "<html>"), "no JSON"),
    ],
)
def test_an_answer_that_is_not_promised_is_told(answer: tuple[int, str, str], fault: str) -> None:
    (found,) = api_document.faults("GET", "/task/t", *answer)
    assert fault in found
