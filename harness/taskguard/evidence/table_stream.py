"""Reads the stream of a table's changes as it grows: every record once, each item's in its order.

It knows DynamoDB Streams and nothing of what the items are. A stream is made of shards: closed ones, and open ones that have
closed ones as parents. Iterators expire after 15 minutes, and records are kept for 24 hours:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from taskguard.targets.base import Endpoint

_PAGE_RECORDS = 1000
_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


class NoStream(Exception):
    """The table has no stream that is switched on."""


@dataclass(slots=True)
class _Shard:
    parent: str | None
    iterator: str | None = None
    last: str | None = None
    """The sequence number of the last record that was read."""
    drained: bool = False


class TableStream:
    """The stream of one table. Not safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, table: str) -> None:
        self._endpoint = endpoint
        self._table = table
        self._arn: str | None = None
        self._shards: dict[str, _Shard] = {}

    def switch_on(self) -> None:
        """Give the table a stream, if it has none.

        Raises:
            ClientError, BotoCoreError: it cannot be.
        """
        dynamodb = self._endpoint.dynamodb()
        specification = dynamodb.describe_table(TableName=self._table)["Table"].get("StreamSpecification", {})
        if not specification.get("StreamEnabled"):
            dynamodb.update_table(
                TableName=self._table,
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )

    def skip_what_is_there(self) -> None:
        """Read nothing of what is written already.

        Raises:
            NoStream, ClientError, BotoCoreError: as :meth:`read_new`.
        """
        for description in self._describe():
            shard = self._shard_of(description)
            shard.drained = "EndingSequenceNumber" in description["SequenceNumberRange"]
            if not shard.drained:
                shard.iterator = self._ask_for_iterator(description["ShardId"], ShardIteratorType="LATEST")

    def read_new(self) -> Iterator[dict[str, Any]]:
        """The records that were not returned before, as the API gives them. There may be more: a page can be empty while
        others follow.

        Raises:
            NoStream: the table has none.
            ClientError, BotoCoreError: it cannot be read; what was returned up to here is not returned again.
        """
        # A parent may be described after its child.
        for shard_id, shard in [(each["ShardId"], self._shard_of(each)) for each in self._describe()]:
            parent = self._shards.get(shard.parent or "")
            if not shard.drained and (parent is None or parent.drained):
                yield from self._new_of(shard_id, shard)

    def _describe(self) -> Iterator[dict[str, Any]]:
        if self._arn is None:
            table: Any = self._endpoint.dynamodb().describe_table(TableName=self._table)["Table"]
            if not table.get("StreamSpecification", {}).get("StreamEnabled"):
                raise NoStream(f"the table {self._table} has no stream")
            self._arn = table["LatestStreamArn"]
        request = {"StreamArn": self._arn}
        while True:
            stream = self._client().describe_stream(**request)["StreamDescription"]
            yield from stream["Shards"]
            if "LastEvaluatedShardId" not in stream:
                return
            request["ExclusiveStartShardId"] = stream["LastEvaluatedShardId"]

    def _shard_of(self, description: dict[str, Any]) -> _Shard:
        return self._shards.setdefault(description["ShardId"], _Shard(parent=description.get("ParentShardId")))

    def _new_of(self, shard_id: str, shard: _Shard) -> Iterator[dict[str, Any]]:
        while not shard.drained:
            answer = self._page(shard_id, shard)
            for record in answer["Records"]:
                shard.last = record["dynamodb"]["SequenceNumber"]
                yield record
            shard.iterator = answer.get("NextShardIterator")
            shard.drained = shard.iterator is None
            if not answer["Records"]:
                return

    def _page(self, shard_id: str, shard: _Shard) -> Any:
        if shard.iterator is not None:
            try:
                return self._client().get_records(ShardIterator=shard.iterator, Limit=_PAGE_RECORDS)
            except ClientError as error:
                if error.response["Error"]["Code"] not in (_EXPIRED, _TRIMMED):
                    raise
        shard.iterator = self._iterator(shard_id, shard)
        return self._client().get_records(ShardIterator=shard.iterator, Limit=_PAGE_RECORDS)

    def _iterator(self, shard_id: str, shard: _Shard) -> str:
        if shard.last is not None:
            try:
                return self._ask_for_iterator(
                    shard_id, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=shard.last
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != _TRIMMED:
                    raise
        return self._ask_for_iterator(shard_id, ShardIteratorType="TRIM_HORIZON")

    def _ask_for_iterator(self, shard_id: str, **where: str) -> str:
        answer = self._client().get_shard_iterator(StreamArn=self._arn, ShardId=shard_id, **where)
        return str(answer["ShardIterator"])

    def _client(self) -> Any:
        return self._endpoint.client("dynamodbstreams")
