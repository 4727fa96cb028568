"""The message groups of a FIFO queue: which chains are of one, in which order, and when a group was free.

A group is closed as long as one of its messages is hidden
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/interleaving-multiple-ordered-message-groups.html).
This module must not know what is right of an order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from taskguard.history import Attempt, BackoffRequested, Chain, Delivered, History


def groups_of(history: History) -> Mapping[str, list[Chain]]:
    """The chains of each message group, as they were sent; those whose place in it was not seen are left out."""
    found: dict[str, list[tuple[int, Chain]]] = defaultdict(list)
    for chain in history.chains:
        delivered = chain.attempts[0].delivered
        if delivered is not None and delivered.group is not None and delivered.sequence is not None:
            found[delivered.group].append((delivered.sequence, chain))
    return {group: [chain for _, chain in sorted(each, key=lambda at: at[0])] for group, each in found.items()}


def free_ms(history: History, attempt: Attempt, due_ms: float, came_ms: float, hidden_seconds: float | None) -> float:
    """When the message of an attempt, due then, could come at the earliest: not before the others of its group that were delivered
    before it came had succeeded, or could come themselves. Unless it is asked otherwise the queue hides each for `hidden_seconds`."""
    group = attempt.delivered.group if attempt.delivered is not None else None
    if group is None:
        return due_ms
    others = (each for chain in history.chains for each in chain.attempts if each.message_id != attempt.message_id)
    latest_ms = due_ms
    for other in others:
        if other.delivered is not None and other.delivered.group == group and other.delivered.at_ms < came_ms:
            latest_ms = max(latest_ms, _back_ms(other, other.delivered, hidden_seconds))
    return max(due_ms, min(latest_ms, came_ms))


def _back_ms(attempt: Attempt, delivered: Delivered, hidden_seconds: float | None) -> float:
    if attempt.succeeded is not None:
        return attempt.succeeded.at_ms
    if attempt.failed is not None and attempt.sent_again is not None:
        # The message is gone, and the one in its place stands at the end of the group.
        return attempt.failed.at_ms
    if attempt.failed is not None and isinstance(granted := attempt.granted, BackoffRequested):
        return granted.answered_ms + 1000 * granted.delay_seconds
    return delivered.at_ms + 1000 * (hidden_seconds or 0.0)
