"""Whether yes-or-no outcomes depend on one another: on the one before, on one a fixed way back, on their group's.

Each p-value is exact given how many outcomes are yes, so none of them says anything of the rate: any order of the same
outcomes is as likely as any other when they are independent. It must not know what the outcomes are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from taskguard.judging.statistics.distributions import at_least, at_most

RESAMPLES = 39_999
"""How often chance is tried: the least two-sided p-value is then 0.00005."""

_RESAMPLES_AT_FIRST = 999
_NOTHING_UNUSUAL = 20
_LAGS_LOOKED_AT = 64
_GROUPS_LOOKED_AT = 50
_DRAWS_OF_A_GROUP = 10
_SEED = 20_200_229


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How many runs of yes there are in an order, how many chance makes of it, and how likely that is (two-sided)."""

    found: int
    expected: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """The lag at which outcomes repeat most: of `pairs`, how many are twice yes, how many of the first are yes, and how
    likely that is, all lags considered."""

    lag: int
    pairs: int
    first_yes: int
    both_yes: int
    p_value: float


def runs(outcomes: Sequence[bool]) -> Runs:
    """The runs test of Wald and Wolfowitz, by the runs of yes (Stevens, 1939): with n outcomes, y of them yes, their number
    has a hypergeometric distribution."""
    count, yes = len(outcomes), sum(outcomes)
    found = sum(now and not before for before, now in zip((False, *outcomes), outcomes, strict=False))
    if yes in (0, count):
        return Runs(found=found, expected=float(found), p_value=1.0)
    gaps = count - yes + 1
    fewer, more = at_most(found, count, gaps, yes), at_least(found, count, gaps, yes)
    return Runs(found=found, expected=yes * gaps / count, p_value=min(1.0, 2 * min(fewer, more)))


def least_p_value_of_runs(count: int, yes: int) -> float:
    """The least p-value that any order of so many outcomes has: that of all yes in one run, or each in one of its own."""
    together = [True] * yes + [False] * (count - yes)
    apart = [True, False] * min(yes, count - yes) + [True] * (2 * yes - count) + [False] * (count - 2 * yes)
    return min(runs(together).p_value, runs(apart).p_value)


def repetition(outcomes: Sequence[bool]) -> Repetition | None:
    """The lag, up to half of all outcomes, at which they agree most with those before them; none for fewer than two.

    For a lag, the outcomes are cut into blocks of that length, and the pairs are those at the same place in the first and
    second block, the third and fourth, and so on: no outcome is in two pairs, so Fisher's exact test holds. The lags
    worth it are picked from the autocorrelation; the p-value is multiplied by the number of all lags.
    """
    from scipy.fft import irfft, next_fast_len, rfft  # noqa: PLC0415

    count, lags = len(outcomes), len(outcomes) // 2
    if not lags:
        return None
    mean = sum(outcomes) / count
    size = next_fast_len(2 * count, real=True)
    spectrum: Any = rfft([outcome - mean for outcome in outcomes], size)
    products: Any = irfft(abs(spectrum) ** 2, size)
    looked_at = nlargest(_LAGS_LOOKED_AT, range(1, lags + 1), key=lambda lag: products[lag] / (count - lag) ** 0.5)
    # As the bits of one number, the first outcome last: whole orders are then shifted and compared at once.
    bits = int("".join("01"[outcome] for outcome in reversed(outcomes)), 2)
    counted = [_pairs_at(lag, bits, count) for lag in looked_at]
    p_values = [at_least(both, pairs, first, second) for pairs, first, second, both in counted]
    p_value, lag, (pairs, first_yes, _, both_yes) = min(zip(p_values, looked_at, counted, strict=True))
    return Repetition(lag=lag, pairs=pairs, first_yes=first_yes, both_yes=both_yes, p_value=min(1.0, p_value * lags))


def _pairs_at(lag: int, bits: int, count: int) -> tuple[int, int, int, int]:
    """How many pairs there are at a lag, and how many of the first, of the second, and of both are yes."""
    blocks = "0" * lag + "1" * lag
    firsts = int((blocks * (count // (2 * lag) + 1))[-count:], 2) & ((1 << (count - lag)) - 1)
    first_yes, second_yes = bits & firsts, (bits >> lag) & firsts
    both_yes = first_yes & second_yes
    return firsts.bit_count(), first_yes.bit_count(), second_yes.bit_count(), both_yes.bit_count()


def groups(outcomes: Sequence[Sequence[bool]]) -> float:
    """How likely it is that outcomes agree within their groups as much, or as little, as they do: two-sided.

    By Pearson's chi-squared as statistic, and chance itself, tried `RESAMPLES` times with a fixed seed, as its
    distribution, which keeps the level exactly; what is nothing unusual is known after fewer. Of many groups the largest
    are looked at.
    """
    from numpy.random import default_rng  # noqa: PLC0415

    largest = nlargest(_GROUPS_LOOKED_AT, (group for group in outcomes if len(group) > 1), key=len)
    sizes, yes = [len(group) for group in largest], [sum(group) for group in largest]
    if len(sizes) < 2 or sum(yes) in (0, sum(sizes)):
        return 1.0
    # Each draw by itself is quick where there are few, each group by itself where there are many.
    method: Any = "count" if sum(yes) < _DRAWS_OF_A_GROUP * len(sizes) else "marginals"
    seen = sum(each * each / size for each, size in zip(yes, sizes, strict=True))
    for resamples in (_RESAMPLES_AT_FIRST, RESAMPLES):
        tried: Any = default_rng(_SEED).multivariate_hypergeometric(sizes, sum(yes), size=resamples, method=method)
        by_chance: Any = (tried * tried / sizes).sum(axis=1)
        as_unusual = min(int((by_chance > seen - 1e-9).sum()), int((by_chance < seen + 1e-9).sum()))
        if as_unusual >= _NOTHING_UNUSUAL:
            break
    return min(1.0, 2 * (1 + as_unusual) / (1 + resamples))
