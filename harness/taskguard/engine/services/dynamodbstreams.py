"""DynamoDB Streams for the engine: what moto notes of each write, kept in files instead of in memory.

LocalStack's own provider needs Kinesis, which it would have to download. moto's keeps every record of a table as Python
objects for ever, and answers by converting all of them again; here a record is written as the JSON text that `GetRecords`
answers with. As on AWS old records go: of a table at most the last two files are kept.
"""

import base64
import copy
import json
import os
import tempfile
import time
from array import array
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.http import Response
from localstack.services.plugins import Service
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from taskguard.engine.recorder.flight_recorder import recorder
from taskguard.engine.services.dynamodb import operations
from taskguard.engine.settings import EngineSettings

_FILE_BYTES = 512 * 1024 * 1024
_PAGE_BYTES = 1024 * 1024
_PAGE_RECORDS = 1000
"""As AWS: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html."""


class _File:
    """Records from the number ``first`` on, one after the other."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.size = 0
        # Gone with the object, and with the process however that ends.
        self._file = tempfile.TemporaryFile(dir=EngineSettings.from_environment().scratch or None, buffering=0)  # noqa: SIM115
        self._ends = array("Q")

    @property
    def end(self) -> int:
        """The number of the next record."""
        return self.first + len(self._ends)

    def append(self, text: bytes) -> None:
        """Keep a record.

        Raises:
            OSError: it cannot be written whole, as on a full disk, and is not kept.
        """
        done = 0
        while done < len(text):
            # A disk that is all but full takes a part.
            done += os.pwrite(self._file.fileno(), text[done:], self.size + done)
        self.size += len(text)
        self._ends.append(self.size)

    def cut(self, end: int) -> None:
        """Forget the records from the number ``end`` on."""
        del self._ends[max(0, end - self.first) :]
        self.size = self._ends[-1] if self._ends else 0

    def read(self, number: int, end: int) -> Iterator[bytes]:
        """The records from this number on, before ``end``."""
        for index in range(number - self.first, min(end, self.end) - self.first):
            start = self._ends[index - 1] if index else 0
            yield os.pread(self._file.fileno(), self._ends[index] - start, start)


class Shard:
    """The one shard of a table's stream, in place of moto's. A record's number is its sequence number."""

    def __init__(self, _account_id: str, table: Any) -> None:
        self._table = table
        self.id = "shardId-00000000000000000001-00000001"
        self.created_on = datetime.now(UTC)
        self._files: deque[_File] = deque([_File(first=1)], maxlen=2)
        self._inserted: Any = None
        self._goes_on_at: int | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Shard":
        """moto copies a table before a transaction, and where that fails goes on with the copy: what was noted since is taken back."""
        copied = copy.copy(self)
        memo[id(self)] = copied
        copied._table, copied._goes_on_at = copy.deepcopy(self._table, memo), self.end
        return copied

    def _go_on(self) -> None:
        if self._goes_on_at is not None:
            self._inserted = None
            for file in self._files:
                file.cut(self._goes_on_at)
            self._goes_on_at = None

    @property
    def horizon(self) -> int:
        """The number of the oldest record."""
        return self._files[0].first

    @property
    def end(self) -> int:
        """The number of the next record."""
        return self._files[-1].end

    def add(self, old: Item | None, new: Item | None) -> None:
        """Note a write; one that cannot be kept is lost to the stream, and whoever watches is told. Called by moto within the
        operation, so one at a time."""
        if old is not None and new is not None and old.attrs == new.attrs:
            return  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
        self._go_on()
        keys = self._keys(old or new)
        # moto makes an item that an update finds missing, and changes it then: to the table's readers that is one write.
        if old is None and keys == self._inserted:
            self._files[-1].cut(self.end - 1)
        self._inserted = None
        try:
            if self._files[-1].size > _FILE_BYTES:
                self._files.append(_File(first=self.end))
            self._files[-1].append(self._text(old, new, keys))
        except OSError as error:
            recorder().lost(error, f"the stream of the table {self._table.name}")
            return
        if old is None:
            self._inserted = keys

    def settled_end(self) -> int:
        """The number after the last record that stays: an operation that is under way may take back what it noted."""
        with operations:
            self._go_on()
            return self.end

    def read(self, number: int, most: int) -> Iterator[bytes]:
        """The records from this number on that stay, as many as fit into one answer."""
        size, end = 0, self.settled_end()
        for file in list(self._files):
            for text in file.read(max(number, file.first), end):
                size += len(text)
                if most == 0 or (size > _PAGE_BYTES and size != len(text)):
                    return
                most -= 1
                yield text

    def _keys(self, item: Any) -> dict[str, Any]:
        names = (self._table.hash_key_attr, self._table.range_key_attr)
        return {name: item.attrs[name] for name in names if name is not None}

    def _text(self, old: Item | None, new: Item | None, keys: dict[str, Any]) -> bytes:
        view = self._table.stream_specification["StreamViewType"]
        images = {
            "NewImage": new if view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES") else None,
            "OldImage": old if view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES") else None,
        }
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": round(time.time(), 6),
            "Keys": keys,
            "SequenceNumber": f"{self.end:021d}",
            "SizeBytes": 0,
            "StreamViewType": view,
            **{name: item.attrs for name, item in images.items() if item is not None},
        }
        record = {
            "eventID": f"{self.end:032x}",
            "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "dynamodb": change,
        }
        return json.dumps(record, default=_as_json, separators=(",", ":")).encode()


def _as_json(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return {value.type: value.value}
    return base64.b64encode(bytes(value)).decode()


class TableStreams(DynamodbstreamsApi):
    """What a reader of one table's stream needs; a stream has one shard, which is never closed."""

    def describe_stream(self, context: RequestContext, stream_arn: str, **_: Any) -> Any:
        table = _table_of(context, stream_arn)
        shard = table.stream_shard
        return {
            "StreamDescription": {
                "StreamArn": stream_arn,
                "StreamLabel": table.latest_stream_label,
                "StreamStatus": "ENABLED",
                "StreamViewType": table.stream_specification["StreamViewType"],
                "CreationRequestDateTime": shard.created_on,
                "TableName": table.name,
                "KeySchema": table.schema,
                "Shards": [
                    {
                        "ShardId": shard.id,
                        "SequenceNumberRange": {"StartingSequenceNumber": f"{shard.horizon:021d}"},
                    }
                ],
            }
        }

    def get_shard_iterator(
        self,
        context: RequestContext,
        stream_arn: str,
        shard_id: str,
        shard_iterator_type: str,
        sequence_number: str | None = None,
        **_: Any,
    ) -> Any:
        shard = _table_of(context, stream_arn).stream_shard
        if shard_id != shard.id:
            raise _not_found(f"Shard {shard_id}")
        starts = {"TRIM_HORIZON": shard.horizon, "LATEST": shard.settled_end()}
        number = starts.get(shard_iterator_type) or int(sequence_number or 0)
        if number < shard.horizon:
            raise _trimmed()
        return {"ShardIterator": f"{stream_arn}|{number + (shard_iterator_type == 'AFTER_SEQUENCE_NUMBER')}"}

    def get_records(self, context: RequestContext, shard_iterator: str, limit: int | None = None, **_: Any) -> Any:
        stream_arn, position = shard_iterator.rsplit("|", 1)
        shard, number = _table_of(context, stream_arn).stream_shard, int(position)
        if number < shard.horizon:
            raise _trimmed()
        records = list(shard.read(number, min(limit or _PAGE_RECORDS, _PAGE_RECORDS)))
        following = json.dumps(f"{stream_arn}|{number + len(records)}").encode()
        # The answer is ready; LocalStack would go through it field by field, twice.
        context.service_response = {"Records": len(records)}
        body = b'{"Records":[' + b",".join(records) + b'],"NextShardIterator":' + following + b"}"
        return Response(body, status=200, headers={"Content-Type": "application/x-amz-json-1.0"})


def _table_of(context: RequestContext, stream_arn: str) -> Any:
    parts = stream_arn.split("/")
    table = dynamodb_backends[context.account_id][context.region].tables.get(parts[1] if len(parts) == 4 else "")
    if table is None or table.latest_stream_label != parts[-1]:
        raise _not_found(f"Stream: {stream_arn}")
    return table


def _not_found(what: str) -> CommonServiceException:
    return CommonServiceException("ResourceNotFoundException", f"Requested resource not found: {what} not found")


def _trimmed() -> CommonServiceException:
    return CommonServiceException("TrimmedDataAccessException", "The requested records are no longer there")


def create_service() -> Service:
    return Service.for_provider(TableStreams())
