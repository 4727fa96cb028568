"""Whether yes-or-no outcomes follow something else that is known of them: that one of several marks is on those that are yes.

The outcomes are of one or several kinds, each with a rate of its own: only within a kind is any order as likely as any other when
they follow nothing. What is told of one mark is exact (Fisher's exact test, summed over the kinds), and what is told of the most
telling of several is multiplied by their number. It must not know what the outcomes or the marks are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taskguard.judging.statistics.distributions import hypergeometric

_LOOKED_AT = 4
"""Of so many marks, those that outcomes deviate most with, the exact probabilities are told."""

_MOST_THAT_ARE_TRIED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """The mark, by its index, that outcomes follow most; how many bear it, how many of them are yes, and how likely something as
    telling is by chance, all marks considered (two-sided)."""

    mark: int
    marked: int
    yes: int
    p_value: float


def association(outcomes: Sequence[bool], kinds: Sequence[int], marks: Any) -> Association | None:
    """The mark that outcomes follow most; none where no mark tells some of a kind from others.

    ``kinds`` are the outcomes' kinds, and ``marks`` is a matrix of yes and no: a row for each outcome, a column for each mark.
    """
    import numpy as np  # noqa: PLC0415

    yes, of_kind = np.asarray(outcomes, dtype=float), np.asarray(kinds)
    marked: Any = np.asarray(marks, dtype=float).reshape(len(yes), -1)
    deviation, variance, margins = np.zeros(marked.shape[1]), np.zeros(marked.shape[1]), []
    for kind in np.unique(of_kind):
        rows = of_kind == kind
        count, failed, bear = int(rows.sum()), float(yes[rows].sum()), marked[rows].sum(axis=0)
        margins.append((count, int(failed), bear.astype(int)))
        deviation += yes[rows] @ marked[rows] - bear * failed / count
        if count > 1:
            variance += bear * (count - bear) * failed * (count - failed) / (count * count * (count - 1.0))
    telling = np.flatnonzero(variance > 1e-12)
    if not len(telling):
        return None
    unusual = deviation[telling] ** 2 / variance[telling]
    looked_at = telling[np.argsort(-unusual, kind="stable")[:_LOOKED_AT]]
    found = yes @ marked
    p_value, mark = min(
        (_p_value(round(found[each]), [(n, f, b[each]) for n, f, b in margins]), each) for each in looked_at
    )
    return Association(
        mark=int(mark),
        marked=int(marked[:, mark].sum()),
        yes=round(found[mark]),
        p_value=min(1.0, p_value * len(telling)),
    )


def fewest_that_tell(count: int, yes: int, marks: int, level: float) -> int | None:
    """How many of ``count`` outcomes, of which so many are ``yes``, have to bear one of so many ``marks`` at least before anything
    about it could be significant; none when nothing could."""
    import numpy as np  # noqa: PLC0415

    bear = np.arange(1, min(count // 2, _MOST_THAT_ARE_TRIED) + 1)
    most, fewest = np.minimum(bear, yes), np.maximum(0, bear + yes - count)
    likely = np.minimum(hypergeometric(most, count, yes, bear), hypergeometric(fewest, count, yes, bear))
    telling = bear[2 * likely * max(1, marks) < level]
    return int(telling[0]) if len(telling) else None


def _p_value(found: int, margins: Sequence[tuple[int, int, int]]) -> float:
    """How likely a sum as far out as ``found`` is, of hypergeometric numbers with these ``margins``: of so many, of which so many
    are yes, so many are marked."""
    import numpy as np  # noqa: PLC0415

    chances, least = np.ones(1), 0
    for count, yes, marked in margins:
        lowest, highest = max(0, marked + yes - count), min(marked, yes)
        chances = np.convolve(chances, hypergeometric(np.arange(lowest, highest + 1), count, yes, marked))
        least += lowest
    place = found - least
    return min(1.0, 2 * float(min(chances[: place + 1].sum(), chances[place:].sum())))
