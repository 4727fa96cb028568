"""What goes into one invocation: as many messages as a batch may have, and no more than a payload may hold."""

from __future__ import annotations

import pytest
from taskguard.engine.events.batches import LARGEST_PAYLOAD_BYTES, Batch, by_group, payload_of

LONG = "é" * 160_000
"""Nearly a million characters of JSON."""


def record(body: str) -> dict[str, str]:
    return {"messageId": "m", "body": body}


@pytest.mark.parametrize("most", [1, 10])
def test_a_batch_is_full_with_so_many_messages(most: int) -> None:
    batch = Batch(most)
    taken = [batch.add({"n": n}, record("short")) for n in range(most + 1)]
    assert taken == [True] * most + [False]
    assert batch.is_full
    assert batch.messages == [{"n": n} for n in range(most)]


def test_a_batch_takes_no_more_than_a_payload_holds() -> None:
    batch, records = Batch(10_000), []
    while batch.add({}, record(LONG)):
        records.append(record(LONG))
    assert not batch.is_full
    assert len(payload_of(records)) <= LARGEST_PAYLOAD_BYTES < len(payload_of([*records, record(LONG)]))


def test_a_message_that_is_larger_than_any_payload_is_not_held_back_for_ever() -> None:
    batch = Batch(10)
    assert batch.add({"n": 0}, record(LONG * 10))
    assert not batch.add({"n": 1}, record("short"))


def test_the_messages_of_a_group_stay_together_and_in_order() -> None:
    messages = [{"n": n, "Attributes": {"MessageGroupId": group}} for n, group in enumerate("abacb")]
    assert [[message["n"] for message in group] for group in by_group(messages)] == [[0, 2], [1, 4], [3]]
