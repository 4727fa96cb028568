"""How long an error's text may become, and that the largest record there can be fits into DynamoDB's item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from taskguard.operating.redriving import put_back

from tests.unit.handlers.support import Functions, delivery

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items
LARGEST_ITEM_BYTES = 400 * 1024
LARGEST_MESSAGE_BYTES = 262_144
# Four bytes in UTF-8, which no character exceeds.
WIDE = "🚀"


def failing_with(text: str) -> Callable[[], object]:
    def fail() -> None:
        raise ValueError(text)

    return fail


@pytest.mark.parametrize("character", ["x", "é", WIDE, "\x00", "\ud800"], ids=ascii)
def test_error_is_kept_up_to_500_characters_and_cut_there(functions: Functions, character: str) -> None:
    room = 500 - len("ValueError: ")
    # What UTF-8 does not know is kept as a question mark.
    kept = "?" if character == "\ud800" else character
    for number, length in enumerate((room - 1, room, room + 1, 100_000)):
        task_id, message = f"t{number}", f"m{number}"
        functions.submit({"taskId": task_id, "payload": {}})
        functions.work.during = failing_with(character * length)
        functions.process(delivery({"taskId": task_id, "payload": {}}, message))
        record = functions.get(task_id)[1]
        assert record["lastError"] == record["attempts"][0]["error"] == "ValueError: " + kept * min(length, room)


def test_the_largest_record_there_can_be_fits_into_an_item(functions: Functions) -> None:
    task_id = "i" * 128
    room = LARGEST_MESSAGE_BYTES - len(f'{{"taskId":"{task_id}","payload":{{"x":""}}}}')
    body = {"taskId": task_id, "payload": {"x": "x" * room}}
    assert functions.submit(body)[0] == 202
    functions.work.during = failing_with(WIDE * 1000)

    def die(message_id: str, first: int) -> dict[str, Any]:
        for attempt in range(first, 23):
            functions.process(delivery(body, message_id, attempt))
        functions.monitor(delivery(body, message_id, 23))
        item = functions.item(task_id) or {}
        assert item["status"] == {"S": "DEAD_LETTER"}
        return item

    # As long as a message's id.
    dead = die("1" * 36, first=22)
    # As if it had died and been put back as often as is kept, each time after as long an attempt.
    dead |= {
        "earlierAttempts": {"L": dead["attempts"]["L"] * 40},
        "earlierMessages": {"L": [{"S": f"{number:036}"} for number in range(40)]},
        "redrives": {"N": "40"},
    }
    functions.dynamodb.client.put_item(TableName="TasksTable", Item=dead)
    functions.dynamodb.client.update_item(TableName="TasksTable", **put_back(dead, dead["updatedAt"]["S"]))
    item = die("2" * 36, first=1)
    assert [len(item[name]["L"]) for name in ("attempts", "earlierAttempts", "earlierMessages")] == [20, 40, 40]
    assert LARGEST_MESSAGE_BYTES < size_of(item) < LARGEST_ITEM_BYTES


def size_of(item: Mapping[str, Any]) -> int:
    """An item's size in bytes, at most.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    [(kind, held)] = value.items()
    if kind == "S":
        return len(held.encode())
    if kind == "N":
        return len(held) + 1
    parts = [(name, each) for name, each in held.items()] if kind == "M" else [("", each) for each in held]
    return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in parts)
