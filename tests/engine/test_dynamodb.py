"""Conditional writes are atomic: of many writers who race for a key, one wins. And a record is as large as it is."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from taskguard.targets.base import Endpoint

pytestmark = pytest.mark.heavy

KEYS = 1000
WRITERS = 5


@pytest.fixture
def table(endpoint: Endpoint) -> Any:
    name = f"race-{uuid4().hex[:8]}"
    dynamodb = endpoint.dynamodb()
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


def test_one_of_many_racing_writers_wins_each_key(endpoint: Endpoint, table: str) -> None:
    winners: Counter[int] = Counter()
    lock, start = threading.Lock(), threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        dynamodb = endpoint.dynamodb()
        start.wait()
        for key in range(KEYS):
            try:
                dynamodb.put_item(
                    TableName=table,
                    Item={"id": {"S": str(key)}, "writer": {"N": str(writer)}},
                    ConditionExpression="attribute_not_exists(id)",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
            else:
                with lock:
                    winners[key] += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert winners == dict.fromkeys(range(KEYS), 1)


def test_an_attribute_that_is_written_again_counts_once_and_400_kb_is_all_there_is_room_for(
    endpoint: Endpoint, table: str
) -> None:
    dynamodb = endpoint.dynamodb()

    def write(size: int) -> None:
        dynamodb.update_item(
            TableName=table,
            Key={"id": {"S": "large"}},
            UpdateExpression="SET much = :much",
            ExpressionAttributeValues={":much": {"S": "a" * size}},
        )

    write(262_144)
    write(262_144)
    with pytest.raises(ClientError, match="exceeded the maximum allowed size"):
        write(400 * 1024)


def test_racing_counters_lose_no_increment(endpoint: Endpoint, table: str) -> None:
    endpoint.dynamodb().put_item(TableName=table, Item={"id": {"S": "counter"}, "n": {"N": "0"}})

    def count(_: int) -> None:
        dynamodb = endpoint.dynamodb()
        for _ in range(50):
            dynamodb.update_item(
                TableName=table,
                Key={"id": {"S": "counter"}},
                UpdateExpression="SET n = n + :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(count, range(WRITERS)))
    item = endpoint.dynamodb().get_item(TableName=table, Key={"id": {"S": "counter"}}, ConsistentRead=True)["Item"]
    assert item["n"] == {"N": str(50 * WRITERS)}
