"""The one way of waiting: looks at growing intervals, until a deadline."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from taskguard.support.waiting import WaitedInVain, wait_for

from tests.unit.taskguard.conftest import Clock


def test_what_holds_already_is_returned_without_a_pause(clock: Clock) -> None:
    assert wait_for(lambda: "found", seconds=0.0) == "found"
    assert clock.waited == []


def test_the_first_true_thing_is_returned(clock: Clock) -> None:
    looks = iter([None, 0, "", [], ["it"], ["later"]])
    assert wait_for(lambda: next(looks), seconds=10.0) == ["it"]
    assert len(clock.waited) == 4


def test_it_gives_up_at_the_deadline_after_a_last_look(clock: Clock) -> None:
    looked_at: list[float] = []
    with pytest.raises(WaitedInVain, match="3 s"):
        wait_for(lambda: looked_at.append(clock.now), seconds=3.0)
    assert looked_at[0] == 1000.0
    assert 1003.0 <= looked_at[-1] < 1003.5


def test_what_looking_raises_passes_through(clock: Clock) -> None:
    def look() -> bool:
        raise LookupError("the engine is gone")

    with pytest.raises(LookupError, match="the engine is gone"):
        wait_for(look, seconds=10.0)
    assert clock.waited == []


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(every=st.floats(0.01, 1.0), at_most=st.floats(0.01, 2.0))
def test_pauses_grow_from_the_shortest_to_the_longest(clock: Clock, every: float, at_most: float) -> None:
    clock.waited.clear()
    with pytest.raises(WaitedInVain):
        wait_for(lambda: False, seconds=5.0, every=every, at_most_every=at_most)
    assert clock.waited[0] == pytest.approx(min(every, at_most))
    assert all(earlier <= later for earlier, later in pairwise(clock.waited))
    assert max(clock.waited) <= at_most
