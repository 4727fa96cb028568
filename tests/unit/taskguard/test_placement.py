"""Which process an attempt meets."""

import json

from taskguard.engine.functions import placement as module
from taskguard.engine.functions.placement import Choice, Placement


def batch(*message_ids: str) -> str:
    return json.dumps({"Records": [{"messageId": each} for each in message_ids]})


FREE = {"e1": "p1", "e2": "p2", "e3": "p3"}
SAME, NEW, OTHER = Choice(frozenset({"e1", "e3"})), Choice(new=True), Choice(frozenset({"e2"}))


def test_by_turns_the_same_process_a_new_one_and_another() -> None:
    placement = Placement()
    placement.handed("p2", batch("m1", "m2"))
    chosen = [placement.choose("f", batch("m1"), FREE) for _ in range(7)]
    assert chosen == [SAME, NEW, SAME, OTHER, SAME, OTHER, SAME]
    # Each function has turns of its own.
    assert placement.choose("another", batch("m2"), FREE) == SAME


def test_one_that_is_not_free_or_has_ended_uses_up_no_turn() -> None:
    placement = Placement()
    placement.handed("p2", batch("m1"))
    for free in ({}, {"e1": "p1"}, {"e1": "p1", "e2": "p2, again"}):
        assert placement.choose("f", batch("m1"), free) == Choice()
    assert placement.choose("f", batch("unknown"), FREE) == Choice()
    assert placement.choose("f", batch("m1"), FREE) == SAME


def test_where_there_is_no_other_it_meets_the_same() -> None:
    placement = Placement()
    placement.handed("p2", batch("m1"))
    assert [placement.choose("f", batch("m1"), {"e2": "p2"}) for _ in range(4)] == [Choice(), NEW, Choice(), Choice()]


def test_what_is_no_batch_is_for_any_process() -> None:
    placement = Placement()
    for payload in ("", "[]", "{}", '{"Records": [{"eventID": "1"}]}', '"text"', "[" * 100_000):
        placement.handed("p2", payload)
        assert placement.choose("f", payload, FREE) == Choice()


def test_the_messages_of_long_ago_are_forgotten() -> None:
    placement = Placement()
    for number in range(module._MOST_REMEMBERED + 1):
        placement.handed("p2", batch(f"m{number}"))
    assert placement.choose("f", batch("m0"), FREE) == Choice()
    assert placement.choose("f", batch("m1"), FREE) == SAME
