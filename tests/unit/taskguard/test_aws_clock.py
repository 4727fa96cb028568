"""How far two clocks are apart, from dates with whole seconds."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.targets import aws_clock as clock_module
from taskguard.targets.aws_clock import DatedAnswer, Skew, measure_skew, skew_of

from tests.unit.taskguard.conftest import Clock

START = 1_700_000_000_000.0
ahead = st.floats(-600_000, 600_000)


@st.composite
def answered(draw: st.DrawFn, skew_ms: float) -> DatedAnswer:
    """What a server, whose clock is ahead by so much, answers to a request at some time."""
    sent_at = START + draw(st.floats(0, 10_000))
    served_after, back_after = draw(st.floats(0, 500)), draw(st.floats(0, 500))
    date_ms = (sent_at + served_after + skew_ms) // 1000 * 1000
    return DatedAnswer(sent_at_ms=sent_at, answered_at_ms=sent_at + served_after + back_after, date_ms=date_ms)


@given(st.data(), ahead)
def test_the_truth_lies_in_the_range(data: st.DataObject, skew_ms: float) -> None:
    answers = data.draw(st.lists(answered(skew_ms), min_size=1, max_size=10))
    found = skew_of(answers)
    assert found is not None
    assert found.least_ms - 0.01 <= skew_ms <= found.most_ms + 0.01
    narrower = skew_of(answers[:-1])
    assert narrower is None or narrower.most_ms - narrower.least_ms >= found.most_ms - found.least_ms


def test_no_answers_tell_nothing_and_contradictions_neither() -> None:
    def at(date_ms: float) -> DatedAnswer:
        return DatedAnswer(sent_at_ms=START, answered_at_ms=START + 10, date_ms=date_ms)

    assert skew_of([]) is None
    assert skew_of([at(START), at(START + 60_000)]) is None


@pytest.mark.parametrize(
    ("least", "most", "within"), [(-50, 50, True), (900, 1100, True), (1001, 1200, False), (-5000, -1001, False)]
)
def test_a_skew_is_within_a_tolerance_when_it_may_be(least: float, most: float, within: bool) -> None:
    assert Skew(least_ms=least, most_ms=most).is_within(1000) is within


def test_a_skew_says_who_is_behind() -> None:
    assert f"{Skew(least_ms=4900, most_ms=5100)}" == "5.0 s behind"
    assert f"{Skew(least_ms=-2100, most_ms=-1900)}" == "2.0 s ahead of"


@pytest.fixture
def ask(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Callable[[], str]]:
    """Makes a server whose clock is so many seconds ahead, and which takes 40 ms to answer."""
    monkeypatch.setattr(clock, "time", lambda: START / 1000 + clock.now, raising=False)
    monkeypatch.setattr(clock_module, "time", clock)

    def server(ahead_seconds: float) -> Callable[[], str]:
        def answer() -> str:
            clock.now += 0.02
            date = formatdate(START / 1000 + clock.now + ahead_seconds, usegmt=True)
            clock.now += 0.02
            return date

        return answer

    return server


@pytest.mark.parametrize("seconds", [0.0, 0.4, -0.3, 3.7, -250.0])
def test_a_server_s_clock_is_found_to_a_quarter_of_a_second(
    ask: Callable[[float], Callable[[], str]], clock: Clock, seconds: float
) -> None:
    began = clock.now
    found = measure_skew(ask(seconds))
    assert found is not None
    assert found.least_ms <= seconds * 1000 <= found.most_ms
    assert found.is_precise
    assert clock.now - began < 2


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_server_without_a_date_tells_nothing(date: str | None) -> None:
    assert measure_skew(lambda: date) is None
