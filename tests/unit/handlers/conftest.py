"""The handlers' tests' fixtures: a table from moto, a queue that notes what it is asked, and the lines that were logged."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.unit.handlers.support import ENVIRONMENT, Clock, FaultyClient, Functions, RecordingQueue, Work

with patch.dict(os.environ, ENVIRONMENT):
    from handlers import get_task, monitor_dlq, process_task, submit_task
from handlers.backoff import Backoff
from handlers.task_store import TaskStore


@pytest.fixture
def logs() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Answers with the lines that the functions logged so far, each read as JSON."""
    # Strict as standard output is: what is no UTF-8 is refused, and the line lost.
    written = io.BytesIO()
    lines = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
    # The four loggers are one: Powertools keeps one for each service.
    handler = process_task.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(lines)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)


@pytest.fixture(scope="module")
def simulated_dynamodb(moto_as_in_the_engine: None) -> Iterator[Any]:
    """A client of moto's DynamoDB with the table; a module has one, because making them is slow."""
    with patch.dict(os.environ, ENVIRONMENT), mock_aws():
        # Nobody checks who asks.
        client = boto3.client("dynamodb", config=Config(signature_version=UNSIGNED))
        client.create_table(
            TableName="TasksTable",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "taskId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "taskId", "KeyType": "HASH"}],
        )
        yield client


@pytest.fixture
def dynamodb(simulated_dynamodb: Any) -> Iterator[FaultyClient]:
    yield FaultyClient(simulated_dynamodb)
    dynamodb_backends[DEFAULT_ACCOUNT_ID][ENVIRONMENT["AWS_DEFAULT_REGION"]].get_table("TasksTable").items.clear()


@pytest.fixture
def functions(
    dynamodb: FaultyClient, logs: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> Functions:
    clock = Clock()
    store = TaskStore("TasksTable", client=dynamodb, now=clock)  # type: ignore[arg-type]
    queue, work = RecordingQueue(), Work()
    monkeypatch.setattr(submit_task, "submission", submit_task.Submission(store, queue, clock))  # type: ignore[arg-type]
    monkeypatch.setattr(get_task, "lookup", get_task.Lookup(store))
    monkeypatch.setattr(
        process_task,
        "consumer",
        process_task.Consumer(store, queue, Backoff(5, 2), work),  # type: ignore[arg-type]
    )
    monkeypatch.setattr(monitor_dlq, "undertaker", monitor_dlq.Undertaker(store))
    return Functions(dynamodb, store, queue, work, logs)
