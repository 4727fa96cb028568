"""DynamoDB Streams without an engine: shards with parents, pages that may be empty, iterators that expire, records that go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

ARN = "arn:aws:dynamodb:eu-central-1:000000000000:table/TasksTable/stream/2026-01-01T00:00:00.000"
PAGE_OF_SHARDS = 2


@dataclass(slots=True)
class Shard:
    """One shard: its records, and whether it is closed."""

    parent: str | None = None
    closed: bool = False
    records: list[dict[str, Any]] = field(default_factory=list)
    trimmed: int = 0


@dataclass(slots=True)
class StreamService:
    """The client. ``empty_first`` pages hold nothing before each that does; ``failing`` are errors for the next calls."""

    shards: dict[str, Shard] = field(default_factory=lambda: {"s1": Shard()})
    page: int = 3
    empty_first: int = 0
    failing: list[Exception | None] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)

    def put(self, record: dict[str, Any], shard: str = "s1") -> None:
        number = sum(len(each.records) for each in self.shards.values()) + 1
        self.shards[shard].records.append(
            {**record, "dynamodb": {**record["dynamodb"], "SequenceNumber": f"{number:021d}"}}
        )

    def expire(self) -> None:
        """Let every iterator that was handed out be too old."""
        self.expired.add("all")

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        self._note("DescribeStream")
        assert StreamArn == ARN
        names = list(self.shards)
        begin = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        page = names[begin : begin + PAGE_OF_SHARDS]
        more = {"LastEvaluatedShardId": page[-1]} if begin + PAGE_OF_SHARDS < len(names) else {}
        return {"StreamDescription": {"Shards": [self._described(name) for name in page], **more}}

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        self._note("GetShardIterator")
        assert StreamArn == ARN
        shard = self.shards[ShardId]
        begin = shard.trimmed
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            numbers = [record["dynamodb"]["SequenceNumber"] for record in shard.records]
            begin = numbers.index(SequenceNumber) + 1
            if begin - 1 < shard.trimmed:
                raise failure("TrimmedDataAccessException")
        elif ShardIteratorType == "LATEST":
            begin = len(shard.records)
        else:
            assert ShardIteratorType == "TRIM_HORIZON"
        self.expired.clear()
        return {"ShardIterator": f"{ShardId}|{begin}|0"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        self._note("GetRecords")
        assert Limit == 1000
        if self.expired:
            raise failure("ExpiredIteratorException")
        name, number, empty = ShardIterator.split("|")
        shard, begin = self.shards[name], int(number)
        if int(empty) < self.empty_first:
            return {"Records": [], "NextShardIterator": f"{name}|{begin}|{int(empty) + 1}"}
        records = shard.records[begin : begin + self.page]
        end = begin + len(records)
        more = not shard.closed or end < len(shard.records)
        return {"Records": records, **({"NextShardIterator": f"{name}|{end}|0"} if more else {})}

    def _described(self, name: str) -> dict[str, Any]:
        shard = self.shards[name]
        numbers: dict[str, str] = {"StartingSequenceNumber": "1"} | (
            {"EndingSequenceNumber": "9"} if shard.closed else {}
        )
        parent = {"ParentShardId": shard.parent} if shard.parent else {}
        return {"ShardId": name, "SequenceNumberRange": numbers, **parent}

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.failing and (error := self.failing.pop(0)) is not None:
            raise error


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetRecords")


def written(task_id: str, at_ms: float, image: Mapping[str, Any] | None, *, first: bool = False) -> dict[str, Any]:
    """A record of the stream; ``image`` in the form of the API, none when the item was removed."""
    told: dict[str, Any] = {
        "ApproximateCreationDateTime": datetime.fromtimestamp(at_ms / 1000, UTC),
        "Keys": {"taskId": {"S": task_id}},
    }
    kind = "REMOVE" if image is None else "INSERT" if first else "MODIFY"
    return {"eventName": kind, "dynamodb": told | ({"NewImage": image} if image is not None else {})}
