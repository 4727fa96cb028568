"""Every accepted task ends exactly once: completed by one successful attempt, or dead-lettered once.

Nothing lost, nothing done twice, nothing invented. A dead-lettered task that an operator put back to work ends once more,
and so on. A task whose submission had no clear answer (a server's error, or
none) may end or not, at most once; a task that was refused is a fail, since what a run submits is valid, and so is a
message that stays in the dead-letter queue. A task in several messages is unknown: an acknowledged duplicate and work
done twice look the same from outside. Fails in spite of missing evidence when a task was seen to end twice. A task that
was not seen to end is a fail when the run waited to its deadline or the work queue was empty, else unknown.
This module must not know what a task does between its acceptance and its end.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

from harness.checks.conclusion import Doubt, Question, Violation, conclude, duplicates_in_doubt
from harness.expectations import Expectations
from harness.history import (
    AttemptSucceeded,
    DeadLettered,
    Event,
    History,
    QueueDepth,
    RecordChanged,
    RecordObserved,
    Redriven,
    RunEnded,
    TaskSubmitted,
)
from harness.history.wording import describe, times
from harness.strict_json import same_json
from harness.verdict import Verdict

QUESTION = Question(
    check="settlement",
    claim="Every accepted task ends exactly once, as completed or as dead-lettered.",
    needs=(TaskSubmitted, AttemptSucceeded, DeadLettered, RunEnded),
)


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge whether every accepted task ends exactly once."""
    del expectations  # how a task ends is the same for every pipeline
    ends = {task_id: _ends(history, task_id) for task_id in history.task_ids}
    accepted = [ends[task_id] for task_id in history.accepted]
    completed = sum(any(isinstance(end, AttemptSucceeded) for end in lives[-1]) for lives in accepted)
    dead = sum(any(isinstance(end, DeadLettered) for end in lives[-1]) for lives in accepted)
    unsettled = sum(not lives[-1] for lives in accepted)
    return conclude(
        QUESTION,
        history,
        expected="each accepted task completed once or dead-lettered once",
        observed=(
            f"{times(len(accepted), 'task')} accepted{_refusals(history)}: {completed} completed, "
            f"{dead} dead-lettered, {unsettled} unsettled"
        ),
        violations=_violations(history, ends),
        doubts=_doubts(history, ends),
        figures={"accepted": len(accepted), "completed": completed, "dead": dead, "unsettled": unsettled},
    )


_Lives = list[list[Event]]
"""The ends of a task: those before an operator first put it back to work, those before the next time, and so on."""


def _ends(history: History, task_id: str) -> _Lives:
    successes = [attempt.succeeded for attempt in history.attempts_of(task_id) if attempt.succeeded is not None]
    dead = [event for event in history.of_task(task_id) if isinstance(event, DeadLettered)]
    redriven = [event.at_ms for event in history.of_task(task_id) if isinstance(event, Redriven)]
    lives: _Lives = [[] for _ in range(len(redriven) + 1)]
    ends: list[Event] = [*successes, *dead]
    for end in ends:
        lives[bisect(redriven, end.at_ms)].append(end)
    return lives


def _violations(history: History, ends: dict[str, _Lives]) -> Iterator[Violation]:
    for task_id, lives in ends.items():
        submissions = _submissions(history, task_id)
        found = [end for life in lives for end in life]
        if found and not any(submission.accepted or submission.in_doubt for submission in submissions):
            how = "completed" if isinstance(found[0], AttemptSucceeded) else "dead-lettered"
            yield Violation(
                task_id, f"task {task_id} was {how} although it was never accepted", found, (TaskSubmitted,)
            )
        for life in lives:
            yield from _of_life(history, task_id, life, lives)
        if task_id in history.accepted and not lives[-1] and _waited_long_enough(history):
            yield Violation(
                task_id, _unsettled(history, task_id), history.of_task(task_id), (AttemptSucceeded, DeadLettered)
            )
        yield from _two_payloads(history, task_id, submissions)
    for refused in _refused(history):
        if not _may_be_repeated(refused):
            who = f"task {refused.task_id}" if refused.task_id is not None else "a task without an id"
            yield Violation(refused.task_id, f"{who} was refused with HTTP {refused.status_code}", (refused,))
    dead = _depth_of(history, "dead-letter")
    if dead is not None and dead.total and history.end is not None and history.end.deadline_reached:
        left = f"{times(dead.total, 'message')} left in the dead-letter queue"
        yield Violation(None, f"at the end there were {left}: its consumer does not finish them", (dead,))


def _of_life(history: History, task_id: str, life: list[Event], lives: _Lives) -> Iterator[Violation]:
    successes = sum(isinstance(end, AttemptSucceeded) for end in life)
    deaths = len(life) - successes
    if not _has_duplicates(history, task_id, lives):
        if successes and deaths:
            yield Violation(task_id, f"task {task_id} was both completed and dead-lettered", life)
        if successes > 1:
            yield Violation(task_id, f"task {task_id} was completed {successes} times", life)
    if deaths > 1:
        yield Violation(task_id, f"task {task_id} was dead-lettered {deaths} times", life)
    if life is not lives[-1] and not deaths:
        message = f"task {task_id} was put back to work although it had not been dead-lettered"
        yield Violation(task_id, message, history.of_task(task_id), (DeadLettered,))


def _has_duplicates(history: History, task_id: str, lives: _Lives) -> bool:
    """Whether there were more messages than the first and one for each time the task was put back."""
    return len(history.chains_of(task_id)) > len(lives)


def _two_payloads(history: History, task_id: str, submissions: list[TaskSubmitted]) -> Iterator[Violation]:
    first = history.accepted.get(task_id)
    if first is None:
        return
    others = [again for again in submissions if again.accepted and not same_json(again.payload, first.payload)]
    if others:
        yield Violation(
            task_id, f"task {task_id} was accepted again with another payload, so one of the two is lost", others
        )


def _doubts(history: History, ends: dict[str, _Lives]) -> Iterator[Doubt]:
    unsettled = [task_id for task_id in sorted(history.accepted) if not ends[task_id][-1]]
    if not _waited_long_enough(history):
        for task_id in unsettled:
            message = f"{_unsettled(history, task_id)}; the run was stopped before its deadline"
            yield Doubt(task_id, message, history.of_task(task_id))
    for refused in _refused(history):
        if _may_be_repeated(refused):
            answer = f"HTTP {refused.status_code}" if refused.status_code else "no answer"
            yield Doubt(refused.task_id, f"task {refused.task_id} got {answer}, and was not accepted later", (refused,))
    for doubt in duplicates_in_doubt(history):
        if doubt.task_id is None or _has_duplicates(history, doubt.task_id, ends[doubt.task_id]):
            yield doubt
    depth = _depth_of(history, "work")
    if not unsettled and depth is not None and depth.total:
        left = f"{times(depth.total, 'message')} left in the work queue at the end"
        yield Doubt(None, f"every task has ended, and yet there were {left}, which may still be delivered", (depth,))


def _waited_long_enough(history: History) -> bool:
    depth = _depth_of(history, "work")
    at_deadline = history.end is not None and history.end.deadline_reached
    return at_deadline or (depth is not None and depth.total == 0)


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


def _depth_of(history: History, queue: Literal["work", "dead-letter"]) -> QueueDepth | None:
    depths = [depth for depth in history.of_kind(QueueDepth) if depth.queue == queue]
    return depths[-1] if depths else None


def _submissions(history: History, task_id: str) -> list[TaskSubmitted]:
    return [event for event in history.of_task(task_id) if isinstance(event, TaskSubmitted)]


def _unsettled(history: History, task_id: str) -> str:
    # The record is a claim; what was last seen to happen is what helps.
    seen = [event for event in history.of_task(task_id) if not isinstance(event, (RecordObserved, RecordChanged))]
    return f"task {task_id} was neither completed nor dead-lettered; last seen: {describe(seen[-1])}"
