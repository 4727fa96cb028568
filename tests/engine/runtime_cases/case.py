"""One function, and what its caller and its log are told of it on Lambda."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Create

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
# Its pages that tell of all languages.
EXITS = "lambda-runtime-environment.html"
QUOTAS = "gettingstarted-limits.html"
TIMEOUTS = "configuration-timeout.html"
TIMEOUTS_OF_INIT = "troubleshooting-invocation.html"
_LONGEST_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Case:
    """A function, and what its caller and its log are told. ``page`` of Lambda's guide tells of it; the words are those of AWS's own
    clients. ``payload`` is the answer, or of an error the fields that it has; ``logged`` are parts of lines."""

    name: str
    page: str
    source: str
    payload: Any
    error: bool = False
    file: str = "index.js"
    handler: str = "index.handler"
    files: dict[str, str] = field(default_factory=dict)
    runtime: str = "nodejs20.x"
    timeout: int = 10
    logged: tuple[str, ...] = ()


def failed(error_type: str, message: str) -> dict[str, str]:
    """What an error's document has; of its message the part that matters."""
    return {"errorType": error_type, "errorMessage": message}


def documented(cases: Iterable[Case]) -> str:
    """The cases as the table of docs/runtimes.md."""
    return "".join(
        f"| {each.name} | {_told(each)} | [{each.page.removesuffix('.html')}]({GUIDE}{each.page}) |\n" for each in cases
    )


def _told(case: Case) -> str:
    if case.error:
        return f"`{case.payload['errorType']}`: {case.payload['errorMessage'].strip(' :')}"
    text = json.dumps(case.payload)
    return f"`{text}`" if len(text) < _LONGEST_SHOWN else f"an answer of {len(text) - 2:,} bytes"


def assert_as_on_lambda(function: Create, case: Case) -> None:
    """Make the function, and ask it once."""
    made = function(
        case.source,
        runtime=case.runtime,
        handler=case.handler,
        file=case.file,
        files=case.files,
        timeout=case.timeout,
    )
    outcome = made.invoke(n=1)
    shown = json.dumps(outcome.payload)[:500]
    if outcome.error != ("Unhandled" if case.error else None):
        pytest.fail(shown)
    if case.error:
        assert outcome.payload["errorType"] == case.payload["errorType"]
        assert case.payload["errorMessage"] in outcome.payload["errorMessage"]
    elif outcome.payload != case.payload:
        pytest.fail(shown)
    if case.logged:
        log = "\n".join(made.log(until="REPORT"))
        assert [part for part in case.logged if part not in log] == []
