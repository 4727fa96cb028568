"""A task that was handed in while the run itself refused what its API sent: whoever takes it then must not lose it.

The call may have been refused for good, so another answer than usual is none that takes the task for certain, and who does with it what is
done with no other task may keep it for later. This module must not know what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Called, FaultInjected, History, TaskSubmitted


def refused_sends(history: History, submission: TaskSubmitted) -> list[FaultInjected]:
    """The calls of the function that took this submission which the run refused."""
    return [
        fault
        for fault in history.denied_beside
        if submission.probe is not None and submission.at_ms <= fault.at_ms <= submission.answered_ms
    ]


def told_of_it(history: History, task_id: str) -> str:
    """That a task's send was refused, as a sentence to follow on what became of it; empty where none was."""
    of_task = any(refused_sends(history, each) for each in history.of_task(task_id, TaskSubmitted))
    if not of_task and not any(task_id in fault.task_ids for fault in history.denied_beside):
        return ""
    return ". The run refused that call, to see whether the API says so, so that its client can hand the task in again"


def may_be_kept(history: History, task_id: str) -> str:
    """Why a task that was taken, and not sent since the run refused it, may not be lost, as a clause; empty where nothing tells so."""
    for submission in history.of_task(task_id, TaskSubmitted):
        for fault in refused_sends(history, submission)[:1]:
            others = [each for each in history.accepted.values() if each.task_id != task_id]
            if submission.accepted and submission.status_code not in {each.status_code for each in others}:
                return f"its answer, {submission.status_code}, is that of no other task, and may not mean that it was taken"
            if submission.accepted and submission.answered_id is None and any(each.answered_id for each in others):
                return "its answer names no task, as others do, and may not mean that it was taken"
            for call in _only_then(history, fault):
                return f"{call.function} called {call.what} instead, as for no other task, by which it may be kept for later"
    return ""


def _only_then(history: History, fault: FaultInjected) -> Iterator[Called]:
    """What the function did after a call was refused, and at no other time."""
    calls = [call for call in history.of_kind(Called) if call.function == fault.function]
    usual = {call.what for call in calls if call.delivery_id != fault.delivery_id}
    for call in calls:
        if (
            call.delivery_id == fault.delivery_id
            and call.took_effect
            and call.at_ms > fault.at_ms
            and call.what not in usual
        ):
            yield call
