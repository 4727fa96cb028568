"""What is left open by a machine that had too much to do: there an invocation may have run out of time for want of a processor.

What fails because of it alone is not held against the service. A pass stays one. This must not know what a check asks.
"""

from __future__ import annotations

from taskguard.history import History, InvocationFailed
from taskguard.history.wording import times
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.checks.out_of_time import TIMED_OUT
from taskguard.judging.verdict import Finding, Outcome, Verdict

MOST_LOAD = 5.0
"""So many processes for each processor leave a function a fifth of one. Pipelines that are graded side by side, as many as two processors can
serve, come to three or four."""

_HELD_UP_SHARE = 0.25
"""Of a timeout during which the engine was held up for more than this part, the engine may be the cause."""

_FLOOD_BYTES = 10_000_000
"""So much in the log of one invocation holds the engine up itself."""


def floods(event: InvocationFailed) -> bool:
    """Whether what the invocation wrote to its log is a part of how it ended."""
    return event.log_bytes >= _FLOOD_BYTES


def may_be_the_machine_s(event: InvocationFailed, held_up: HeldUpTimes) -> bool:
    """Whether the invocation ran out of time where the machine, or the engine, may have been the reason. ``held_up`` are the engine's."""
    if event.error_type != TIMED_OUT or floods(event):
        return False
    held_up_ms = held_up.within(event.started_ms, event.at_ms)
    return event.load >= MOST_LOAD or held_up_ms > _HELD_UP_SHARE * (event.at_ms - event.started_ms)


def as_far_as_there_was_time(verdict: Verdict, history: History) -> Verdict:
    """The verdict, *unknown* where all that it found wrong may come of such invocations."""
    if verdict.outcome is not Outcome.FAIL:
        return verdict
    held_up = HeldUpTimes(history, (None,))
    late = [event for event in history.of_kind(InvocationFailed) if may_be_the_machine_s(event, held_up)]
    struck = {task_id for event in late for task_id in event.task_ids}
    if not struck or not all(_may_come_of_it(each, struck, history) for each in verdict.findings[: verdict.proven]):
        return verdict
    message = (
        f"{late[0].function} ran out of time in {times(len(late), 'invocation')} ({late[0].message}) while the machine had more to do "
        "than it can, so this is not held against the service; run again when it has less to do"
    )
    finding = Finding(task_id=None, message=message, events=tuple(history.position(event) for event in late))
    return verdict.left_open(finding)


def _may_come_of_it(finding: Finding, struck: set[str], history: History) -> bool:
    if finding.task_id is not None:
        return finding.task_id in struck
    about = {getattr(history[number], "task_id", None) for number in finding.events}
    return finding.of_all or not about.isdisjoint(struck)
