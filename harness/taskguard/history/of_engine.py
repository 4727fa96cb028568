"""What held the engine up, or was switched off there by the run itself: of both, what comes late is not the service's."""

from __future__ import annotations

from taskguard.history.values import Happened, Moment, QueueName, refuse_other_queues


class HeldUp(Happened, frozen=True, kw_only=True):
    """What the pipeline runs on was held up from `at_ms` to `until_ms`: whatever was due then, it could only be late.

    With a `queue` that is said of its messages alone: there was no room for another batch of them.
    """

    until_ms: Moment
    queue: QueueName | None = None

    def __post_init__(self) -> None:
        if self.queue is not None:
            refuse_other_queues(self.queue)


class ConsumersOff(Happened, frozen=True, kw_only=True):
    """The run itself kept a queue's consumers switched off from `at_ms` to `until_ms`: what was due meanwhile had to wait."""

    until_ms: Moment
    queue: QueueName

    def __post_init__(self) -> None:
        refuse_other_queues(self.queue)
