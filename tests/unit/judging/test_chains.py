"""Which messages are one task's, one in place of the other: by the ids with which the queue answered."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from taskguard.history import AttemptFailed, Delivered, History, Resent
from taskguard.history.attempts import lines_of

from tests.unit.judging.building import the, without
from tests.unit.judging.resending import life_of

_IDS = [f"m{number}" for number in range(7)]


def send(old: str, new: str | None, receive: int = 1) -> Resent:
    return Resent(
        at_ms=1.0,
        answered_ms=2.0,
        task_id="t",
        message_id=old,
        receive_count=receive,
        delivery_id=f"d-{old}",
        queue="work",
        new_message_id=new,
        delay_seconds=None,
        accepted=new is not None,
    )


received = st.dictionaries(st.sampled_from(_IDS), st.integers(1, 3))
sends = st.lists(
    st.builds(send, st.sampled_from(_IDS), st.one_of(st.none(), st.sampled_from(_IDS)), st.integers(1, 3)), max_size=10
)


@given(received, sends)
def test_each_message_is_in_one_line_and_follows_the_one_that_it_was_sent_for(
    received: dict[str, int], sends: list[Resent]
) -> None:
    lines = lines_of(received, sends)
    assert sorted(each for line in lines for each in line) == sorted(received)
    firsts = [[*received].index(line[0]) for line in lines]
    assert firsts == sorted(firsts)
    pairs = {(each.message_id, each.new_message_id) for each in sends}
    for line in lines:
        for old, new in itertools.pairwise(line):
            assert (old, new) in pairs
            # No other was sent in its place, nor it in another's, and it was not received again.
            assert [pair[1] for pair in pairs if pair[0] == old and pair[1] is not None] == [new]
            assert [pair[0] for pair in pairs if pair[1] == new] == [old]
            assert (
                max(each.receive_count for each in sends if each.message_id == old and each.new_message_id)
                == received[old]
            )


@given(received, sends, st.randoms(use_true_random=False))
def test_in_which_order_the_sends_are_told_changes_nothing(
    received: dict[str, int], sends: list[Resent], chance: object
) -> None:
    shuffled = list(sends)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert lines_of(received, shuffled) == lines_of(received, sends)


@given(st.permutations(_IDS), st.data())
def test_one_line_of_sends_is_one_line_of_messages(order: list[str], data: st.DataObject) -> None:
    received = {each: data.draw(st.integers(1, 3)) for each in order}
    sends = [send(old, new, received[old]) for old, new in itertools.pairwise(order)]
    assert lines_of(received, sends) == [order]
    # Each send that is not known parts it in two.
    gone = data.draw(st.sampled_from(sends))
    assert len(lines_of(received, [each for each in sends if each is not gone])) == 2


@given(received)
def test_without_sends_each_message_is_by_itself(received: dict[str, int]) -> None:
    assert lines_of(received, []) == [[each] for each in received]


def test_receives_are_counted_over_the_messages_of_a_chain() -> None:
    events = life_of("t", [4.0, 8.0], dies=True)
    again = replace(the(events, Delivered, 1), at_ms=the(events, Delivered, 1).at_ms - 1, delivery_id="crashed")
    second = [replace(each, receive_count=2) for each in events if getattr(each, "message_id", "") == "t-2"]
    rest = [each for each in events if getattr(each, "message_id", "") != "t-2"]
    [chain] = History([*rest, again, *second]).chains
    assert [(each.message_id, each.receive_count, each.number) for each in chain.attempts] == [
        ("t-1", 1, 1),
        ("t-2", 1, 2),
        ("t-2", 2, 3),
        ("t-3", 1, 4),
    ]
    by_message = [[each.number for each in part.attempts] for part in chain.by_message()]
    assert by_message == [[1], [1, 2], [1]]


def test_a_message_that_comes_back_though_its_task_was_sent_again_makes_two_chains() -> None:
    events = life_of("t", [4.0])
    first = the(events, Delivered)
    again = replace(first, at_ms=first.at_ms + 60_000, receive_count=2, delivery_id="again")
    assert len(History([*events, again]).chains_of("t")) == 2


def test_what_is_sent_twice_in_one_delivery_goes_on_in_neither() -> None:
    events = life_of("t", [4.0])
    resent = the(events, Resent)
    other = replace(the(events, Delivered, 1), message_id="t-other", delivery_id="other")
    history = History([*events, replace(resent, new_message_id="t-other"), other])
    assert len(history.chains_of("t")) == 3
    assert history.attempts_of("t")[0].sent_again is None


def test_a_history_without_sends_is_read_as_before() -> None:
    """Retries that were seen as deliveries and failures alone."""
    events = without(life_of("t", [4.0, 8.0]), Resent)
    assert [each.number for each in History(events).attempts_of("t")] == [1, 2, 3]
    assert len(History(without(events, AttemptFailed)).chains_of("t")) == 3
