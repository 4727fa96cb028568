"""Attempts that did nothing but a conditional write, which was refused: the task was claimed by an attempt before, which had failed.

Who hands such a message back uses up its receives, and it may die without another try. This module must not know how many there may be.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Attempt, DeadLettered, History
from taskguard.history.wording import times
from taskguard.judging.checks.attempts import chains_of_accepted, dead_letters_of
from taskguard.judging.verdict import Advice

_REFUSED = ("ConditionalCheckFailedException", "TransactionCanceledException")


def held_back(history: History) -> Iterator[Advice]:
    """Tell of the tasks that died after attempts which a claim of their own stood in the way of."""
    found: list[tuple[DeadLettered, int]] = []
    for chain in chains_of_accepted(history):
        refused = sum(_was_refused(history, attempt) for attempt in chain.attempts[1:] if attempt.failed is not None)
        if refused and (arrivals := dead_letters_of(history, chain)):
            found.append((arrivals[0], refused))
    if found:
        dead = found[0][0]
        message = (
            f"of {times(len(found), 'task')} that died {times(sum(number for _, number in found), 'attempt')} did nothing but a conditional write, "
            "which was refused: a claim of an attempt that had failed may have stood in the way. Release the claim when an attempt fails, or let "
            "it expire before the message comes again"
        )
        yield Advice(dead.task_id, message, history.of_task(dead.task_id or ""))


def _was_refused(history: History, attempt: Attempt) -> bool:
    """Whether all that it would have changed was refused."""
    calls = [
        each
        for each in history.calls.get(attempt.task_id or "", ())
        if each.delivery_id == attempt.delivery_id and not each.guessed
    ]
    return bool(calls) and all(each.error in _REFUSED for each in calls)
