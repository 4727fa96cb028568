"""What the engine changes of moto's table, to make it quicker, changes nothing of what it answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator
from taskguard.engine.patches import moto_item_size

KEY = {"taskId": {"S": "t-1"}}
ITEM = {
    **KEY,
    "count": {"N": "1"},
    "tags": {"SS": ["a", "b"]},
    "log": {"L": [{"M": {"n": {"N": "1"}}}, {"S": "two"}]},
    "nested": {"M": {"middle": {"M": {"deep": {"S": "x"}}}}},
}
NAMES = {"#count": "count", "#log": "log"}
VALUES = {":one": {"N": "1"}, ":more": {"L": [{"M": {"n": {"N": "2"}}}]}, ":text": {"S": "text"}, ":tag": {"SS": ["a"]}}


@pytest.fixture
def moto_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DepthFirstTraverser, "traverse", DepthFirstTraverser.traverse_node_recursively)
    monkeypatch.delattr(ActionCountValidator, "traverse")
    monkeypatch.delattr(OverlappingPathsValidator, "traverse")
    for kind in (Node, DynamoType, Item):
        monkeypatch.delattr(kind, "__deepcopy__")


def answer(client: Any, expression: str) -> tuple[Any, Any]:
    """What is said of this update, and the record that there is then."""
    client.put_item(TableName="TasksTable", Item=ITEM)
    used: dict[str, Any] = {}
    for option, known in (("ExpressionAttributeNames", NAMES), ("ExpressionAttributeValues", VALUES)):
        if of_it := {name: each for name, each in known.items() if name in expression}:
            used[option] = of_it
    try:
        said = client.update_item(
            TableName="TasksTable", Key=KEY, UpdateExpression=expression, ReturnValues="ALL_OLD", **used
        )["Attributes"]
    except ClientError as error:
        said = str(error)
    return said, client.get_item(TableName="TasksTable", Key=KEY)["Item"]


DONE = [
    "SET #count = #count + :one, fresh = :text",
    "SET #count = #count - :one REMOVE tags ADD amount :one",
    "SET #log = list_append(if_not_exists(#log, :more), :more)",
    "SET absent = list_append(if_not_exists(absent, :more), :more)",
    "SET #log[0].n = :one, #log[7] = :text REMOVE #log[1]",
    "SET nested.middle.deep = :text, nested.beside = :one",
    "DELETE tags :tag ADD amount :one",
    "SET fresh = nested.middle",
]
REFUSED = [
    "SET fresh = absent",
    "SET absent.middle = :text",
    "SET #count = :one, #count = :text",
    "SET nested.middle = :text, nested.middle.deep = :text",
    "SET fresh = :text SET beside = :text",
    "REMOVE tags REMOVE fresh",
    "SET taskId = :text",
    "SET fresh = :text + :one",
    "SET #log = list_append(#count, :more)",
    "SET fresh = :unknown",
]


@pytest.mark.parametrize("expression", [*DONE, *REFUSED])
def test_an_update_is_answered_as_moto_itself_does(
    simulated_dynamodb: Any, request: pytest.FixtureRequest, expression: str
) -> None:
    ours = answer(simulated_dynamodb, expression)
    assert isinstance(ours[0], str) == (expression in REFUSED), ours[0]
    request.getfixturevalue("moto_itself")
    assert answer(simulated_dynamodb, expression) == ours


def test_each_part_of_a_record_has_the_size_that_moto_gives_it() -> None:
    parts = [DynamoType(part) for part in [*ITEM.values(), {"BOOL": True}, {"NULL": True}, {"B": b"\xff"}, {"L": []}]]
    assert [moto_item_size.size(part) for part in parts] == [part.size() for part in parts]
