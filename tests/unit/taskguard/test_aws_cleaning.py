"""What a run left on a stage is written down, and taken away: the run's own tasks, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from taskguard.errors import HistoryError
from taskguard.operating.cleaning import CleanedUp, Cleaner, clean_up
from taskguard.operating.ledger import LEDGER_FILE, Ledger, Place, read_ledger
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.recorder_lines import STACK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
SINCE, EARLIER, LATER = "2026-01-01T12:00:00.000Z", "2026-01-01T11:59:59.999Z", "2026-01-01T12:00:00.001Z"
PLACE = Place(region="eu-central-1", stage="dev", url=None, since=SINCE)


@pytest.fixture(scope="module")
def simulated(moto_as_in_the_engine: None) -> Iterator[Any]:
    with patch.dict(os.environ, KEYS), mock_aws():
        yield boto3.client("dynamodb")


@dataclass(slots=True)
class Table:
    """The stage's table, to put records in; and to see which are left."""

    client: DynamoDBClient

    def put(self, task_id: str, status: str = "COMPLETED", created_at: str = LATER) -> None:
        item = {"taskId": task_id, "status": status, "createdAt": created_at, "payload": "{}"}
        self.client.put_item(TableName="TasksTable", Item={name: {"S": value} for name, value in item.items()})

    @property
    def ids(self) -> set[str]:
        return {item["taskId"]["S"] for item in self.client.scan(TableName="TasksTable")["Items"]}


@pytest.fixture
def table(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    simulated.create_table(
        TableName="TasksTable",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "taskId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "taskId", "KeyType": "HASH"}],
    )

    class OnStage(Endpoint):
        def dynamodb(self) -> DynamoDBClient:
            client: DynamoDBClient = simulated
            return client

    def at(place: Place) -> Cleaner:
        return Cleaner(
            OnStage(target="aws", url=None, region=place.region), replace(STACK, stage=place.stage), place.since
        )

    monkeypatch.setattr(Cleaner, "at", at)
    yield Table(simulated)
    simulated.delete_table(TableName="TasksTable")


def test_a_run_s_settled_tasks_are_removed_and_its_ledger_with_them(table: Table, tmp_path: Path) -> None:
    # More than one call may ask for.
    ids = [f"run-{number}" for number in range(120)]
    Ledger(tmp_path, PLACE).add(ids)
    for task_id in (*ids, "of-somebody-else"):
        table.put(task_id, "DEAD_LETTER" if task_id.endswith("7") else "COMPLETED")
    assert clean_up(tmp_path) == CleanedUp(removed=120, left={})
    assert table.ids == {"of-somebody-else"}
    assert not (tmp_path / LEDGER_FILE).exists()


def test_a_record_from_before_the_run_stays_though_it_has_the_same_id(table: Table, tmp_path: Path) -> None:
    Ledger(tmp_path, PLACE).add(["old", "new"])
    table.put("old", created_at=EARLIER)
    table.put("new", created_at=SINCE)
    assert clean_up(tmp_path, unsettled_too=True) == CleanedUp(removed=1, left={"old": "COMPLETED"})
    assert table.ids == {"old"}


def test_unsettled_tasks_are_waited_for(
    table: Table, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(tmp_path, PLACE).add(["a", "b", "c"])
    table.put("a")
    for task_id in ("b", "c"):
        table.put(task_id, "RETRYING")
    heard: list[int] = []
    pause = clock.sleep

    def sleep(seconds: float) -> None:
        pause(seconds)
        if len(clock.waited) == 2:
            table.put("b")
        if len(clock.waited) == 4:
            table.put("c")

    monkeypatch.setattr(clock, "sleep", sleep)
    assert clean_up(tmp_path, tell=heard.append) == CleanedUp(removed=3, left={})
    assert heard == [2, 1]
    assert table.ids == set()


def test_what_does_not_settle_is_left_and_told_and_can_be_removed_later(
    table: Table, tmp_path: Path, clock: Clock
) -> None:
    Ledger(tmp_path, PLACE).add(["a", "b"])
    table.put("a")
    table.put("b", "PENDING")
    assert clean_up(tmp_path) == CleanedUp(removed=1, left={"b": "PENDING"})
    assert sum(clock.waited) <= 121
    assert (tmp_path / LEDGER_FILE).exists()
    waited = len(clock.waited)
    assert clean_up(tmp_path, unsettled_too=True) == CleanedUp(removed=1, left={})
    assert len(clock.waited) == waited
    assert table.ids == set()


def test_tasks_that_never_reached_the_stage_are_nothing_to_remove(table: Table, tmp_path: Path) -> None:
    Ledger(tmp_path, PLACE).add(["never-sent"])
    assert clean_up(tmp_path) == CleanedUp(removed=0, left={})
    assert clean_up(tmp_path) == CleanedUp(removed=0, left={})


def test_a_ledger_is_read_as_it_was_written_by_place_and_once_an_id(tmp_path: Path) -> None:
    other = replace(PLACE, stage="other", url="http://127.0.0.1:4566")
    one, two = Ledger(tmp_path / "run", PLACE), Ledger(tmp_path / "run", other)
    for ledger in (one, two, one):
        ledger.add(["a", "ü"])
    assert read_ledger(tmp_path / "run") == {PLACE: ["a", "ü"], other: ["a", "ü"]}
    assert read_ledger(tmp_path) == {}


def test_a_place_begins_before_the_run_by_what_the_clocks_may_differ() -> None:
    def since(tolerance_ms: float) -> str:
        return Place.now(region="r", stage="s", url=None, clock_tolerance_ms=tolerance_ms).since

    assert since(60_000) < since(0)
    # As the pipeline writes times, so that texts compare as times do.
    assert since(0).endswith("Z")
    assert len(since(0)) == len(SINCE)


@pytest.mark.parametrize("line", ["no json", "[]", "{}", '{"taskId": "a"}', '{"taskId": "a", "moon": 1}'])
def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / LEDGER_FILE).write_text(line + "\n")
    with pytest.raises(HistoryError, match=LEDGER_FILE):
        clean_up(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="nowhere is not a folder"):
        clean_up(tmp_path / "nowhere")
