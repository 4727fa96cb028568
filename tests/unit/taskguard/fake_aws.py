"""A deployed stack without an engine: clients that answer as AWS does, or as an engine that does less."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from taskguard.targets.base import Endpoint

from tests.places import PROJECT
from tests.unit.taskguard.recorder_lines import DEAD_ARN, DEAD_URL, WORK_ARN, WORK_URL

_serialize = TypeSerializer().serialize
WORKER, MONITOR = "TaskGuard-dev-processTask", "TaskGuard-dev-monitorDLQ"
REPORTS_ITEMS: dict[str, Any] = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


class NotFound(Exception):
    """As `logs.exceptions.ResourceNotFoundException`."""


class Table:
    """BatchGetItem with DynamoDB's rules; answers at most ``at_once`` keys a call and leaves the rest unprocessed."""

    def __init__(
        self, items: list[dict[str, Any]], at_once: int = 100, description: Mapping[str, Any] | None = None
    ) -> None:
        self._items = {item["taskId"]: item for item in items}
        self._at_once = at_once
        self._description = description or {}
        self.requests: list[dict[str, Any]] = []

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        [(table, request)] = RequestItems.items()
        self.requests.append(request)
        keys = [key["taskId"]["S"] for key in request["Keys"]]
        assert table == "TasksTable"
        assert 1 <= len(keys) <= 100
        assert len(set(keys)) == len(keys), "DynamoDB refuses duplicate keys"
        assert "status" not in request.get("ProjectionExpression", ""), "status is a reserved word"
        found = [self._items[key] for key in keys[: self._at_once] if key in self._items]
        aliases = request.get("ExpressionAttributeNames", {})
        wanted = {aliases[alias.strip()] for alias in request.get("ProjectionExpression", "").split(",") if aliases}
        rest = [{"taskId": {"S": key}} for key in keys[self._at_once :]]
        return {
            "Responses": {table: [_item(item, wanted) for item in found]},
            "UnprocessedKeys": {table: {**request, "Keys": rest}} if rest else {},
        }

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        assert TableName == "TasksTable"
        return {"Table": dict(self._description)}


def _item(item: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in item.items() if not wanted or name in wanted}


class Queues:
    """GetQueueAttributes, with figures as the texts that SQS gives."""

    def __init__(self, work: Mapping[str, str] | None = None) -> None:
        self._work = {"VisibilityTimeout": "90", "RedrivePolicy": '{"maxReceiveCount":3}'} if work is None else work

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        counts, others = {WORK_URL: (("3", "2", "1"), self._work), DEAD_URL: (("0", "4", "0"), {})}[QueueUrl]
        names = ("", "NotVisible", "Delayed")
        every = {f"ApproximateNumberOfMessages{n}": count for n, count in zip(names, counts, strict=True)}
        every.update(others)
        return {"Attributes": {name: every[name] for name in AttributeNames if name in every}}


@dataclass(slots=True)
class LogService:
    """FilterLogEvents over ``events``, each with the second at which it arrives on the clock ``now``.

    Engines differ: some give no ids, and no token for what lies beyond a page (``tokens``); AWS gives pages of any size
    (``page``), empty ones among them. ``failing`` are errors for the next calls, in their order.
    """

    ids: bool = True
    tokens: bool = True
    page: int = 10_000
    now: Callable[[], float] = lambda: 0.0
    events: dict[str, list[tuple[float, dict[str, Any]]]] = field(default_factory=dict)
    failing: list[Exception | None] = field(default_factory=list)
    calls: int = 0

    class exceptions:  # noqa: N801  # as on a client of boto3
        ResourceNotFoundException = NotFound

    def put(self, group: str, stream: str, at_ms: int, *messages: str, arrives: float = 0.0) -> None:
        there = self.events.setdefault(group, [])
        for message in messages:
            event = {"logStreamName": stream, "timestamp": at_ms, "message": f"{message}\n"}
            there.append((arrives, event | ({"eventId": f"id-{len(there)}"} if self.ids else {})))

    def filter_log_events(
        self,
        *,
        logGroupName: str,  # noqa: N803
        startTime: int,  # noqa: N803
        limit: int,
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        self.calls += 1
        if self.failing and (failure := self.failing.pop(0)) is not None:
            raise failure
        if logGroupName not in self.events:
            raise NotFound
        arrived = [e for at, e in self.events[logGroupName] if at <= self.now() and e["timestamp"] >= startTime]
        arrived.sort(key=lambda event: event["timestamp"])
        size, begin = min(limit, self.page), int(nextToken)
        if not self.tokens:
            return {"events": arrived[:size]}
        end = begin + size
        more = {"nextToken": str(end)} if end < len(arrived) else {}
        return {"events": arrived[begin:end], **more}


@dataclass(slots=True)
class Functions:
    """Who consumes which queue, and the package of each function; a package that is an error is raised."""

    consumers: Mapping[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {WORK_ARN: [consumer(WORKER)], DEAD_ARN: [consumer(MONITOR)]}
    )
    locations: Mapping[str, str | Exception | None] = field(default_factory=dict)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_event_source_mappings"
        return type("Paginator", (), {"paginate": self._mappings})

    def _mappings(self, *, EventSourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"EventSourceMappings": []}
        yield from ({"EventSourceMappings": [mapping]} for mapping in self.consumers[EventSourceArn])

    def get_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        location = self.locations.get(FunctionName, "http://engine.internal:4566/package")
        if isinstance(location, Exception):
            raise location
        code = {"Location": location} if location else {"ImageUri": "registry/image"}
        return {"Configuration": {"CodeSha256": f"digest of {location}"}, "Code": code}


def consumer(function: str, **mapping: Any) -> dict[str, Any]:
    """An event source mapping to a function."""
    arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{function}"
    return {"FunctionArn": arn, **REPORTS_ITEMS, **mapping}


def package(**changed: bytes | None) -> bytes:
    """A function's archive, with other content of ``trail`` (none: without it)."""
    files = {"handlers/process_task.py": b"", "handlers/trail.py": (PROJECT / "handlers" / "trail.py").read_bytes()}
    for name, content in changed.items():
        files.pop(f"handlers/{name}.py")
        if content is not None:
            files[f"handlers/{name}.py"] = content
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return written.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fakes(Endpoint):
    """An endpoint whose clients are these."""

    target: str = "fake"
    url: str | None = "http://127.0.0.1:1"
    region: str = "eu-central-1"
    table: Table = field(default_factory=lambda: Table([]))
    queues: Queues = field(default_factory=Queues)
    log_service: LogService = field(default_factory=LogService)
    lambdas: Functions = field(default_factory=Functions)
    others: Mapping[str, Any] = field(default_factory=dict)
    """The clients of other services, by name."""

    def client(self, service: str) -> Any:
        return self.others[service]

    def cloudformation(self) -> Any:
        return self.others["cloudformation"]

    def dynamodb(self) -> Any:
        return self.table

    def sqs(self) -> Any:
        return self.queues

    def logs(self) -> Any:
        return self.log_service

    def functions(self) -> Any:
        return self.lambdas


def record_item(**attributes: Any) -> dict[str, Any]:
    """An item of the table; what is none is left out."""
    return {name: value for name, value in attributes.items() if value is not None}


def compact(value: Any) -> str:
    """JSON as the pipeline stores and digests it."""
    return json.dumps(value, separators=(",", ":"))
