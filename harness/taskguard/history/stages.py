"""Where a task was in a pipeline of several queues, beside the one that is judged."""

from __future__ import annotations

from typing import Literal

from taskguard.history.values import Happened


class OnEarlierStage(Happened, frozen=True, kw_only=True):
    """The task was on another queue of the stack, `queue`, from which tasks come to the work queue: its consumer sent it on, or acknowledged
    it without that, or SQS moved it to that queue's own dead-letter queue. Sent on it may still be on a stage before the work queue's."""

    task_id: str
    message_id: str
    queue: str
    outcome: Literal["sent on", "acknowledged", "dead-lettered"]


class OtherStage(Happened, frozen=True, kw_only=True):
    """A first task was on another queue of the stack, or was sent there: that of another stage, which others than the work queue's consumers work
    on (`consumers`, by their labels). `logical_id` is the queue's in the template, empty where it has none."""

    queue: str
    logical_id: str
    consumers: tuple[str, ...]
