"""A backoff that is asked for before the work: the wait begins with the attempt and not at its failure, which shortens it by the work.

Who asks only when the work has failed never asks in an attempt that succeeds; so this is told only of consumers that were seen to ask
there, too. The moment of a failure is not seen, only the end of its delivery: in a batch it is known of the last message that was asked
for, since its work came after that. This module must not know which wait is right.
"""

from __future__ import annotations

from taskguard.history import Attempt, BackoffRequested, Event, History
from taskguard.history.wording import seconds
from taskguard.judging.checks.attempts import chains_of_accepted

_LONG_BEFORE_MS = 500.0
"""So long after its request an attempt had not just failed: writing that down and answering takes less."""


class EarlyBackoffs:
    """What tells of a history's requests whether they were made before the work."""

    def __init__(self, history: History) -> None:
        self._asks_in_any_case = any(
            attempt.succeeded and attempt.granted
            for chain in chains_of_accepted(history)
            for attempt in chain.attempts
            if attempt.backoffs or attempt.resends
        )
        self._last_of_delivery: dict[str, BackoffRequested] = {}
        for request in history.of_kind(BackoffRequested):
            self._last_of_delivery[request.delivery_id] = request

    def words(self, attempt: Attempt, came: Event | None) -> str | None:
        """That the wait after a failed attempt began before its work, and was too short for it; none where that is not so."""
        granted, failed = attempt.granted, attempt.failed
        if not self._asks_in_any_case or failed is None or came is None or not isinstance(granted, BackoffRequested):
            return None
        early_ms = failed.at_ms - granted.answered_ms
        is_last = self._last_of_delivery.get(attempt.delivery_id) is granted
        is_kept = came.at_ms - failed.at_ms >= granted.delay_seconds * 1000
        if not is_last or early_ms < _LONG_BEFORE_MS or is_kept:
            return None
        return (
            f"asked for its backoff of {seconds(granted.delay_seconds)} before the work, as attempts that succeed do too: "
            f"{seconds(max(0.0, came.at_ms - failed.at_ms) / 1000)} of it were left when the attempt ended, "
            f"{seconds(early_ms / 1000)} later. Ask when the work has failed"
        )
