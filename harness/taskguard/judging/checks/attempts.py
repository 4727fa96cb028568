"""What is known of accepted tasks' attempts and of the changes of their records, and what of them is in doubt.

Duplicates of a message leave open which of them did the work. This module must not know what is right of an attempt.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from taskguard.history import Attempt, Chain, DeadLettered, Event, History, ReceiveThrottled, Redriven
from taskguard.judging.checks.asked import sends_again
from taskguard.judging.checks.stages import died_earlier, dropped_earlier
from taskguard.judging.once import once_in_full
from taskguard.judging.verdict import Doubt

_FEWEST_COMPLETED = 3
"""Fewer tasks fail at their first attempt by chance."""


@once_in_full
def attempts_in_doubt(history: History) -> Iterator[Doubt]:
    """Yield what is not known of the accepted tasks' attempts: never delivered, no outcome, two outcomes.

    Any of these may hide a failed attempt, so a check that speaks of all failed attempts cannot pass beside them.
    """
    yield from duplicates_in_doubt(history)
    yield from steps_in_doubt(history)
    for task_id in history.accepted_ids:
        attempts = history.attempts_of(task_id)
        # One that was throttled each time was never attempted, nor was one that had ended before.
        ended = task_id in died_earlier(history) or dropped_earlier(history, task_id) is not None
        if not attempts and not ended and not history.of_task(task_id, ReceiveThrottled):
            yield Doubt(task_id, f"task {task_id} was never seen to be delivered", history.of_task(task_id))
        for attempt in attempts:
            what = f"task {task_id}: attempt {attempt.number}"
            if attempt.delivered is None:
                yield Doubt(task_id, f"{what} was seen, but not its delivery", attempt.events)
            if attempt.succeeded and attempt.failed:
                yield Doubt(task_id, f"{what} was seen both to succeed and to fail", attempt.events)
            elif not attempt.determined:
                yield Doubt(task_id, f"{what} was delivered, and its outcome was not seen", attempt.events)


@once_in_full
def chains_of_accepted(history: History) -> Iterator[Chain]:
    """Yield the chains of the accepted tasks, by task id; of a task with duplicates none, since none can be trusted, nor those over
    several messages where these may be steps."""
    may_be_steps = bool(steps_in_doubt(history))
    for task_id in history.accepted_ids:
        if not has_duplicates(history, task_id):
            yield from (each for each in history.chains_of(task_id) if not (may_be_steps and is_sent_again(each)))


def counted(history: History, chain: Chain) -> Iterator[tuple[int, Attempt]]:
    """Yield each attempt of a chain with its number. Who sends tasks again counts for himself, and knows of none that the run itself
    made to fail: such a one has the number of the attempt before, or 0."""
    if not sends_again(history):
        yield from ((attempt.number, attempt) for attempt in chain.attempts)
        return
    # Several deliveries of one receive have one number.
    own = sorted({attempt.number for attempt in chain.attempts if not history.was_struck(attempt)})
    yield from ((bisect_right(own, attempt.number), attempt) for attempt in chain.attempts)


def is_sent_again(chain: Chain) -> bool:
    """Whether a chain goes over several messages, or was to."""
    return any(attempt.sent_again is not None for attempt in chain.attempts)


@once_in_full
def steps_in_doubt(history: History) -> Iterator[Doubt]:
    """Yield that whoever sends a task to its queue again may go on with it, rather than try it again: where each task that was
    completed had been sent again first."""
    chains = [each[0] for task_id in history.accepted if len(each := history.chains_of(task_id)) == 1]
    completed = [chain for chain in chains if chain.attempts[-1].succeeded is not None]
    if len(completed) >= _FEWEST_COMPLETED and all(map(is_sent_again, completed)):
        message = (
            f"each of the {len(completed)} tasks that were completed had been sent to the queue again first: whether these are "
            "retries, or steps of its work, cannot be told"
        )
        yield Doubt(None, message, of_all=True)


def has_several_messages(history: History, task_id: str) -> bool:
    """Whether a task was carried by several messages that do not continue one another, for whatever reason."""
    return len(history.chains_of(task_id)) > 1


def has_duplicates(history: History, task_id: str) -> bool:
    """Whether there were more messages of a task than the first one and one for each redrive."""
    return len(history.chains_of(task_id)) > 1 + len(history.of_task(task_id, Redriven))


@once_in_full
def duplicates_in_doubt(history: History) -> Iterator[Doubt]:
    """Yield the tasks with duplicates: a consumer that drops one acknowledges it, as if it had done the work. What becomes of those
    that the run itself handed in again is for `idempotency` to tell."""
    for task_id in history.accepted_ids:
        if has_duplicates(history, task_id) and not history.is_explained(task_id):
            message = f"task {task_id} was sent in several messages; which of them did the work cannot be told"
            yield Doubt(task_id, message, history.of_task(task_id))


def changes_in_doubt(history: History, task_id: str) -> Iterator[Doubt]:
    """Yield that of a task's record some change was not seen, or that of no record any was."""
    changes = history.changes.get(task_id, [])
    if [change.number for change in changes] != list(range(1, len(changes) + 1)):
        yield Doubt(task_id, f"task {task_id}: not every change of its record was seen", changes)


def no_changes_seen(history: History) -> Iterator[Doubt]:
    """Yield that not one change was seen, of any record."""
    if history.accepted and not history.changes:
        message = "no change of any record was seen: the pipeline keeps none, or its store does not tell"
        yield Doubt(None, message, of_all=True)


def dead_letters_of(history: History, chain: Chain) -> tuple[DeadLettered, ...]:
    """Return the arrivals in the dead-letter queue that belong to a chain."""
    arrivals = history.of_kind(DeadLettered) if chain.task_id is None else history.dead_letters.get(chain.task_id, ())
    of_task = history.chains_of(chain.task_id) if arrivals and chain.task_id is not None else ()
    if not arrivals or (len(of_task) == 1 and of_task[0].message_ids == chain.message_ids):
        return arrivals
    return tuple(event for event in arrivals if event.origin_id in chain.message_ids)


def followed(history: History, chain: Chain) -> Iterator[tuple[Attempt, Event | None]]:
    """Yield each attempt of a chain with what was seen of its task next: the next receive, or its arrival in the dead-letter queue."""
    arrival = next(iter(dead_letters_of(history, chain)), None)
    following: list[Event] = [attempt.delivered or attempt.events[0] for attempt in chain.attempts[1:]]
    pairs = zip(chain.attempts, (*following, arrival), strict=True)
    all_throttled = throttled_of(history, chain)
    if not all_throttled:
        yield from pairs
        return
    places = {message_id: n for n, message_id in enumerate(dict.fromkeys(each.message_id for each in chain.attempts))}
    for attempt, came in pairs:
        # What was throttled had come back all the same.
        place = (places[attempt.message_id], attempt.receive_count)
        received = (each for each in all_throttled if (places[each.message_id], each.receive_count) > place)
        throttled = next(received, None)
        yield attempt, throttled if throttled is not None and (came is None or throttled.at_ms < came.at_ms) else came


def throttled_of(history: History, chain: Chain) -> tuple[ReceiveThrottled, ...]:
    """The receives of a chain's messages that were throttled until the message was visible again, in order of time."""
    return tuple(each for each in history.of_kind(ReceiveThrottled) if each.message_id in chain.message_ids)
