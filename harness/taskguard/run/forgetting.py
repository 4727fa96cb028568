"""Removes what a stage's tables keep of tasks: with the same seed a run has the ids of the one before, whose work is done.

What is removed names one of the tasks, in whatever attribute: nobody need know how a service keeps its records. What it was deployed with stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from taskguard.service.resources import resources_of
from taskguard.service.stack import Stack
from taskguard.support.words import words_of
from taskguard.targets.base import Endpoint

_AT_ONCE = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html."""


def forget(endpoint: Endpoint, stack: Stack, task_ids: Sequence[str]) -> None:
    """Remove each item that names one of these tasks from each table of the stack.

    Raises:
        ClientError, BotoCoreError: as AWS's calls.
    """
    tables = [each.physical_id for each in resources_of(endpoint, stack.name) if each.kind == "AWS::DynamoDB::Table"]
    for table in tables:
        keys = _keys_of_items_that_name(endpoint, table, frozenset(task_ids))
        while batch := list(islice(keys, _AT_ONCE)):
            requests: Any = {table: [{"DeleteRequest": {"Key": key}} for key in batch]}
            while requests:
                requests = endpoint.dynamodb().batch_write_item(RequestItems=requests).get("UnprocessedItems")


def _keys_of_items_that_name(endpoint: Endpoint, table: str, task_ids: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    dynamodb = endpoint.dynamodb()
    schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            if not task_ids.isdisjoint(words_of(item)):
                yield {each["AttributeName"]: item[each["AttributeName"]] for each in schema}
