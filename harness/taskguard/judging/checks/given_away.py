"""A task that was tried again, and acknowledged when its consumer sent it to a queue that no task is sent to which succeeds at once.

It may have been given up there, to a queue that the stack does not know as its dead-letter queue, or go on to a next stage that only some
tasks have: what was done for all that succeed at once is all that can be held against it. This module must not know what is right.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Attempt, Called, History
from taskguard.judging.checks.attempts import chains_of_accepted
from taskguard.judging.verdict import Doubt

_FEWEST = 3
"""Fewer tasks that succeeded at once have nothing in common."""


def given_away(history: History) -> Iterator[Doubt]:
    """Yield the tasks of which cannot be told whether they were done."""
    chains = [chain for chain in chains_of_accepted(history) if chain.attempts[-1].succeeded is not None]
    at_once = [chain.attempts[0] for chain in chains if len(chain.attempts) == 1]
    if len(at_once) < _FEWEST:
        return
    usual = {call.resource for attempt in at_once for call in _sends(history, attempt)}
    for chain in chains:
        last = chain.attempts[-1]
        sends = _sends(history, last) if len(chain.attempts) > 1 else []
        unusual = [call for call in sends if call.resource not in usual]
        if unusual:
            message = (
                f"{chain.name} was acknowledged at attempt {last.number}, in which {unusual[0].function} sent it to {unusual[0].resource}, as "
                "no task that succeeds at once: whether it was done, or given up to that queue, cannot be told. The dead-letter queue "
                "is the one that the work queue's redrive policy names"
            )
            yield Doubt(chain.task_id, message, (*last.events, *unusual))


def _sends(history: History, attempt: Attempt) -> list[Called]:
    """The messages of the attempt's task that were sent in its delivery."""
    calls = history.calls.get(attempt.task_id or "", ())
    return [
        call
        for call in calls
        if call.delivery_id == attempt.delivery_id
        and call.service == "sqs"
        and call.operation.startswith("SendMessage")
        and call.took_effect
        and not call.guessed
    ]
