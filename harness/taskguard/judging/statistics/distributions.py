"""The binomial and the hypergeometric distribution: how likely so many yes are.

With SciPy's special functions alone: its own distributions take longer to load than everything else that judges. It must not know
what is yes.
"""

from __future__ import annotations

from typing import Any


def binomial(trials: int, rate: float) -> Any:
    """How likely each number of yes is, from 0 on, in so many trials of which each is yes at this rate."""
    import numpy as np  # noqa: PLC0415
    from scipy.special import xlog1py, xlogy  # noqa: PLC0415

    yes = np.arange(trials + 1)
    return np.exp(_ways(trials, yes) + xlogy(yes, rate) + xlog1py(trials - yes, -rate))


def hypergeometric(found: Any, count: int, yes: Any, drawn: Any) -> Any:
    """How likely it is that of ``drawn`` of so many, of which so many are yes, exactly ``found`` are yes, which has to be possible.
    Each but ``count`` may be an array."""
    import numpy as np  # noqa: PLC0415

    return np.exp(_ways(yes, found) + _ways(count - yes, drawn - found) - _ways(count, drawn))


def at_most(found: int, count: int, yes: int, drawn: int) -> float:
    """How likely it is that so many of those that are drawn are yes, or fewer."""
    import numpy as np  # noqa: PLC0415

    possible = np.arange(max(0, yes + drawn - count), min(found, yes, drawn) + 1)
    return min(1.0, float(hypergeometric(possible, count, yes, drawn).sum()))


def at_least(found: int, count: int, yes: int, drawn: int) -> float:
    """How likely it is that so many of those that are drawn are yes, or more."""
    return at_most(drawn - found, count, count - yes, drawn)


def _ways(of: Any, chosen: Any) -> Any:
    """The logarithm of the number of ways to choose so many."""
    from scipy.special import gammaln  # noqa: PLC0415

    return gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1)
