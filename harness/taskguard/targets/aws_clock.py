"""How far this machine's clock is from AWS's, found out from the ``Date`` of its answers.

A run's history is on one clock: what the harness saw is stamped by this machine, what the functions logged by AWS's. The
header has whole seconds only, but each answer narrows the range, most of all those on both sides of a new second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from taskguard.support.waiting import WaitedInVain, wait_for

FAR_ENOUGH_APART_SECONDS = 1.2
"""Looking for this long sees a new second begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedAnswer:
    """One answer's ``Date``, and when this machine's clock saw the request leave and the answer come; in milliseconds."""

    sent_at_ms: float
    answered_at_ms: float
    date_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The other clock is ahead of this one by something between the two, in milliseconds; behind, where negative."""

    least_ms: float
    most_ms: float

    @property
    def is_precise(self) -> bool:
        """Whether more answers would hardly tell more."""
        return self.most_ms - self.least_ms <= 250

    def is_within(self, tolerance_ms: float) -> bool:
        """Whether the clocks may be as close as this."""
        return self.least_ms <= tolerance_ms and self.most_ms >= -tolerance_ms

    def __str__(self) -> str:
        middle = (self.least_ms + self.most_ms) / 2000
        return f"{abs(middle):.1f} s {'behind' if middle > 0 else 'ahead of'}"


def skew_of(answers: Iterable[DatedAnswer]) -> Skew | None:
    """What all ``answers`` agree on; none when there is none, or when they contradict each other (a clock was set)."""
    ranges = [
        # The other clock stood somewhere in that second while the request was under way.
        (answer.date_ms - answer.answered_at_ms, answer.date_ms + 1000 - answer.sent_at_ms)
        for answer in answers
    ]
    least, most = max((low for low, _ in ranges), default=0.0), min((high for _, high in ranges), default=-1.0)
    return Skew(least_ms=least, most_ms=most) if least <= most else None


def measure_skew(ask: Callable[[], str | None]) -> Skew | None:
    """Compare this machine's clock with that of whoever ``ask`` asks: it returns the ``Date`` header of a new answer.

    None when there is no such header to be had, or when a clock was set meanwhile.
    """
    answers: list[DatedAnswer] = []

    def told() -> bool:
        sent_at = time.time() * 1000
        date_ms = _milliseconds(ask())
        if date_ms is None:
            raise _NoDate
        answers.append(DatedAnswer(sent_at_ms=sent_at, answered_at_ms=time.time() * 1000, date_ms=date_ms))
        skew = skew_of(answers)
        return skew is None or skew.is_precise

    try:
        with suppress(WaitedInVain):
            wait_for(told, seconds=FAR_ENOUGH_APART_SECONDS, every=0.1, at_most_every=0.1)
    except _NoDate:
        return None
    return skew_of(answers)


class _NoDate(Exception):
    """An answer without a date."""


def _milliseconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp() * 1000
    except ValueError:
        return None
