"""The API's document, docs/openapi.yaml, and what an answer has that the document does not promise.

Unit tests hold the document against the code with this, pipeline tests each real answer against the document. It must not
know of a deployed pipeline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import yaml
from jsonschema import FormatChecker
from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.places import PROJECT

PATH = PROJECT / "docs" / "openapi.yaml"
_URI = "urn:openapi"


@cache
def document() -> dict[str, Any]:
    """The document as it is written."""
    found: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return found


def schema(name: str) -> dict[str, Any]:
    """A schema of the components, as it is written."""
    found: dict[str, Any] = document()["components"]["schemas"][name]
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its method and its path's template."""
    for template, item in document()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), template, operation


def responses(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """An operation's responses by status, references followed."""
    return {status: _followed(response) for status, response in operation["responses"].items()}


def misfits(pointer: str, value: object) -> list[str]:
    """What of a JSON value does not fit the schema at a pointer into the document, such as /components/schemas/Task."""
    errors = _validator(pointer).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in sorted(errors, key=lambda error: error.json_path)]


def faults(method: str, path: str, status: int, content_type: str | None, body: str) -> list[str]:
    """What of an answer the document does not promise; `path` is the request's within the stage, as it was sent."""
    content = _content(method, path, status)
    if content is None:
        return [f"{status} is no documented answer"]
    if content_type is None or content_type.partition(";")[0].strip() != "application/json":
        return [f"the content type is {content_type}, and not application/json"]
    try:
        value = json.loads(body)
    except ValueError as error:
        return [f"the body is no JSON: {error}"]
    return misfits(content, value)


def faults_of(response: requests.Response, api_url: str) -> list[str]:
    """What of an answer of the API at `api_url` the document does not promise, after the request that it answers."""
    request = response.request
    path = str(request.url).removeprefix(api_url)
    content_type = response.headers.get("Content-Type")
    found = faults(str(request.method), path, response.status_code, content_type, response.text)
    return [f"{request.method} {path[:200]} → {response.status_code} {response.text[:300]}: {fault}" for fault in found]


def _content(method: str, path: str, status: int) -> str | None:
    """A pointer to the schema of an answer."""
    for found, template, operation in operations():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if found == method and re.fullmatch(pattern, urlsplit(path).path):
            response = operation["responses"].get(str(status))
            if response is None:
                return None
            place = ["paths", template, method.lower(), "responses", str(status)]
            pointer = response["$ref"][1:] if "$ref" in response else _pointer(place)
            return f"{pointer}/content/application~1json/schema"
    # A path or a method that does not exist.
    return "/components/schemas/GatewayMessage" if status == requests.codes.forbidden else None


def _pointer(steps: list[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _followed(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document()
    for step in unquote(value["$ref"]).removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


@cache
def _validator(pointer: str) -> OAS31Validator:
    registry: Registry[Any] = Registry().with_resource(_URI, DRAFT202012.create_resource(document()))
    # A pointer in a fragment is percent-encoded where a path's template has braces.
    fragment = pointer.replace("{", "%7B").replace("}", "%7D")
    return OAS31Validator({"$ref": f"{_URI}#{fragment}"}, registry=registry, format_checker=FormatChecker())
