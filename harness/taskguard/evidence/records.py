"""The tasks' records, as they are in the stack's table.

Read through the same AWS APIs everywhere. What a record claims is passed on as a claim; checks compare it with the deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer

from taskguard.contract.names import Names, TableNames
from taskguard.history import RecordedAttempt, RecordObserved
from taskguard.service.stack import Stack
from taskguard.support.strict_json import Json
from taskguard.support.times import milliseconds
from taskguard.targets.base import Endpoint

_BATCH = 100
_deserialize = TypeDeserializer().deserialize


class Records:
    """The records of one stack; a stack without a table has none. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack, names: Names) -> None:
        self._table = stack.table
        self._names = names
        self._now_ms = endpoint.clock.now_ms
        self._dynamodb = endpoint.dynamodb()

    def records(self, task_ids: Iterable[str]) -> list[RecordObserved]:
        """The records of these tasks, as they are now; a task without one gets the status none, and one whose record has none an
        empty one."""
        if self._table is None:
            return []
        names, wanted = self._names.table, list(task_ids)
        found = {item[names.task_id]: item for item in self._items(wanted)}
        at_ms = self._now_ms()
        return [_record(task_id, found.get(task_id), names, at_ms) for task_id in wanted]

    def statuses(self, task_ids: Iterable[str]) -> dict[str, str]:
        """The status of each of these tasks that has one."""
        names = self._names.table
        return {
            item[names.task_id]: status
            for item in self._items(list(task_ids), (names.task_id, names.status))
            if (status := _text(item.get(names.status))) is not None
        }

    def stored_bodies(self, task_ids: Iterable[str]) -> list[str]:
        """The message bodies of these tasks, as their records' payloads make them; of those that keep it as text."""
        names = self._names.table
        return [
            self._names.message.body(item[names.task_id], payload)
            for item in self._items(list(task_ids), (names.task_id, names.payload))
            if isinstance(payload := item.get(names.payload), str)
        ]

    def _items(self, task_ids: list[str], attributes: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        if self._table is None:
            return
        key, table, rest = self._names.table.task_id, self._table.name, iter(dict.fromkeys(task_ids))
        # "status" is a reserved word, so every attribute is asked for by an alias.
        aliases = {f"#a{number}": name for number, name in enumerate(attributes)}
        projection: dict[str, Any] = (
            {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases} if aliases else {}
        )
        while batch := list(islice(rest, _BATCH)):
            keys: Any = [{key: {"S": task_id}} for task_id in batch]
            while keys:
                request: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": True, **projection}}
                answer: Any = self._dynamodb.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(table, []):
                    yield {name: _deserialize(value) for name, value in item.items()}
                keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])


def _record(task_id: str, item: dict[str, Any] | None, names: TableNames, at_ms: float) -> RecordObserved:
    status = (_text(item.get(names.status)) or "") if item else None
    item = item or {}
    attempts = item.get(names.attempts)
    return RecordObserved(
        at_ms=at_ms,
        task_id=task_id,
        status=status,
        payload=_payload(item.get(names.payload)),
        attempts=tuple(
            _attempt(attempt, names)
            for attempt in (attempts if isinstance(attempts, list) else [])
            if isinstance(attempt, dict)
        ),
        last_error=_text(item.get(names.last_error)),
        created_at_ms=milliseconds(item.get(names.created_at)),
        changed_at_ms=milliseconds(item.get(names.changed_at)),
        completed_at_ms=milliseconds(item.get(names.completed_at)),
    )


def _attempt(attempt: dict[str, Any], names: TableNames) -> RecordedAttempt:
    backoff, number = attempt.get(names.attempt_backoff), attempt.get(names.attempt_number)
    return RecordedAttempt(
        number=int(number) if isinstance(number, Decimal) else 0,
        started_at_ms=milliseconds(attempt.get(names.attempt_started_at)),
        outcome=_text(attempt.get(names.attempt_outcome)) or "",
        error=_text(attempt.get(names.attempt_error)),
        backoff_seconds=float(backoff) if isinstance(backoff, Decimal) else None,
        finished_at_ms=milliseconds(attempt.get(names.attempt_finished_at)),
    )


def _payload(stored: Any) -> Json:
    if not isinstance(stored, str):
        return json.loads(json.dumps(stored, default=_as_json)) if stored is not None else None
    try:
        document: Json = json.loads(stored)
    except (ValueError, RecursionError):
        return stored
    return document


def _as_json(value: Any) -> Json:
    """DynamoDB's own types, in a payload that is stored as a map."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return sorted(str(_text(item)) for item in value) if isinstance(value, set) else _text(value)


def _text(value: Any) -> str | None:
    if isinstance(value, Binary):
        return bytes(value.value).decode(errors="replace")  # type: ignore[attr-defined]  # the stubs lack it
    return None if value is None else str(value)
