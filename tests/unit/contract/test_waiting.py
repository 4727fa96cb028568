"""The rule of waits: exact ones, ones that grow, one that never changes, or none; and whether the last attempt owes one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.contract.waiting import Waiting

from tests.unit.contract.writing import WAITING


def test_a_schedule_has_an_exact_wait_for_each_attempt_and_none_beyond() -> None:
    rule = Waiting(schedule=(5, 10))
    assert [rule.exact_seconds(attempt) for attempt in (0, 1, 2, 3)] == [None, 5, 10, None]
    assert [rule.owes(attempt, 2) for attempt in (1, 2, 3)] == [True, True, False]
    assert rule.waits(1) == (5,)


def test_waits_that_grow_have_a_least_length_that_follows_from_the_one_before() -> None:
    rule = Waiting(grows=1.5, first=2)
    assert rule.exact_seconds(1) is None
    assert (rule.least_seconds(None), rule.least_seconds(4)) == (2, 6)
    assert rule.waits(3) == (2, 3, 4.5)


def test_a_first_wait_alone_grows_by_nothing() -> None:
    assert (Waiting(first=2).least_seconds(None), Waiting(first=2).least_seconds(7)) == (2, 7)


def test_no_wait_grows_from_nothing() -> None:
    rule = Waiting(grows=2)
    assert (rule.least_seconds(None), rule.least_seconds(0), rule.least_seconds(3)) == (1, 1, 6)
    assert rule.waits(3) == (1, 2, 4)
    assert rule.in_words() == "1 s or more at first, then each 2 times the one before or more"
    # Who says that the first may be none is taken at his word, and the next is one.
    assert (Waiting(grows=2, first=0).least_seconds(None), Waiting(grows=2, first=0).waits(3)) == (0, (0, 1, 2))
    # What need not grow may stay nothing.
    assert Waiting(grows=1, first=0).waits(3) == (0, 0, 0)


def test_a_constant_is_the_same_after_each_attempt() -> None:
    assert [Waiting(constant=30).exact_seconds(attempt) for attempt in (1, 9)] == [30, 30]
    assert Waiting(constant=30).waits(2) == (30, 30)


def test_what_is_as_deployed_is_nobodys_figure() -> None:
    rule = Waiting(constant="as-deployed")
    assert (rule.is_demanded, rule.is_as_deployed, rule.exact_seconds(1), rule.waits(3)) == (True, True, None, ())


def test_without_a_rule_nothing_is_owed() -> None:
    assert not Waiting().is_demanded
    assert not Waiting().owes(1, 3)
    assert Waiting().waits(3) == ()


@pytest.mark.parametrize(("last", "owed"), [("owed", True), ("free", False)])
def test_the_last_attempt_owes_a_wait_or_not(last: str, owed: bool) -> None:
    rule = Waiting(constant=30, last=last)  # type: ignore[arg-type]
    assert (rule.owes(2, 3), rule.owes(3, 3)) == (True, owed)
    assert rule.owes(3, None)


@given(rule=WAITING, attempts=st.integers(1, 10))
def test_a_rule_never_owes_less_than_nothing(rule: Waiting, attempts: int) -> None:
    assert len(rule.waits(attempts)) in (0, attempts)
    assert all(wait >= 0 for wait in rule.waits(attempts))
    for attempt, wait in enumerate(rule.waits(attempts), 1):
        assert rule.exact_seconds(attempt) in (None, wait)
