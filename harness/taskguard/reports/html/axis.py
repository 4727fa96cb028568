"""An axis from zero: where a value lies on it, in per cent of its length, and its ticks.

All pictures of the report place things by per cent, so that they fit a phone and a wide screen alike without being
scaled. It must not know what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its label, and where it is (per cent)."""

    label: str
    at: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an axis: where it begins, and how long it is (per cent)."""

    at: str
    length: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From 0 to ``end`` in steps of ``step``; labels are numbers multiplied by ``factor``, the last with the ``unit``."""

    end: float
    step: float
    unit: str = "s"
    factor: float = 1.0

    @classmethod
    def reaching(cls, most: float, ticks: int = 8) -> Axis:
        """An axis in seconds that has room for ``most``, with round ticks, about as many as asked for."""
        most = max(most, 1e-3)
        rough = most / ticks
        magnitude = 10.0 ** floor(log10(rough))
        step = next(step * magnitude for step in _STEPS if step * magnitude >= rough * 0.999)
        return cls(end=step * ceil(round(most / step, 6)), step=step)

    def at(self, value: float) -> str:
        """Where a value lies; one beyond an end is shown at that end."""
        return percent(100 * min(max(value / self.end, 0.0), 1.0))

    def span(self, start: float, stop: float) -> Span:
        """What reaches from ``start`` to ``stop``, so far as it is on the axis."""
        first, last = (min(max(value / self.end, 0.0), 1.0) for value in (start, stop))
        return Span(self.at(start), percent(100 * max(last - first, 0.0)))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        count = round(self.end / self.step)
        last = f" {self.unit}"
        return tuple(
            Tick(label=f"{self.factor * self.step * n:g}{last if n == count else ''}", at=self.at(self.step * n))
            for n in range(count + 1)
        )


def percent(value: float) -> str:
    """Return a percentage as SVG takes it, to a hundredth: `43.2%`."""
    return f"{round(value, 2):g}%"
