"""How much leeway a run has: how late something may come, how far apart clocks may be, how sure a test must be.

They depend on where a run takes place, and on no service.
"""

from __future__ import annotations

from taskguard.support.typed import Strict


class Tolerances(Strict, frozen=True, kw_only=True):
    """The leeway.

    A message may come back `late_seconds` after its wait, never before. `empty_for_seconds` is how far apart the two looks are, at
    the least, that find the queues empty at the end of a run. `clock_ms` is allowed between a time that the pipeline wrote down and
    the same moment in the history: rounding to a millisecond on one machine; more when the pipeline's clock is another machine's.
    Without a seed each check of what is drawn tests at `significance` (two-sided).
    """

    late_seconds: float = 2.0
    empty_for_seconds: float = 0.25
    clock_ms: float = 5.0
    significance: float = 0.001

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0 <= (value := getattr(self, name)) <= most:
                raise ValueError(f"{name} is between 0 and {most}, not {value}")
        if not 0 < self.significance < 1:
            raise ValueError(f"significance is between 0 and 1, not {self.significance}")


_MOST = {"late_seconds": 86_400, "empty_for_seconds": 86_400, "clock_ms": 3_600_000}
"""More is no leeway: nothing would be late, or out of order."""

ON_AWS = Tolerances(late_seconds=5.0, empty_for_seconds=15.0, clock_ms=1000.0)
"""On AWS clocks are several machines', and functions start cold. The looks are as far apart as the logs are waited for in any case;
SQS's numbers are approximate, and settle within a minute. The figures are chosen, not measured: nothing has been run on AWS yet."""
