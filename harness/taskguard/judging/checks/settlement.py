"""Every accepted task is settled, as it was submitted, and nothing else; then the queues are empty, and stay so.

Nothing lost, nothing invented. A dead-lettered task that an operator put back to work settles once more, and so on. A
task whose submission had no clear answer (a server's error, or none) may settle or not; a task that was refused is a fail,
since what a run submits is valid, and so is a message that is in a queue still when the run has waited to its deadline. A
task in several messages is unknown: a duplicate that was dropped looks as if it had done the work. A task that was not
seen to end is a fail when the run waited to its deadline or the work queue was empty, else unknown. A submission that was refused
because its id was taken, or that had no clear answer, may have been sent before that was known: its message may come once, to be
dropped. Queues that were not
seen empty twice, so far apart as is expected, are unknown. A dead-letter queue that nothing consumes need not be
empty. That one task was accepted twice with different payloads counts as the contract has it. That nothing is done twice is for
`effect` to tell. This module must not know what a task does between its acceptance and its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from taskguard.contract.contract import Weight
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptSucceeded,
    DeadLettered,
    Delivered,
    History,
    QueueDepth,
    RecordChanged,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.wording import describe, seconds, times
from taskguard.judging.checks.asked import queues_to_be_emptied
from taskguard.judging.checks.conclusion import Advice, Doubt, Question, Violation, conclude, duplicates_in_doubt
from taskguard.judging.checks.emptied import not_seen_to_stay_empty
from taskguard.judging.checks.lives import Life, has_more_messages_than_lives, lives_of
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="settlement",
    claim="Every accepted task is settled, as it was submitted, and nothing else; then the queues stay empty.",
    needs=(TaskSubmitted, AttemptSucceeded, DeadLettered, QueueDepth, RunEnded),
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge whether every accepted task ends, and nothing is left over."""
    lives = {task_id: lives_of(history, task_id) for task_id in history.task_ids}
    last = [lives[task_id][-1] for task_id in history.accepted]
    unsettled = [task_id for task_id in sorted(history.accepted) if not lives[task_id][-1].ends]
    twice = [found for task_id in lives for found in _two_payloads(history, task_id, terms)]
    completed, dead = sum(bool(life.successes) for life in last), sum(bool(life.deaths) for life in last)
    return conclude(
        QUESTION,
        history,
        expected="each accepted task completed or dead-lettered, no other, and the queues empty and still so "
        f"{seconds(terms.tolerances.empty_for_seconds)} later",
        observed=(
            f"{times(len(last), 'task')} accepted{_refusals(history)}: {completed} completed, "
            f"{dead} dead-lettered, {len(unsettled)} unsettled"
        ),
        violations=[
            *_violations(history, lives, unsettled, terms),
            *(twice if terms.contract.api.idempotent is Weight.MUST else ()),
        ],
        advice=[
            Advice(f"advised otherwise: {found.message}", found.events)
            for found in (twice if terms.contract.api.idempotent is Weight.ADVICE else ())
        ],
        doubts=_doubts(history, lives, unsettled, terms),
        figures={"accepted": len(last), "completed": completed, "dead": dead, "unsettled": len(unsettled)},
    )


def _violations(
    history: History, lives: dict[str, tuple[Life, ...]], unsettled: list[str], terms: Terms
) -> Iterator[Violation]:
    words = terms.dialect.message
    for task_id, of_task in lives.items():
        submissions = _submissions(history, task_id)
        found = [end for life in of_task for end in life.ends]
        was_taken = any(submission.accepted or submission.in_doubt for submission in submissions)
        # Without a word for it, what looks like a task's id in a message may be another's.
        if found and not was_taken and words.id is not None:
            how = "completed" if isinstance(found[0], AttemptSucceeded) else "dead-lettered"
            message = f"task {task_id} was {how} although it was never accepted"
            yield Violation(task_id, message, found, (TaskSubmitted,))
        if words.payload is not None:
            yield from _another_payload(history, task_id, submissions, terms)
    if history.waited_long_enough:
        for task_id in unsettled:
            if _may_be_unread(history, task_id, terms):
                continue
            excuses = (AttemptSucceeded, DeadLettered)
            yield Violation(task_id, _unsettled(history, task_id), history.of_task(task_id), excuses)
    for refused in _refused(history):
        if not _may_be_repeated(refused):
            who = f"task {refused.task_id}" if refused.task_id is not None else "a task without an id"
            yield Violation(refused.task_id, f"{who} was refused with HTTP {refused.status_code}", (refused,))
    if history.deadline_reached:
        yield from _left_at_the_deadline(history, unsettled)


def _left_at_the_deadline(history: History, unsettled: list[str]) -> Iterator[Violation]:
    for depth in (depths[-1] for queue in queues_to_be_emptied(history) if (depths := history.depths_of(queue))):
        left = f"{times(depth.total, 'message')} left in the {depth.queue} queue ({_whereabouts(depth)})"
        if depth.total and depth.queue == "dead-letter":
            yield Violation(None, f"at the end there were {left}: its consumer does not finish them", (depth,))
        elif depth.total and not unsettled:
            yield Violation(None, f"every task has ended, and yet at the end there were {left}", (depth,))


def _two_payloads(history: History, task_id: str, terms: Terms) -> Iterator[Violation]:
    first = history.accepted.get(task_id)
    if first is None:
        return
    others = [
        again
        for again in _submissions(history, task_id)
        if again.accepted and not terms.same_payload(again.payload, first.payload)
    ]
    if others:
        yield Violation(
            task_id, f"task {task_id} was accepted again with another payload, so one of the two is lost", others
        )


def _another_payload(
    history: History, task_id: str, submissions: list[TaskSubmitted], terms: Terms
) -> Iterator[Violation]:
    if task_id not in history.accepted:
        return
    accepted = [each.payload for each in submissions if each.accepted]
    in_vain = [each.payload for each in submissions if each.in_doubt or each.status_code == HTTPStatus.CONFLICT]
    for delivered in (event for event in history.of_task(task_id) if isinstance(event, Delivered)):
        if any(terms.is_submitted(payload, delivered.payload) for payload in accepted):
            continue
        in_vain_too = any(terms.is_submitted(payload, delivered.payload) for payload in in_vain)
        if not (in_vain_too and _dropped(history, delivered)):
            message = f"task {task_id} was delivered with another payload than was submitted"
            yield Violation(task_id, message, (history.accepted[task_id], delivered))
            return


def _may_be_unread(history: History, task_id: str, terms: Terms) -> bool:
    """Whether a task that was never seen in a message may have come in one whose words for it nobody stated."""
    if terms.dialect.message.id is not None or history.attempts_of(task_id):
        return False
    return any(each.task_id not in history.accepted for each in history.of_kind(Delivered))


def _unread_payload(history: History, task_id: str, terms: Terms) -> Iterator[Doubt]:
    """What looks like a task's payload in its message, and is none that was submitted, where nobody stated the words for it."""
    if terms.dialect.message.payload is None:
        submissions = _submissions(history, task_id)
        for found in _another_payload(history, task_id, submissions, terms):
            if any(isinstance(event, Delivered) and event.payload is not None for event in found.events):
                message = f"{found.message}, if it is in the field payload: name the field in taskguard.toml, as payload below [message]"
                yield Doubt(task_id, message, found.events)


def _dropped(history: History, delivered: Delivered) -> bool:
    """Whether this was the one delivery of its message, and did not fail: what is worked on may fail, what is dropped does not."""
    attempts = [
        each for each in history.attempts_of(delivered.task_id or "") if each.message_id == delivered.message_id
    ]
    return len(attempts) == 1 and attempts[0].failed is None


def _doubts(
    history: History, lives: dict[str, tuple[Life, ...]], unsettled: list[str], terms: Terms
) -> Iterator[Doubt]:
    if not history.waited_long_enough:
        for task_id in unsettled:
            message = f"{_unsettled(history, task_id)}; the run was stopped before its deadline"
            yield Doubt(task_id, message, history.of_task(task_id))
    for task_id in history.accepted:
        yield from _unread_payload(history, task_id, terms)
        if history.waited_long_enough and not lives[task_id][-1].ends and _may_be_unread(history, task_id, terms):
            message = f"task {task_id} was seen in no message, and others have no id that is known: name its field in taskguard.toml, as id below [message]"
            yield Doubt(task_id, message, history.of_task(task_id))
    for refused in _refused(history):
        if _may_be_repeated(refused):
            answer = f"HTTP {refused.status_code}" if refused.status_code else "no answer"
            yield Doubt(refused.task_id, f"task {refused.task_id} got {answer}, and was not accepted later", (refused,))
    for doubt in duplicates_in_doubt(history):
        if doubt.task_id is None or has_more_messages_than_lives(history, doubt.task_id, lives[doubt.task_id]):
            yield doubt
    if not unsettled:
        yield from not_seen_to_stay_empty(history, terms.tolerances.empty_for_seconds, _left)


def _left(depth: QueueDepth) -> str:
    left = f"{times(depth.total, 'message')} left in the {depth.queue} queue ({_whereabouts(depth)})"
    return f"every task has ended, and yet there were {left}, which may still be delivered"


def _refused(history: History) -> Iterator[TaskSubmitted]:
    """The submissions that were not accepted, of tasks that were not accepted later either."""
    for event in history.of_kind(TaskSubmitted):
        if not event.accepted and event.task_id not in history.accepted:
            yield event


def _may_be_repeated(refused: TaskSubmitted) -> bool:
    """Whether the answer asks for another try rather than calling the task invalid."""
    return refused.in_doubt or refused.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _refusals(history: History) -> str:
    refused = list(_refused(history))
    # One that was refused several times is one task; those without an id cannot be told apart.
    count = len({each.task_id for each in refused if each.task_id}) + sum(not each.task_id for each in refused)
    return f", {count} not accepted" if count else ""


def _whereabouts(depth: QueueDepth) -> str:
    return f"{depth.visible} visible, {depth.in_flight} in flight, {depth.delayed} delayed"


def _submissions(history: History, task_id: str) -> list[TaskSubmitted]:
    return [event for event in history.of_task(task_id) if isinstance(event, TaskSubmitted)]


def _unsettled(history: History, task_id: str) -> str:
    # The record is a claim; what was last seen to happen is what helps.
    seen = [event for event in history.of_task(task_id) if not isinstance(event, (RecordObserved, RecordChanged))]
    return f"task {task_id} was neither completed nor dead-lettered; last seen: {describe(seen[-1])}"
