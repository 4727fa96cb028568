"""LocalStack: a request to a queue's URL says on whose behalf it is made, as every other does.

Who posts to a queue's address, as a route of API Gateway does that has no function, calls SQS through a client of LocalStack's, which
forgets who asked. The flight recorder would not know what that route sent.

Needed until that client hands on what it was told: ``tests/engine/test_service_calls.py`` fails without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from localstack.aws.connect import INTERNAL_REQUEST_PARAMS_HEADER, load_dto
from localstack.services.sqs import query_api

_NAMES = {"service_principal": "_ServicePrincipal", "source_arn": "_SourceArn"}
"""How LocalStack's clients are told on whose behalf they call, by what they make of it in a request."""

_on_behalf: ContextVar[dict[str, str]] = ContextVar("on_behalf", default={})  # noqa: B039  # it is only read
_try_call_sqs, _connect_to = query_api.try_call_sqs, query_api.connect_to


def apply() -> None:
    query_api.try_call_sqs = _call_sqs
    query_api.connect_to = _connected


def _call_sqs(request: Any, region: str) -> Any:
    header = request.headers.get(INTERNAL_REQUEST_PARAMS_HEADER)
    told = load_dto(header) if header else {}
    with _set({name: told[key] for key, name in _NAMES.items() if told.get(key)}):
        return _try_call_sqs(request, region)


@contextmanager
def _set(parameters: dict[str, str]) -> Iterator[None]:
    token = _on_behalf.set(parameters)
    try:
        yield
    finally:
        _on_behalf.reset(token)


def _connected(**options: Any) -> Any:
    client = _connect_to(**options).sqs_query

    def call(operation: str, parameters: dict[str, Any]) -> Any:
        return client._make_api_call(operation, {**parameters, **_on_behalf.get()})

    return SimpleNamespace(sqs_query=SimpleNamespace(_make_api_call=call))
