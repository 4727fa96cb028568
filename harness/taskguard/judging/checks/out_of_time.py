"""Which deliveries ended because their function ran out of time, and how checks speak of that: as the function's own matter, not as a
neighbour's, nor as a decision of the consumer's.

This module must not know what a check makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import History, InvocationFailed

TIMED_OUT = "Sandbox.Timedout"
"""The type of error that Lambda tells of such an invocation."""

WHAT_TO_DO = "Raise the function's timeout, lower the batch size, or stop in time and report what is left as failed"


class OutOfTime:
    """Those deliveries of a history."""

    def __init__(self, history: History) -> None:
        self._by_delivery = {
            event.delivery_id: event for event in history.of_kind(InvocationFailed) if event.error_type == TIMED_OUT
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_delivery)

    def words(self, delivery_id: str) -> str | None:
        """That its function ran out of time: `work ran out of time (Task timed out after 3.00 seconds)`; none where it did not."""
        event = self._by_delivery.get(delivery_id)
        return None if event is None else f"{event.function} ran out of time ({event.message})"
