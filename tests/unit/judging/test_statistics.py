"""The exact tests: they agree with what is known exactly, and raise no more false alarms than their levels allow."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, hypergeom
from taskguard.judging.statistics.counts import POWER, CountTest
from taskguard.judging.statistics.dependence import groups, least_p_value_of_runs, repetition, runs
from taskguard.judging.statistics.distributions import at_least, at_most, hypergeometric

from tests.thoroughness import examples

LIST_OF_TEN = [True, False, False, True, False, False, False, True, False, False]


def flips(seed: int, count: int, rate: float = 0.3) -> list[bool]:
    chance = random.Random(seed)
    return [chance.random() < rate for _ in range(count)]


def chances(test: CountTest) -> list[float]:
    """The probability of each number of failures, counted trial by trial."""
    of_one = [(1 - test.rate) * test.rate**n for n in range(test.most)] + [test.rate**test.most]
    found = [1.0]
    for _ in range(test.trials):
        longer = [0.0] * (len(found) + test.most)
        for so_far, chance in enumerate(found):
            for failures, likely in enumerate(of_one):
                longer[so_far + failures] += chance * likely
        found = longer
    return found


@given(trials=st.integers(1, 60), rate=st.floats(0.01, 0.99), data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_of_trials_with_one_draw_it_is_the_binomial_test(trials: int, rate: float, data: st.DataObject) -> None:
    failures = data.draw(st.integers(0, trials))
    expected = binomtest(failures, trials, rate).pvalue
    assert CountTest(trials, 1, rate, 0.001).p_value(failures) == pytest.approx(expected, rel=1e-6)


@given(count=st.integers(1, 3000), data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_what_is_drawn_is_as_likely_as_scipy_says(count: int, data: st.DataObject) -> None:
    yes, drawn = data.draw(st.integers(0, count)), data.draw(st.integers(0, count))
    found = data.draw(st.integers(max(0, yes + drawn - count), min(yes, drawn)))
    expected = hypergeom(count, yes, drawn)
    ours = [float(hypergeometric(found, count, yes, drawn)), at_most(found, count, yes, drawn)]
    ours.append(at_least(found, count, yes, drawn))
    assert ours == pytest.approx([expected.pmf(found), expected.cdf(found), expected.sf(found - 1)], rel=1e-6)


@given(trials=st.integers(0, 12), most=st.integers(1, 3), rate=st.floats(0.05, 0.95), level=st.floats(0.001, 0.2))
@settings(max_examples=examples(60), deadline=None)
def test_the_level_is_kept_exactly(trials: int, most: int, rate: float, level: float) -> None:
    test = CountTest(trials, most, rate, level)
    alarms = sum(chance for failures, chance in enumerate(chances(test)) if test.p_value(failures) < level)
    assert alarms <= level + 1e-9
    assert test.can_reject == any(test.p_value(failures) < level for failures in range(trials * most + 1))


@pytest.mark.parametrize(("trials", "most"), [(9, 2), (30, 1), (30, 2), (300, 1)])
def test_a_rate_that_is_found_is_found_with_the_probability_told(trials: int, most: int) -> None:
    test = CountTest(trials, most, 0.3, 0.001)
    for rate in test.finds():
        if rate is not None:
            there = chances(CountTest(trials, most, rate, 0.001))
            found = sum(chance for failures, chance in enumerate(there) if test.p_value(failures) < 0.001)
            assert found == pytest.approx(POWER, abs=0.01)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_at_a_rate_of_nought_or_one_any_other_outcome_is_significant(rate: float) -> None:
    test = CountTest(10, 2, rate, 0.001)
    certain = int(rate) * 20
    assert test.p_value(certain) == pytest.approx(1.0)
    assert test.p_value(abs(certain - 1)) < 1e-9


def test_with_too_few_trials_nothing_is_significant() -> None:
    assert not CountTest(5, 1, 0.3, 0.001).can_reject
    assert not CountTest(2, 2, 0.3, 0.001).can_reject
    assert CountTest(5, 1, 0.3, 0.001).finds() == (None, None)


@pytest.mark.parametrize(("count", "yes"), [(6, 3), (7, 2), (8, 6)])
def test_runs_have_the_distribution_that_all_orders_have(count: int, yes: int) -> None:
    orders = [[place in chosen for place in range(count)] for chosen in combinations(range(count), yes)]
    frequency = Counter(runs(order).found for order in orders)
    assert len(orders) == comb(count, yes)
    for order in orders:
        found = runs(order).found
        fewer = sum(times for runs_of_yes, times in frequency.items() if runs_of_yes <= found) / len(orders)
        more = sum(times for runs_of_yes, times in frequency.items() if runs_of_yes >= found) / len(orders)
        assert runs(order).p_value == pytest.approx(min(1.0, 2 * min(fewer, more)))
    assert least_p_value_of_runs(count, yes) == pytest.approx(min(runs(order).p_value for order in orders))


@pytest.mark.parametrize("outcomes", [[], [True], [False] * 5, [True] * 5])
def test_what_has_one_kind_of_outcome_only_is_no_surprise(outcomes: list[bool]) -> None:
    assert runs(outcomes).p_value == 1.0
    assert repetition(outcomes) is None or repetition(outcomes).p_value == 1.0  # type: ignore[union-attr]
    assert groups([outcomes, outcomes]) == 1.0


def test_a_list_that_is_read_again_and_again_is_found_with_its_length() -> None:
    found = repetition(LIST_OF_TEN * 6)
    assert found is not None
    assert (found.lag, found.pairs, found.first_yes, found.both_yes) == (10, 30, 9, 9)
    assert found.p_value < 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_a_longer_list_is_found_too_among_many(seed: int) -> None:
    found = repetition(flips(seed, 137) * 6)
    assert found is not None
    assert (found.lag % 137, found.p_value < 1e-6) == (0, True)


def test_groups_that_agree_and_groups_that_are_too_even_are_found() -> None:
    assert groups([[True] * 5, [False] * 5, [False] * 5, [True] * 5, [False] * 5] * 2) == 0.00005
    assert groups([LIST_OF_TEN] * 20) < 0.001
    assert groups([flips(seed, 6) for seed in range(20)]) > 0.01


def test_no_more_false_alarms_than_the_level_allows() -> None:
    level, runs_made = 0.05, examples(400)
    alarms: Counter[str] = Counter()
    for seed in range(runs_made):
        outcomes = flips(seed, 60)
        repeated = repetition(outcomes)
        alarms["runs"] += runs(outcomes).p_value < level
        alarms["repetition"] += repeated is not None and repeated.p_value < level
        alarms["groups"] += groups([outcomes[place : place + 5] for place in range(0, 60, 5)]) < level
    assert max(alarms.values()) <= binom.isf(0.001, runs_made, level), alarms
