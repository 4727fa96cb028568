"""The leeway that a run on AWS has, beside one on this machine: several machines' clocks, and functions that start cold.

The figures are chosen, not measured: nothing has been run on AWS yet.
"""

from __future__ import annotations

from taskguard.contract.expectations import Expectations

CLOCK_TOLERANCE_MS = 1000.0
"""How far this machine's clock may be from AWS's."""

LATE_TOLERANCE_SECONDS = 5.0
"""How late a message may come back: beside what a local engine needs, a cold start."""

EMPTY_FOR_SECONDS = 15.0
"""How far apart the two looks are that find the queues empty: what the logs are waited for in any case. SQS's numbers are
approximate, and settle within a minute."""


def expected_on_aws(failure_seed: str | None, failure_rate: float) -> Expectations:
    """What is expected of the pipeline there: what is expected of it anywhere, with this leeway."""
    return Expectations(
        failure_seed=failure_seed,
        failure_rate=failure_rate,
        late_tolerance_seconds=LATE_TOLERANCE_SECONDS,
        empty_for_seconds=EMPTY_FOR_SECONDS,
        clock_tolerance_ms=CLOCK_TOLERANCE_MS,
    )
