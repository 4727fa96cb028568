"""What was done for a task, by the calls that changed or sent something in its name: never by what the service says.

Services differ in what they do; what all tasks that succeeded at once have in common is what this one's work is known by. Where they
have nothing in common nothing can be told. This module must not know what is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from taskguard.history import Attempt, Called, History
from taskguard.judging.once import once

_FEWEST = 3
"""Fewer tasks that succeeded at once have things in common by chance."""

_ACKNOWLEDGES = "DeleteMessage"

_SENDS = ("SendMessage", "Publish", "PutEvents", "CreateSchedule", "StartExecution", "Invoke")

Deeds = Counter[str]
"""How often each kind of call took effect."""


def deeds_of(history: History, task_id: str, attempts: Iterable[Attempt]) -> Deeds:
    """What was done for the task in these attempts. Of two messages of it in one delivery nobody knows for which."""
    deliveries = {attempt.delivery_id for attempt in attempts}
    return Counter(
        call.what for call in history.calls.get(task_id, ()) if call.delivery_id in deliveries and _is_deed(call)
    )


@once
def usual_deeds(history: History) -> Deeds:
    """The least that was done for each task that succeeded at its first and only attempt, in which no fault struck; nothing where nothing is
    common to all. Where tasks were carried by several messages throughout, for each message that did so."""
    at_once = [
        (task_id, attempts) for task_id in history.accepted if len(attempts := history.attempts_of(task_id)) == 1
    ]
    if len(at_once) < _FEWEST:
        at_once = [
            (chain.task_id or "", chain.attempts)
            for task_id in history.accepted
            for chain in history.chains_of(task_id)
            if len(chain.attempts) == 1
        ]
    usual: Deeds | None = None
    count = 0
    for task_id, attempts in at_once:
        if attempts[0].succeeded is not None and not history.was_struck(attempts[0]):
            deeds = deeds_of(history, task_id, attempts)
            usual = deeds if usual is None else usual & deeds
            count += 1
            if not usual:
                break
    return usual if usual is not None and count >= _FEWEST else Counter()


def was_work(history: History, task_id: str, attempt: Attempt, usual: Deeds) -> bool:
    """Whether all that is usual was done in this delivery, which carried no other message of the task. Who sends something then that is
    not usual may have put the task off, and not done it."""
    of_delivery = [each for each in history.attempts_of(task_id) if each.delivery_id == attempt.delivery_id]
    deeds = deeds_of(history, task_id, [attempt])
    return bool(usual) and len(of_delivery) == 1 and usual <= deeds and not _sends(deeds - usual)


def was_handed_on(history: History, task_id: str, attempt: Attempt) -> bool:
    """Whether something was sent in the task's name in this attempt's delivery, as to a next stage."""
    return _sends(deeds_of(history, task_id, [attempt]))


def _sends(deeds: Deeds) -> bool:
    return any(deed.partition(".")[2].startswith(_SENDS) for deed in deeds)


def _is_deed(call: Called) -> bool:
    return call.took_effect and not call.guessed and not call.operation.startswith(_ACKNOWLEDGES)
