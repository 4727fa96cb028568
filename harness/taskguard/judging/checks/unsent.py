"""A task that was handed in while the run itself refused what its API sent: whoever takes it then must not lose it.

An answer unlike those to other tasks may not mean that it was taken, and who does with it what is done with no other task may keep it for
later. Of another task whose send was struck with it nobody is accused. This module must not know what becomes of a task.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import Called, FaultInjected, History, TaskSubmitted

_KEEPS_NOTHING = ("cloudwatch", "logs", "xray")
"""What is told to these services is read by people."""


def refused_sends(history: History, submission: TaskSubmitted) -> list[FaultInjected]:
    """The calls of the function that took this submission which the run refused."""
    return [
        fault
        for fault in history.denied_beside
        if submission.probe is not None and submission.at_ms <= fault.at_ms <= submission.answered_ms
    ]


def told_of_it(history: History, task_id: str) -> str:
    """That a task's send was refused, as a sentence to follow on what became of it; empty where none was, or it came all the same."""
    refused = _of_own(history, task_id) or _beside(history, task_id)
    if not refused or history.attempts_of(task_id):
        return ""
    return (
        f". The run refused the {refused[0].call} of {refused[0].function}, to see whether the API says so, so that its client can hand "
        "the task in again"
    )


def may_be_kept(history: History, task_id: str) -> str:
    """Why a task that was taken, and not sent since the run refused it, may not be lost, as a clause; empty where nothing tells so, or it
    came all the same."""
    if history.attempts_of(task_id):
        return ""
    for submission in history.of_task(task_id, TaskSubmitted):
        refused = refused_sends(history, submission)
        if not submission.accepted or not refused:
            continue
        others = [each for each in history.accepted.values() if each.task_id != task_id]
        if (submission.status_code, submission.answer) not in {(each.status_code, each.answer) for each in others}:
            return f"it was answered (HTTP {submission.status_code}) as no other task was, which may not mean that it was taken"
        for call in _only_then(history, refused[0]):
            return (
                f"{call.function} called {call.what} instead, as for no other task, by which it may be kept for later"
            )
        return ""
    return "what was refused was meant for another task" if _beside(history, task_id) else ""


def _of_own(history: History, task_id: str) -> list[FaultInjected]:
    """The calls that were refused while this task was handed in."""
    return [fault for each in history.of_task(task_id, TaskSubmitted) for fault in refused_sends(history, each)]


def _beside(history: History, task_id: str) -> list[FaultInjected]:
    """The calls for this task that were refused while another one was handed in."""
    refused = [fault for fault in history.denied_beside if task_id in fault.task_ids]
    return [] if _of_own(history, task_id) else refused


def _only_then(history: History, fault: FaultInjected) -> Iterator[Called]:
    """What the function wrote or sent after a call was refused, and at no other time."""
    calls = [call for call in history.of_kind(Called) if call.function == fault.function]
    usual = {call.what for call in calls if call.delivery_id != fault.delivery_id}
    for call in calls:
        keeps = call.service not in _KEEPS_NOTHING and not call.operation.startswith("Delete")
        later = call.delivery_id == fault.delivery_id and call.at_ms > fault.at_ms
        if later and keeps and call.took_effect and call.what not in usual:
            yield call
