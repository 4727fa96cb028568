"""How many failures there were, against how many there should be: an exact two-sided test, and what it can find.

A trial is a run of draws that goes on after a failure and ends with the first success, or after `most` failures: a first
attempt is a trial with one draw, the later attempts of a task are one with several. The number of draws depends on
their outcomes, so a binomial test of all draws would not keep its level; the number of failures in a given number of
trials has a distribution that is known exactly. It must not know what was drawn.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from taskguard.judging.statistics.distributions import binomial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

POWER = 0.9
"""The probability with which a rate is to be found, for it to be called one that the test finds."""

_STEPS = 1_000_000
"""In so many steps a rate is looked for, between the one that is tested and the least or the largest there can be."""

_TIES = 1 + 1e-7
"""Probabilities that differ by less are the same: SciPy's own binomial test has this factor too."""


@dataclass(frozen=True)
class CountTest:
    """The test of a failure rate by the number of failures in `trials` trials of at most `most` failures each.

    As in the binomial test, the p-value is the probability of all outcomes that are no more likely than the one seen;
    with `most` 1 it is the binomial test.
    """

    trials: int
    most: int
    rate: float
    significance: float

    def p_value(self, failures: int) -> float:
        """The probability of an outcome as unlikely as this number of failures, if the rate is the one tested."""
        return min(1.0, float(self._p_values[failures]))

    def largest_p_value(self, fewest: int, most: int) -> float:
        """The largest p-value of any number of failures from `fewest` to `most`, where it is not known exactly."""
        return min(1.0, float(self._p_values[fewest : most + 1].max()))

    @property
    def can_reject(self) -> bool:
        """Whether any number of failures would be significant."""
        return bool(self._rejected.any())

    def finds(self) -> tuple[float | None, float | None]:
        """The rate below, and the one above, which a rate is found with a probability of `POWER`; none where no rate is."""
        return self._finds_towards(0.0), self._finds_towards(1.0)

    def _finds_towards(self, end: float) -> float | None:
        def rate_after(steps: int) -> float:
            return self.rate + (end - self.rate) * steps / _STEPS

        def is_found(steps: int) -> bool:
            return float(self._distribution(rate_after(steps))[self._rejected].sum()) >= POWER

        if end == self.rate or not is_found(_STEPS):
            return None
        return round(rate_after(bisect_left(range(_STEPS), True, key=is_found)), 4)

    @cached_property
    def _p_values(self) -> Floats:
        likely = self._distribution(self.rate)
        ascending: Any = likely[likely.argsort()]
        no_likelier: Floats = ascending.cumsum()[ascending.searchsorted(likely * _TIES, side="right") - 1]
        return no_likelier

    @cached_property
    def _rejected(self) -> Any:
        return self._p_values < self.significance

    def _distribution(self, rate: float) -> Floats:
        """The probability of each number of failures from 0 on."""
        if self.most == 1:
            exactly: Floats = binomial(self.trials, rate)
            return exactly
        from scipy.fft import irfft, next_fast_len, rfft  # noqa: PLC0415

        of_one = [(1 - rate) * rate**failures for failures in range(self.most)] + [rate**self.most]
        outcomes = self.trials * self.most + 1
        size = next_fast_len(outcomes + 1, real=True)
        found: Floats = irfft(rfft(of_one, size) ** self.trials, size)[:outcomes]
        return found.clip(0)
