"""The tasks' records, as they are in the stack's table.

Read through the same AWS APIs everywhere. What a record claims is passed on as a claim; checks compare it with the deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary, TypeDeserializer
from botocore.exceptions import ClientError

from taskguard.contract.dialect import Dialect, RecordWords, field_of
from taskguard.errors import ConfigurationError
from taskguard.history import RecordedAttempt, RecordObserved
from taskguard.service.stack import Stack
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds
from taskguard.targets.base import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TOO_MANY = 1_000_000
"""So many attempts no task has: such a number is something else."""

_BATCH = 100
_deserialize = TypeDeserializer().deserialize


class Records:
    """The records of one stack; a stack without a table has none, nor has a service whose records are not described. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack, dialect: Dialect) -> None:
        self._table = stack.table
        self._dialect = dialect
        self._now_ms = endpoint.clock.now_ms
        self._dynamodb = endpoint.dynamodb()

    def records(self, task_ids: Iterable[str]) -> list[RecordObserved]:
        """The records of these tasks, as they are now; a task without one gets the status none, and one whose record has none an
        empty one."""
        names, wanted = self._dialect.record, list(task_ids)
        if self._table is None or names is None:
            return []
        found = {item[names.key]: item for item in self._items(names.key, wanted)}
        at_ms = self._now_ms()
        return [_record(task_id, found.get(task_id), names, at_ms) for task_id in wanted]

    def statuses(self, task_ids: Iterable[str]) -> dict[str, str]:
        """The status of each of these tasks that has one."""
        names = self._dialect.record
        if names is None:
            return {}
        return {
            item[names.key]: status
            for item in self._items(names.key, list(task_ids), (names.key, names.status))
            if (status := _text(item.get(names.status))) is not None
        }

    def stored_bodies(self, task_ids: Iterable[str]) -> list[str]:
        """The message bodies of these tasks, as their records' payloads make them; of those that keep it as text."""
        names = self._dialect.record
        if names is None or names.payload is None:
            return []
        return [
            self._dialect.message.body(item[names.key], payload)
            for item in self._items(names.key, list(task_ids), (names.key, names.payload))
            if isinstance(payload := item.get(names.payload), str)
        ]

    def _items(self, key: str, task_ids: list[str], attributes: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        if self._table is None:
            return
        try:
            yield from items_of(self._dynamodb, self._table.name, key, task_ids, attributes)
        except ClientError as error:
            raise _other_key(self._table.name, key, error) from error


def items_of(
    dynamodb: DynamoDBClient, table: str, key: str, values: Iterable[str], attributes: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """The items of a table with these values of its ``key``, each once, with these attributes or all; of an empty value there is none.

    Raises:
        ClientError: they cannot be read.
    """
    rest = iter(dict.fromkeys(filter(None, values)))
    # "status" is a reserved word, so every attribute is asked for by an alias.
    aliases = {f"#a{number}": name for number, name in enumerate(attributes)}
    projection: dict[str, Any] = (
        {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases} if aliases else {}
    )
    while batch := list(islice(rest, _BATCH)):
        keys: Any = [{key: {"S": value}} for value in batch]
        while keys:
            request: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": True, **projection}}
            answer: Any = dynamodb.batch_get_item(RequestItems=request)
            yield from map(values_of, answer["Responses"].get(table, []))
            keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])


def values_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item in the form of the DynamoDB API, with its attributes as values of Python's."""
    return {name: _deserialize(value) for name, value in item.items()}


def _other_key(table: str, key: str, error: ClientError) -> Exception:
    """What to tell of a read that failed: that records are kept by another key, if that is why."""
    if error.response["Error"]["Code"] != "ValidationException":
        return error
    return ConfigurationError(
        f'Reading the table {table} by "{key}", as taskguard.toml says with key below [record]: that is not the whole of its key '
        f"({error.response['Error'].get('Message', '')}). Name its partition key, or leave out [record] if it has another part."
    )


def _record(task_id: str, item: dict[str, Any] | None, names: RecordWords, at_ms: float) -> RecordObserved:
    status = (_text(item.get(names.status)) or "") if item else None
    item = item or {}
    attempts = field_of(item, names.attempts)
    return RecordObserved(
        at_ms=at_ms,
        task_id=task_id,
        status=status,
        payload=_payload(field_of(item, names.payload)),
        attempts=tuple(
            _attempt(attempt, names)
            for attempt in (attempts if isinstance(attempts, list) else [])
            if isinstance(attempt, dict)
        ),
        last_error=_text(field_of(item, names.last_error)),
        created_at_ms=milliseconds(field_of(item, names.created_at)),
        changed_at_ms=milliseconds(field_of(item, names.changed_at)),
        completed_at_ms=milliseconds(field_of(item, names.completed_at)),
        counted=int(attempts) if isinstance(attempts, Decimal) and 0 <= attempts < _TOO_MANY else None,
    )


def _attempt(attempt: dict[str, Any], names: RecordWords) -> RecordedAttempt:
    backoff, number = field_of(attempt, names.attempt_backoff), field_of(attempt, names.attempt_number)
    told, waits = _number(number), _number(backoff)
    return RecordedAttempt(
        number=int(told) if told is not None else 0,
        started_at_ms=milliseconds(field_of(attempt, names.attempt_started_at)),
        outcome=_text(field_of(attempt, names.attempt_outcome)) or "",
        error=_text(field_of(attempt, names.attempt_error)),
        backoff_seconds=float(waits) if waits is not None else None,
        finished_at_ms=milliseconds(field_of(attempt, names.attempt_finished_at)),
    )


def _number(stored: Any) -> Decimal | None:
    """A number, also one that is kept as text."""
    try:
        number = Decimal(stored) if isinstance(stored, str) else stored
    except ArithmeticError:
        return None
    return number if isinstance(number, Decimal) and number.is_finite() else None


def _payload(stored: Any) -> Json:
    if not isinstance(stored, str):
        return json.loads(json.dumps(stored, default=as_json)) if stored is not None else None
    try:
        document: Json = json.loads(stored)
    except (ValueError, RecursionError):
        return stored
    return document


def as_json(value: Any) -> Json:
    """DynamoDB's own types, in a payload that is stored as a map."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return sorted(str(_text(item)) for item in value) if isinstance(value, set) else _text(value)


def _text(value: Any) -> str | None:
    if isinstance(value, Binary):
        return bytes(value.value).decode(errors="replace")  # type: ignore[attr-defined]  # the stubs lack it
    return None if value is None else str(value)
