"""DynamoDB's streams as the engine keeps them: each write once, in order, and only writes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from taskguard.evidence.table_stream import TableStream
from taskguard.run.breaking_off import make_sure_it_is_recorded
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES


@pytest.fixture
def table(endpoint: Endpoint) -> Iterator[str]:
    with streamed(endpoint) as name:
        yield name


@contextmanager
def streamed(endpoint: Endpoint) -> Iterator[str]:
    name = f"streamed-{uuid4().hex[:8]}"
    endpoint.dynamodb().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    yield name
    endpoint.dynamodb().delete_table(TableName=name)


def put(endpoint: Endpoint, table: str, key: str, **attributes: Any) -> None:
    endpoint.dynamodb().put_item(TableName=table, Item={"id": {"S": key}, **attributes})


def update(endpoint: Endpoint, table: str, key: str, value: str, **options: Any) -> None:
    endpoint.dynamodb().update_item(
        TableName=table,
        Key={"id": {"S": key}},
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"S": value}},
        **options,
    )


def records(endpoint: Endpoint, table: str) -> list[tuple[str, str, Any]]:
    """What happened, to which item, and what it was then."""
    return [
        (each["eventName"], each["dynamodb"]["Keys"]["id"]["S"], each["dynamodb"].get("NewImage"))
        for each in TableStream(endpoint, table).read_new()
    ]


def test_each_write_is_told_with_the_item_as_it_was_then(endpoint: Endpoint, table: str) -> None:
    nested = {"L": [{"M": {"n": {"N": "1"}, "b": {"BOOL": True}, "none": {"NULL": True}}}, {"B": b"\x00\xff"}]}
    put(endpoint, table, "a", nested=nested)
    update(endpoint, table, "a", "ü")
    endpoint.dynamodb().delete_item(TableName=table, Key={"id": {"S": "a"}})
    assert records(endpoint, table) == [
        ("INSERT", "a", {"id": {"S": "a"}, "nested": nested}),
        ("MODIFY", "a", {"id": {"S": "a"}, "nested": nested, "v": {"S": "ü"}}),
        ("REMOVE", "a", None),
    ]


def test_what_changes_nothing_is_not_told(endpoint: Endpoint, table: str) -> None:
    put(endpoint, table, "a", v={"S": "1"})
    put(endpoint, table, "a", v={"S": "1"})
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        update(endpoint, table, "a", "2", ConditionExpression="attribute_not_exists(id)")
    assert [kind for kind, _, _ in records(endpoint, table)] == ["INSERT"]


def test_an_update_that_makes_an_item_is_one_write(endpoint: Endpoint, table: str) -> None:
    put(endpoint, table, "bare")
    update(endpoint, table, "a", "1")
    update(endpoint, table, "bare", "2")
    assert records(endpoint, table) == [
        ("INSERT", "bare", {"id": {"S": "bare"}}),
        ("INSERT", "a", {"id": {"S": "a"}, "v": {"S": "1"}}),
        ("MODIFY", "bare", {"id": {"S": "bare"}, "v": {"S": "2"}}),
    ]


def test_a_stream_of_many_pages_is_read_whole_and_read_on(endpoint: Endpoint, table: str) -> None:
    written = 0

    def write(count: int) -> None:
        nonlocal written
        for start in range(written, written + count, 25):
            requests = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(start, start + 25)]
            endpoint.dynamodb().batch_write_item(RequestItems={table: requests})  # type: ignore[dict-item]
        written += count

    stream = TableStream(endpoint, table)
    write(2050)
    first = [each["dynamodb"] for each in stream.read_new()]
    write(25)
    later = [each["dynamodb"] for each in stream.read_new()]
    assert [int(each["Keys"]["id"]["S"]) for each in (*first, *later)] == list(range(2075))
    numbers = [int(each["SequenceNumber"]) for each in (*first, *later)]
    assert numbers == sorted(set(numbers))


def test_the_newest_and_what_follows_a_record_can_be_asked_for(endpoint: Endpoint, table: str) -> None:
    client = endpoint.client("dynamodbstreams")
    for key in "abc":
        put(endpoint, table, key)
    all_records = list(TableStream(endpoint, table).read_new())
    arn = endpoint.dynamodb().describe_table(TableName=table)["Table"]["LatestStreamArn"]
    (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]

    def keys(kind: str, **after: str) -> list[str]:
        iterator = client.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind, **after)[
            "ShardIterator"
        ]
        put(endpoint, table, f"after {kind}")
        return [each["dynamodb"]["Keys"]["id"]["S"] for each in client.get_records(ShardIterator=iterator)["Records"]]

    number = all_records[1]["dynamodb"]["SequenceNumber"]
    assert keys("LATEST") == ["after LATEST"]
    assert keys("AFTER_SEQUENCE_NUMBER", SequenceNumber=number)[0] == "c"
    assert keys("AT_SEQUENCE_NUMBER", SequenceNumber=number)[0] == "b"


def test_a_stream_goes_with_its_table(endpoint: Endpoint, table: str) -> None:
    arn = endpoint.dynamodb().describe_table(TableName=table)["Table"]["LatestStreamArn"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        endpoint.client("dynamodbstreams").describe_stream(StreamArn=arn.replace("stream/", "stream/2"))


def test_a_transaction_is_told_once_it_succeeds_and_not_at_all_where_it_fails(endpoint: Endpoint, table: str) -> None:
    def item(key: str, **more: Any) -> Any:
        return {"Put": {"TableName": table, "Item": {"id": {"S": key}}, **more}}

    dynamodb = endpoint.dynamodb()
    put(endpoint, table, "before")
    dynamodb.transact_write_items(TransactItems=[item("a"), item("b")])
    only_new = item("before", ConditionExpression="attribute_not_exists(id)")
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(TransactItems=[item("c"), only_new])
    stream = TableStream(endpoint, table)
    assert [each["dynamodb"]["Keys"]["id"]["S"] for each in stream.read_new()] == ["before", "a", "b"]
    put(endpoint, table, "after")
    assert [each["dynamodb"]["Keys"]["id"]["S"] for each in stream.read_new()] == ["after"]
    assert {each["id"]["S"] for each in dynamodb.scan(TableName=table)["Items"]} == {"before", "a", "b", "after"}


@pytest.mark.heavy
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux alone limits another process")
def test_a_stream_that_can_keep_no_more_loses_whole_writes_and_the_engine_tells(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache) as engine:
        engine.start()
        endpoint = engine.running.endpoint()
        with streamed(endpoint) as table:
            put(endpoint, table, "kept")
            make_sure_it_is_recorded(endpoint)
            # As if the disk were all but full: of the next record it takes a part.
            resource.prlimit(engine.running.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            update(endpoint, table, "lost", "x" * 150_000)
            update(endpoint, table, "kept", "fits")
            with pytest.raises(OSError, match=f"File too large: 'the stream of the table {table}'"):
                make_sure_it_is_recorded(endpoint)
            assert [(name, key) for name, key, _ in records(endpoint, table)] == [
                ("INSERT", "kept"),
                ("MODIFY", "kept"),
            ]
