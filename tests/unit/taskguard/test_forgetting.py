"""What is removed of tasks before a stage is used again: whatever names them, in any table, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from taskguard.run import forgetting
from taskguard.service.resources import Resource
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.recorder_lines import STACK

ITEMS: dict[str, list[Any]] = {
    "Records": [{"id": {"S": f"t-{n}"}, "state": {"S": "DONE"}} for n in range(30)],
    "Ledger": [
        {"pk": {"S": "done#1"}, "sk": {"N": "1"}, "of": {"M": {"task": {"S": "t-1"}}}},
        {"pk": {"S": "done#t-100"}, "sk": {"N": "1"}},
        {"pk": {"S": "a rule"}, "sk": {"N": "2"}},
    ],
}
KEYS = {"Records": ["id"], "Ledger": ["pk", "sk"]}


class Tables:
    """Holds at most a few items in a page, and carries out all but the last of a batch at first."""

    def __init__(self) -> None:
        self.items: dict[str, list[Any]] = {name: [*items] for name, items in ITEMS.items()}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        return {"Table": {"KeySchema": [{"AttributeName": name} for name in KEYS[TableName]]}}

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=self._pages)

    def batch_write_item(self, *, RequestItems: Mapping[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
        [(table, requests)] = RequestItems.items()
        assert len(requests) <= 25
        done, left = (requests[:-1], requests[-1:]) if len(requests) > 1 else (requests, [])
        for request in done:
            key = request["DeleteRequest"]["Key"]
            self.items[table] = [item for item in self.items[table] if not item.items() >= key.items()]
        return {"UnprocessedItems": {table: left} if left else {}}

    def _pages(self, *, TableName: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        items = list(self.items[TableName])
        for begin in range(0, len(items), 7):
            yield {"Items": items[begin : begin + 7]}


def test_items_that_name_a_task_are_removed_from_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Tables()
    resources = [Resource(name, name, "AWS::DynamoDB::Table") for name in ITEMS]
    resources.append(Resource("TaskQueue", "http://queue", "AWS::SQS::Queue"))
    monkeypatch.setattr(forgetting, "resources_of", lambda *_: iter(resources))
    endpoint = cast(Endpoint, SimpleNamespace(dynamodb=lambda: tables))
    forgetting.forget(endpoint, STACK, [f"t-{n}" for n in range(28)])
    assert [item["id"]["S"] for item in tables.items["Records"]] == ["t-28", "t-29"]
    assert [item["pk"]["S"] for item in tables.items["Ledger"]] == ["done#t-100", "a rule"]
