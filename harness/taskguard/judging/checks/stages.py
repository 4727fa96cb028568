"""Tasks that came through other queues before the work queue, or that never came to it: of a pipeline of several stages one is judged.

This module must not know which of them is.
"""

from __future__ import annotations

from taskguard.history import Delivered, History, OnEarlierStage
from taskguard.judging.once import once


@once
def died_earlier(history: History) -> frozenset[str]:
    """The tasks that were dead-lettered on an earlier stage, and never came to the work queue."""
    dead = (each.task_id for each in history.of_kind(OnEarlierStage) if each.outcome == "dead-lettered")
    return frozenset(task_id for task_id in dead if not history.attempts_of(task_id))


def dropped_earlier(history: History, task_id: str) -> OnEarlierStage | None:
    """Where a task was acknowledged last, before it ever came to the work queue; none where it came, or was sent on."""
    stages = history.of_task(task_id, OnEarlierStage)
    return stages[-1] if stages and stages[-1].outcome == "acknowledged" and not history.attempts_of(task_id) else None


def came_ms(history: History, task_id: str) -> float | None:
    """When a consumer of an earlier stage sent the task on, at last before its first delivery; none where none did."""
    first = next(iter(history.of_task(task_id, Delivered)), None)
    sent = (each.at_ms for each in history.of_task(task_id, OnEarlierStage) if each.outcome == "sent on")
    return max((at_ms for at_ms in sent if first is None or at_ms <= first.at_ms), default=None)
