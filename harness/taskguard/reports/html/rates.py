"""Rates of failure with their intervals, as a picture's data: of each verdict whose figures have them.

A verdict that has a `rate` (0 to 1) among its figures is drawn, and its `interval` (two such) where it has one; what is
expected is the simulated rate, unless it says so itself (`expected_rate`). It must not know which checks there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, ValidationError, convert

from taskguard.contract.terms import Terms
from taskguard.judging.verdict import Verdict
from taskguard.reports.html.axis import Axis, Span
from taskguard.support.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate, and its interval if it has one, on an axis from 0 to 100 %; `outside` tells that what was expected is not in
    the interval."""

    name: str
    expected: str
    observed: str
    at: str
    interval: Span | None
    ends_at: tuple[str, ...]
    expected_at: str
    outside: bool
    cells: tuple[str, ...]


AXIS = Axis(end=1.0, step=0.2, unit="%", factor=100.0)

_Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]

HEADINGS = ("check", "rate expected", "rate observed", "interval from", "to")


def rates_of(verdicts: Iterable[Verdict], terms: Terms) -> tuple[Rate, ...]:
    """Return the rates that the verdicts' figures tell, in their order."""
    found = (_rate(verdict.check, verdict.figures, terms.rate or 0.0) for verdict in verdicts)
    return tuple(rate for rate in found if rate is not None)


def _rate(check: str, figures: Mapping[str, Json], simulated: float) -> Rate | None:
    rate = _read(_Share, figures.get("rate"))
    if rate is None:
        return None
    expected = _read(_Share, figures.get("expected_rate"))
    expected = simulated if expected is None else expected
    ends = _read(tuple[_Share, _Share], figures.get("interval"))
    between = f", between {_words(ends[0])} and {_words(ends[1])}" if ends else ""
    return Rate(
        name=check,
        expected=f"{_words(expected)} expected",
        observed=f"{_words(rate)} observed{between}",
        at=AXIS.at(rate),
        interval=AXIS.span(*ends) if ends else None,
        ends_at=tuple(map(AXIS.at, ends or ())),
        expected_at=AXIS.at(expected),
        outside=ends is not None and not ends[0] <= expected <= ends[1],
        cells=(check, _words(expected), _words(rate), *(map(_words, ends) if ends else ("–", "–"))),
    )


def _read(kind: Any, value: Json) -> Any:
    """The value as this kind, or none when it is of another."""
    try:
        return convert(value, kind)
    except ValidationError:
        return None


def _words(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
