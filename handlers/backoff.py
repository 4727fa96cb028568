"""How long a failed attempt waits for the next one.

Pure arithmetic in whole seconds, the only unit that SQS knows for a visibility timeout. It must not know of queues or
settings.
"""

from __future__ import annotations

from dataclasses import dataclass

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
LONGEST_VISIBILITY_SECONDS = 43_200


@dataclass(frozen=True, slots=True)
class Backoff:
    """An exponential schedule: `base_seconds`, then each wait `factor` times the one before, up to what SQS allows."""

    base_seconds: int
    factor: int

    def delay_seconds(self, attempt: int) -> int:
        """The wait in seconds after attempt `attempt` (1, 2, 3 …) failed. Raises ValueError for an attempt below 1."""
        if attempt < 1:
            raise ValueError(f"attempts are counted from 1, got {attempt}")
        delay = self.base_seconds
        # Step by step, so that a very high receive count costs no huge power.
        for _ in range(attempt - 1):
            if self.factor == 1 or delay == 0 or delay >= LONGEST_VISIBILITY_SECONDS:
                break
            delay *= self.factor
        return min(delay, LONGEST_VISIBILITY_SECONDS)
