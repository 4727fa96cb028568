"""Nothing is done twice: a task is completed at most once, not after its death, and in no more attempts than allowed.

A message that was acknowledged after its task was done looks the same whether its work was done again or it was dropped as a
duplicate. So with several messages of one task a fail needs more: that two of them succeeded, each with all the calls that every task's
work has in common, or that the task's own record tells of two successes, or
of more attempts than allowed, or that more attempts than allowed asked for a backoff; without that it is unknown. One
message that succeeds twice, or after it was dead-lettered, is a fail, whatever evidence is missing. That one message
was received too often, or was dead-lettered after a success, is for `redrive` to tell. This module must not know how a
pipeline keeps duplicates apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    History,
    RecordObserved,
    Redriven,
    TaskSubmitted,
)
from taskguard.history.wording import times
from taskguard.judging.checks.asked import is_sent_once
from taskguard.judging.checks.attempts import duplicates_in_doubt, has_duplicates
from taskguard.judging.checks.ends import Ends, ends_of
from taskguard.judging.checks.work import Deeds, usual_deeds, was_work
from taskguard.judging.verdict import Question, Verdict, Violation, conclude, tasks_at_fault

QUESTION = Question(
    check="effect",
    claim="A task is completed at most once, never after its death, and in no more attempts than allowed.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, DeadLettered),
    lasts=is_sent_once,
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether anything was done twice or after its end."""
    ends = {task_id: ends_of(history, task_id) for task_id in history.task_ids}
    usual = usual_deeds(history)
    violations = [found for task_id, of in ends.items() for found in _of_task(history, task_id, of, usual, terms)]
    ended = sum(any(each.events for each in ends[task_id]) for task_id in history.accepted)
    wrong, highest = tasks_at_fault(violations), terms.contract.attempts.highest
    return conclude(
        QUESTION,
        history,
        [*violations, *duplicates_in_doubt(history)],
        expected="each task completed at most once, not after its death"
        + (f", in at most {highest} attempts" if highest is not None else ""),
        observed=f"{times(ended, 'task')} ended: {times(wrong, 'task')} done more than once or too often",
        figures={"ended": ended, "at_fault": wrong},
    )


def _of_task(history: History, task_id: str, ends: tuple[Ends, ...], usual: Deeds, terms: Terms) -> Iterator[Violation]:
    is_duplicated = has_duplicates(history, task_id)
    for number, each in enumerate(ends):
        name = f"task {task_id}, put back to work," if number else f"task {task_id}"
        yield from _between_redrives(task_id, name, each, is_duplicated=is_duplicated)
    if any(not each.dead_letters for each in ends[:-1]):
        message = f"task {task_id} was put back to work although it had not been dead-lettered"
        yield Violation(task_id, message, history.of_task(task_id), (DeadLettered,))
    if is_duplicated:
        yield from _of_duplicates(history, task_id, len(ends), usual, terms)
    yield from _put_back(history, task_id, terms)


def _between_redrives(task_id: str, name: str, ends: Ends, *, is_duplicated: bool) -> Iterator[Violation]:
    successes, deaths = ends.successes, ends.dead_letters
    if len(deaths) > 1:
        yield Violation(task_id, f"{name} was dead-lettered {len(deaths)} times", deaths)
    if is_duplicated:
        return
    if len(successes) > 1:
        yield Violation(task_id, f"{name} was completed {len(successes)} times", successes)
    if deaths and successes and successes[-1].at_ms > deaths[0].at_ms:
        message = f"{name} was completed after it had been dead-lettered"
        yield Violation(task_id, message, (deaths[0], successes[-1]))


def _put_back(history: History, task_id: str, terms: Terms) -> Iterator[Violation]:
    """That the service itself put a task back to work which had all the attempts that a contract allows, and does not leave to the stack."""
    by = [each for each in history.of_task(task_id, Redriven) if each.by is not None]
    attempts, highest = history.attempts_of(task_id), terms.contract.attempts.highest
    if by and highest is not None and terms.contract.attempts.by != AS_DEPLOYED and len(attempts) > highest:
        message = (
            f"task {task_id} was put back to work {times(len(by), 'time')} by {by[0].by}, which consumes the dead letters: "
            f"{len(attempts)} attempts in all, {highest} are allowed"
        )
        yield Violation(task_id, message, (*by, *history.dead_letters.get(task_id, ())))


def _of_duplicates(
    history: History, task_id: str, times_to_end: int, usual: Deeds, terms: Terms
) -> Iterator[Violation]:
    attempts = history.attempts_of(task_id)
    records = history.of_task(task_id, RecordObserved)
    recorded = records[-1].attempts if records else ()
    words = terms.dialect.record
    done = sum(words is not None and each.outcome == words.attempt_succeeded for each in recorded)
    # Whoever drops a duplicate asks for no backoff, nor for another try.
    tried = [each for each in attempts if each.failed is not None and (each.backoffs or each.resends)]
    messages = times(len({attempt.message_id for attempt in attempts}), "message")
    if done > 1:
        message = f"task {task_id} was completed {done} times, as its record tells; {messages} carried it"
        yield Violation(
            task_id, message, (*(attempt.succeeded for attempt in attempts if attempt.succeeded), records[-1])
        )
    elif not history.is_explained(task_id):
        worked = [each for each in attempts if each.succeeded is not None and was_work(history, task_id, each, usual)]
        if len(worked) > 1:
            message = (
                f"task {task_id} was worked on {len(worked)} times, by what was called for it; {messages} carried it"
            )
            yield Violation(task_id, message, [event for each in worked for event in each.events])
    highest = terms.contract.attempts.highest
    if highest is None:
        return
    allowed = highest * times_to_end
    if len(tried) > allowed:
        shown = [event for attempt in tried for event in attempt.events]
        message = f"task {task_id} failed {len(tried)} attempts in {messages}, {allowed} are allowed"
        yield Violation(task_id, message, shown)
    elif len(recorded) > allowed:
        message = (
            f"task {task_id} had {len(recorded)} attempts in {messages}, as its record tells; {allowed} are allowed"
        )
        yield Violation(task_id, message, (records[-1],))
