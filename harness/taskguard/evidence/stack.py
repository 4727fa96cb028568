"""From the deployed stack to the run's end: the tasks' final records, the queues' depths, the dead letters' logs.

Read through the same AWS APIs everywhere. What a record or a log line claims is passed on as a claim; checks compare it
with the deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from boto3.dynamodb.types import Binary, TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import Dialect, LogWords, RecordWords, field_of
from taskguard.evidence.log_lines import LogGroups, LogLine
from taskguard.history import DeadLetterLogged, Event, EvidenceMissing, QueueDepth, RecordedAttempt, RecordObserved
from taskguard.service.deployment import Stack
from taskguard.support.json_values import Json
from taskguard.support.times import milliseconds
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

_BATCH = 100
_LATE_LOGS_SECONDS = 15.0
_deserialize = TypeDeserializer().deserialize


class StackReader:
    """Reads one deployed stack. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack, dialect: Dialect) -> None:
        self._stack = stack
        self._dialect = dialect
        self._endpoint = endpoint
        self._now_ms = endpoint.clock.now_ms
        self._dynamodb = endpoint.dynamodb()
        self._sqs = endpoint.sqs()

    def records(self, task_ids: Iterable[str]) -> list[RecordObserved]:
        """The records of these tasks, as they are now; a task without one gets the status none, and one whose record has none an
        empty one."""
        names, wanted = self._dialect.record, list(task_ids)
        if names is None:
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

    def queue_depths(self) -> list[QueueDepth]:
        """Both queues, as they are now."""
        queues: tuple[tuple[Literal["work", "dead-letter"], str], ...] = (
            ("work", self._stack.task_queue_url),
            ("dead-letter", self._stack.dead_letter_queue_url),
        )
        return [self._depth(name, url) for name, url in queues]

    def dead_letter_logs(self, names: LogWords, request_ids: Sequence[str], since_ms: float = 0.0) -> list[Event]:
        """What the dead-letter queue's consumers logged from ``since_ms`` on, once the logs of all of ``request_ids`` are
        there."""
        functions = self.consumers(self._stack.dead_letter_queue_arn)
        overlap_seconds = _LATE_LOGS_SECONDS * self._endpoint.clock.scale
        groups = LogGroups(self._endpoint, map(group_of, functions), since_ms, overlap_seconds)
        lines: list[LogLine] = []
        awaited, failure = set(request_ids), ""

        def all_there() -> bool:
            nonlocal failure
            try:
                for line in groups.read_new():
                    lines.append(line)
                    if line.message.startswith("REPORT "):
                        awaited.difference_update(line.message.split())
                failure = ""
            except (ClientError, BotoCoreError) as error:
                failure = f" ({error})"
            return not awaited and not failure

        missing: list[Event] = []
        try:
            wait_for(all_there, seconds=_LATE_LOGS_SECONDS, every=0.1, at_most_every=0.5)
        except WaitedInVain:
            missing.append(
                EvidenceMissing(
                    at_ms=self._now_ms(),
                    source="CloudWatch Logs",
                    what=f"the logs of all {len(request_ids)} invocations that handled dead letters, "
                    f"after {_LATE_LOGS_SECONDS:.0f} s{failure}",
                    affects=("DeadLetterLogged",),
                )
            )
        return [*_dead_letters(lines, names), *missing]

    def _items(self, key: str, task_ids: list[str], attributes: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        table, rest = self._stack.table, iter(dict.fromkeys(task_ids))
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

    def _depth(self, name: Literal["work", "dead-letter"], url: str) -> QueueDepth:
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return QueueDepth(
            at_ms=self._now_ms(),
            queue=name,
            visible=int(attributes["ApproximateNumberOfMessages"]),
            in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
        )

    def heeds_partial_batches(self) -> dict[str, bool | None]:
        """By function, whether its event source mapping of the work queue asks for a list of the batch's failed messages; none when
        it has several that differ in that."""
        found: dict[str, bool | None] = {}
        for mapping in self._mappings(self._stack.task_queue_arn):
            asks = "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])
            name = _function_of(mapping)
            found[name] = asks if found.get(name, asks) is asks else None
        return found

    def consumers(self, queue_arn: str) -> list[str]:
        """The names of the functions that the queue's event source mappings invoke."""
        return sorted({_function_of(mapping) for mapping in self._mappings(queue_arn)})

    def visibility_timeout_seconds(self) -> float:
        """How long the work queue hides a message that was received, unless it is asked otherwise."""
        return float(self._attributes_of_work_queue()["VisibilityTimeout"])

    def receives_before_death(self) -> int:
        """How often the work queue hands a message out before it moves it to the dead-letter queue; 0 when it never does."""
        policy = self._attributes_of_work_queue().get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else 0

    def _attributes_of_work_queue(self) -> Mapping[str, str]:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._stack.task_queue_url, AttributeNames=["VisibilityTimeout", "RedrivePolicy"]
        )
        return {str(name): value for name, value in answer["Attributes"].items()}

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

    def _mappings(self, queue_arn: str) -> list[dict[str, Any]]:
        pages = self._endpoint.functions().get_paginator("list_event_source_mappings")
        return [dict(m) for page in pages.paginate(EventSourceArn=queue_arn) for m in page["EventSourceMappings"]]


def _function_of(mapping: Mapping[str, Any]) -> str:
    return str(mapping["FunctionArn"]).split(":")[6]


def group_of(function: str) -> str:
    """The log group of a function."""
    return f"/aws/lambda/{function}"


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
    )


def _attempt(attempt: dict[str, Any], names: RecordWords) -> RecordedAttempt:
    backoff, number = field_of(attempt, names.attempt_backoff), field_of(attempt, names.attempt_number)
    return RecordedAttempt(
        number=int(number) if isinstance(number, Decimal) else 0,
        started_at_ms=milliseconds(field_of(attempt, names.attempt_started_at)),
        outcome=_text(field_of(attempt, names.attempt_outcome)) or "",
        error=_text(field_of(attempt, names.attempt_error)),
        backoff_seconds=float(backoff) if isinstance(backoff, Decimal) else None,
        finished_at_ms=milliseconds(field_of(attempt, names.attempt_finished_at)),
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


def _dead_letters(lines: Iterable[LogLine], names: LogWords) -> Iterator[DeadLetterLogged]:
    for line in lines:
        try:
            fields = json.loads(line.message)
        except (ValueError, RecursionError):
            continue
        if not isinstance(fields, dict) or fields.get(names.event) != names.value:
            continue
        task_id, message_id = field_of(fields, names.task_id), field_of(fields, names.message_id)
        yield DeadLetterLogged(
            at_ms=float(line.at_ms),
            task_id=task_id if isinstance(task_id, str) else None,
            message_id=message_id if isinstance(message_id, str) else None,
            fields=fields,
        )
