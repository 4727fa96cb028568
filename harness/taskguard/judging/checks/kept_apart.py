"""Two payloads that were accepted under one id, where the contract has them kept apart: each is a task, and worked on once.

They are told apart by what their messages carry. A record or a log names the id alone; the calls that do tell how often the work was done, and
not for which. This module must not know how a service keeps them apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import Attempt, AttemptSucceeded, Chain, DeadLettered, Delivered, History, TaskSubmitted
from taskguard.judging.checks.work import Deeds, deeds_of
from taskguard.judging.verdict import Doubt, Violation, unfinished
from taskguard.support.json_values import Json


def kept_apart(history: History, terms: Terms) -> frozenset[str]:
    """The tasks under whose id more than one payload was accepted, as the contract allows."""
    api = terms.contract.api
    if api.idempotent is Weight.OFF or api.other_payload != "kept-apart":
        return frozenset()
    return frozenset(task_id for task_id in history.handed_in_again if len(_payloads(history, task_id, terms)) > 1)


def of_each_payload(history: History, task_id: str, usual: Deeds, terms: Terms) -> Iterator[Violation | Doubt]:
    """What is wrong with one of these tasks: a payload that came in no message, one that nobody worked on, or one that somebody did twice."""
    submissions, chains = history.of_task(task_id, TaskSubmitted), history.chains_of(task_id)
    payloads = _payloads(history, task_id, terms)
    carried = [_payload(chain) for chain in chains]
    again = f"task {task_id} was accepted again with another payload"
    if terms.dialect.message.payload is None or None in carried:
        yield Doubt(task_id, f"{again}, and its messages do not tell which they carry", submissions)
    elif not all(any(terms.is_submitted(payload, each) for each in carried) for payload in payloads):
        yield unfinished(history, task_id, f"{again}, and one of the two came in no message", (Delivered,))
    elif (done := _times_done(history, task_id, usual)) is None:
        yield Doubt(task_id, f"{again}, and nothing shows how many were worked on", submissions)
    elif (ended := done + len(history.of_task(task_id, DeadLettered))) < len(payloads):
        message = f"{again}, and {ended} of {len(payloads)} were worked on to an end"
        yield unfinished(history, task_id, message, (AttemptSucceeded, DeadLettered))
    elif done > len(payloads):
        message = f"{again}, and {len(payloads)} payloads were worked on {done} times"
        yield Violation(task_id, message, history.of_task(task_id))


def _times_done(history: History, task_id: str, usual: Deeds) -> int | None:
    """How often all that is usual was done in this id's name; None where nothing is usual. Of a delivery that failed for one of its messages
    nobody knows how often it was done beyond those that succeeded."""
    if not usual:
        return None
    deliveries: dict[str, list[Attempt]] = {}
    for attempt in history.attempts_of(task_id):
        deliveries.setdefault(attempt.delivery_id, []).append(attempt)
    times = 0
    for attempts in deliveries.values():
        deeds, succeeded = deeds_of(history, task_id, attempts), sum(each.succeeded is not None for each in attempts)
        done = min(deeds[what] // count for what, count in usual.items())
        times += done if succeeded == len(attempts) else min(done, succeeded)
    return times


def _payloads(history: History, task_id: str, terms: Terms) -> list[Json]:
    """Each payload that was accepted under this id, once."""
    found: list[Json] = []
    for each in history.of_task(task_id, TaskSubmitted):
        if each.accepted and not any(terms.same_payload(each.payload, other) for other in found):
            found.append(each.payload)
    return found


def _payload(chain: Chain) -> Json:
    delivered = chain.attempts[0].delivered
    return None if delivered is None else delivered.payload
