"""What is no task, and must be refused: requests that are wrong in one way each, made from the request that hands in a task.

Each bears an id of its own somewhere, by which it is known what was made of it. It must not know how a request is sent, nor how it is
answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from taskguard.contract.dialect import IngressWords
from taskguard.ingress.workload import prefix_of
from taskguard.service.stack import Ingress

TOO_LARGE = "it is larger than its queue takes"
"""What is wrong with a request that a service may take all the same, who puts what is large elsewhere."""

_MARK = "a-payload-to-be-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A request that is no task: `what` is wrong with it, as a phrase."""

    task_id: str
    what: str
    method: str
    path: str
    body: str


def invalid_requests(seed: str, words: IngressWords, ingress: Ingress, largest_bytes: int | None) -> Iterator[Invalid]:
    """All that can be made wrong in requests of these ``words``. A message of more than ``largest_bytes`` fits into no queue; none
    where that is not known."""
    prefix, submit = prefix_of(seed), ingress.submit

    def invalid(name: str, what: str, body: str, *, method: str = "", path: str = "") -> Invalid:
        return Invalid(
            task_id=f"{prefix}-{name}", what=what, method=method or submit.verb, path=path or submit.path, body=body
        )

    def filled(name: str, size: int = 0) -> str:
        return words.filled(f"{prefix}-{name}", {"job": f"{prefix}-{name}", "text": "x" * size})

    if _is_object(words):
        yield invalid("no-json", "its body is no JSON", filled("no-json")[:-1])
        yield invalid("a-list", "its body is a list", json.dumps([f"{prefix}-a-list"]))
    for name, what, changed in _changes(words):
        document = json.loads(filled(name))
        yield invalid(name, what, json.dumps(changed(document, f"{prefix}-{name}")))
    if largest_bytes is not None and words.tells_payload:
        yield invalid("too-large", TOO_LARGE, filled("too-large", largest_bytes + 4096))
    routes = [
        each for each in ingress.api.routes if each.takes_any_method or "{proxy+}" in each.path or "+}" in each.path
    ]
    if ingress.api.kind != "url" and not routes:
        unknown = f"{submit.path}-{prefix}-nowhere"
        yield invalid("nowhere", "there is no such route", filled("nowhere"), path=unknown)
        yield invalid("patch", "the route knows no such method", filled("patch"), method="PATCH")


def _is_object(words: IngressWords) -> bool:
    try:
        return isinstance(json.loads(words.filled(_MARK, {})), dict)
    except ValueError:
        return False


def _changes(words: IngressWords) -> Iterator[tuple[str, str, Any]]:
    """What can be changed in the JSON of a request; nothing where it is no object, or the payload is in none of its fields."""
    try:
        document = json.loads(words.filled(_MARK, {"mark": _MARK}))
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    payload = next((key for key, value in document.items() if _MARK in json.dumps(value) and value != _MARK), None)
    if payload is not None:
        yield "no-payload", "it has no payload", lambda made, _: {k: v for k, v in made.items() if k != payload}
        yield "payload-is-a-number", "its payload is a number", lambda made, _: made | {payload: 17}
    if (name := words.id_name) is not None:
        yield "id-is-an-object", "its id is an object", lambda made, task_id: made | {name: {"id": task_id}}
