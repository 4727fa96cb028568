"""What several checks ask of a history is worked out once for each history, and for whatever else it is asked of."""

from __future__ import annotations

from taskguard.history import History
from taskguard.judging.once import once


def test_work_is_done_once_for_each_history_and_what_it_is_given() -> None:
    done: list[tuple[int, str, int]] = []

    @once
    def work(history: History, queue: str, most: int = 1) -> tuple[str, int]:
        done.append((id(history), queue, most))
        return queue, most

    one, other = History(), History()
    assert [work(each, "work") for each in (one, other, one)] == [("work", 1)] * 3
    assert [work(one, queue, most=2) for queue in ("work", "dead-letter", "work")] == [
        ("work", 2),
        ("dead-letter", 2),
        ("work", 2),
    ]
    assert done == [
        (id(one), "work", 1),
        (id(other), "work", 1),
        (id(one), "work", 2),
        (id(one), "dead-letter", 2),
    ]


def test_two_works_on_one_history_do_not_share_a_result() -> None:
    history = History()
    assert (once(len)(history), once(str)(history)) == (0, str(history))
