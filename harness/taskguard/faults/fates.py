"""What a run lets become of a few tasks beside its own, or a test of its tasks, where no known seed decides which attempts fail.

Each is a few lines of a plan. It must not know how they are brought about, nor what a pipeline makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from taskguard.faults.plan import Fault, Phase

_BACK_AFTER_SECONDS = 1.0
"""What a function has not seen is no backoff of anybody's, so nothing is learnt from waiting for its visibility timeout. Where a message
can only fail with its whole batch each comes back at a time of its own, so that few share the fate of another."""

_NOTICED_AFTER = 5
"""So many times as long the wait is in which a task is handed in again: however fast the clock, it is noticed in time."""


class Fated(StrEnum):
    """What becomes of a task; also the end of its id."""

    IS_BROKEN_OFF = "is-broken-off"
    """The process of the function ends at the first attempt, as soon as a first AWS call for the task has had its effect. Where
    whole batches fail, it ends with an error when all of the batch is done."""
    FAILS_ONCE = "fails-once"
    FAILS_TWICE = "fails-twice"
    DIES = "dies"
    DIES_TOO = "dies-too"
    IS_DENIED = "is-denied"
    """At the first attempt no AWS call for the task is allowed."""


def faults_of_task(
    fated: Fated, task_id: str, *, receives: int, hidden_seconds: float, consumers: Sequence[str], alone: bool
) -> Iterator[Fault]:
    """The lines for one task, whose message dies after so many ``receives`` (0: never), and is hidden for so long at least when the
    process of one of the ``consumers`` ends that works on it; ``alone`` is whether it can fail without its batch.

    Raises:
        FaultPlanError: an id or a name cannot stand in a plan.
    """
    match fated:
        case Fated.FAILS_ONCE:
            yield _failing(task_id, 1, _NOTICED_AFTER)
        case Fated.IS_BROKEN_OFF if not alone:
            # Who has whole batches fail has to expect that what is done is handed over again.
            yield _failing(task_id, 1, 1, Phase.AFTER)
        case Fated.FAILS_TWICE:
            # Of fewer receives it would die.
            yield from (_failing(task_id, receive, 1 if alone else 2) for receive in range(1, 3 if receives > 2 else 2))
        case Fated.DIES | Fated.DIES_TOO:
            yield _failing(task_id, None, 1 if alone else 3)
        case Fated.IS_BROKEN_OFF | Fated.IS_DENIED:
            kind, when = ("kill", Phase.AFTER) if fated is Fated.IS_BROKEN_OFF else ("deny", Phase.BEFORE)
            for function in consumers:
                yield Fault(
                    kind=kind,
                    when=when,
                    function=function,
                    task=task_id,
                    receive=1,
                    seconds=hidden_seconds,
                )


_SENDING = (
    "SendMessage",
    "SendMessageBatch",
    "Publish",
    "PublishBatch",
    "PutEvents",
    "StartExecution",
    "StartSyncExecution",
)
"""The calls by which a task is handed on to a queue, or to what stands before it."""


def refused_sends(function: str) -> tuple[Fault, ...]:
    """The lines by which nothing is sent by a function, as a plan calls it, however often it tries.

    Raises:
        FaultPlanError: its name cannot stand in a plan.
    """
    return tuple(
        Fault(kind="deny", when=Phase.BEFORE, function=function, call=call, every_try=True) for call in _SENDING
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFailures:
    """That a task's first attempts fail, so many, or each where it ``dies`` of them: before or after the function has done its work, or by a
    ``call`` of the function's own that is denied, so that it meets an error itself."""

    failures: int
    dies: bool
    when: Phase = Phase.BEFORE
    call: str | None = None

    def faults(self, task_id: str, consumers: Sequence[str]) -> Iterator[Fault]:
        """The lines for the task with this id, whose message comes back when its visibility timeout is over; ``consumers`` are the work
        queue's, as a plan calls them.

        Raises:
            FaultPlanError: the id or a name cannot stand in a plan.
        """
        kind, struck = ("fail", ("work",)) if self.call is None else ("deny", tuple(consumers))
        for receive in (None,) if self.dies else range(1, self.failures + 1):
            for function in struck:
                yield Fault(kind=kind, when=self.when, function=function, call=self.call, task=task_id, receive=receive)


def _failing(task_id: str, receive: int | None, times: int, when: Phase = Phase.BEFORE) -> Fault:
    seconds = times * _BACK_AFTER_SECONDS
    return Fault(kind="fail", when=when, function="work", task=task_id, receive=receive, seconds=seconds)
