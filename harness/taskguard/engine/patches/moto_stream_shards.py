"""moto: what it notes of the writes to a table is kept in the engine's shards, in files.

moto's own keep every record of a table as Python objects for ever.

Needed as long as the engine brings DynamoDB Streams itself: ``tests/engine/test_streams.py`` fails without it.
"""

from moto.dynamodb.models import table

from taskguard.engine.services.dynamodbstreams import Shard


def apply() -> None:
    table.StreamShard = Shard
