"""The failures that a run makes itself: of a few tasks beside its own, where a service's own follow no seed that it knows, and of
what an API sends for one task.

So a service's retries, its batches with failures and its dead letters are seen, though it may never fail by itself. What cannot be brought about
is said. It must not know how a run is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Self

from taskguard.contract.dialect import Dialect
from taskguard.errors import FaultPlanError
from taskguard.evidence.queues import Queues
from taskguard.faults.fates import Fated, faults_of_task, refused_sends
from taskguard.faults.plan import Fault, Plan, is_word
from taskguard.history import TaskSubmitted
from taskguard.history.wording import seconds
from taskguard.ingress.workload import Task
from taskguard.run.events import Announced, Tell, nobody
from taskguard.run.injecting.handing_over import functions_of, injecting
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_MOST_RECEIVES = 10
_LONGEST_SECONDS = 10.0
"""A run waits no longer for a message that comes back by itself, by the machine's clock."""


def sender_of(stack: Stack) -> str | None:
    """The label of the function by which tasks that are handed in are sent on, if it can be told what it sends of one alone: it consumes
    nothing itself, and nothing else would send later what it could not."""
    consumers = {name for queue in (*stack.queues.values(), *stack.beside) for name in queue.consumers}
    function = stack.ingress.submit.function
    if stack.sends_later or function in consumers:
        return None
    return next((label for label, name in functions_of(stack).items() if name == function and is_word(label)), None)


class Fates:
    """Use as a context manager around a run, and let it :meth:`begin` when the tasks of these ``fates``, by the ids of the load, have
    been handed in and no consumer is on yet. What was asked for is in ``lines`` then, with what it takes to :meth:`refuse_sends`."""

    def __init__(self, endpoint: Endpoint, stack: Stack, fates: Mapping[str, Fated], tell: Tell = nobody) -> None:
        self._endpoint, self._stack = endpoint, stack
        self._fates, self._tell = fates, tell
        self._active, self._of_task = ExitStack(), dict[str, ExitStack]()
        self._of_sends = refused_sends(sender) if (sender := sender_of(stack)) is not None else ()
        self.lines: tuple[str, ...] = tuple(map(str, self._of_sends))
        self.dying: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._active.close()

    def begin(self, tasks: Sequence[Task], submitted: Sequence[TaskSubmitted], dialect: Dialect) -> None:
        """Let the fates be those of the tasks that were ``submitted``, one answer for each of ``tasks``; ``dialect`` says where a task's id
        is found."""
        known = [
            (self._fates[task.task_id], answer.task_id)
            for task, answer in zip(tasks, submitted, strict=True)
            if task.task_id in self._fates and answer.accepted and answer.task_id is not None
        ]
        faults = list[Fault]()
        try:
            for fated, task_id in known:
                found = tuple(self._faults(fated, task_id))
                plan = Plan(seed="fates", faults=found)
                self._of_task[task_id] = self._active.enter_context(ExitStack())
                self._of_task[task_id].enter_context(injecting(self._endpoint, self._stack, plan, dialect))
                faults += found
        except FaultPlanError as problem:
            self._active.close()
            self._tell(
                Announced(
                    f"No task is made to fail, so what is not failed by the service itself is not seen: {problem}"
                )
            )
            return
        self.lines += tuple(map(str, faults))
        self.dying = frozenset(fault.task for fault in faults if fault.receive is None and fault.task is not None)

    def refuse_sends(self, dialect: Dialect) -> AbstractContextManager[None]:
        """As long as this is entered the :func:`sender_of` the stack sends nothing. Raises as :func:`injecting` does."""
        return injecting(self._endpoint, self._stack, Plan(seed="fates", faults=self._of_sends), dialect)

    def let_go(self, task_id: str) -> None:
        """Whatever becomes of this task from now on is the service's own doing.

        Raises:
            FaultPlanError: the engine does not answer.
        """
        if task_id in self._of_task:
            self._of_task[task_id].close()

    def _faults(self, fated: Fated, task_id: str) -> Iterator[Fault]:
        queues = Queues(self._endpoint, self._stack)
        receives, hidden_seconds = queues.receives_before_death(), self._hidden_seconds(queues)
        if why := self._why_not(fated, receives, hidden_seconds):
            self._tell(Announced(f"No task {fated}: {why}"))
            return
        labels = {name: label for label, name in functions_of(self._stack).items()}
        consumers = [labels[name] for name in self._stack.work_queue.consumers if name in labels]
        yield from faults_of_task(
            fated,
            task_id,
            receives=receives,
            hidden_seconds=hidden_seconds,
            consumers=consumers,
            alone=all(queues.heeds_partial_batches().values()),
        )

    def _hidden_seconds(self, queues: Queues) -> float:
        """For how long a message is hidden at least whose function's process ends: no visibility timeout may be below the function's."""
        timeouts = [
            float(self._endpoint.functions().get_function_configuration(FunctionName=name)["Timeout"])
            for name in self._stack.work_queue.consumers
        ]
        return min([queues.visibility_timeout_seconds(), max(timeouts, default=0.0)])

    def _why_not(self, fated: Fated, receives: int, hidden_seconds: float) -> str:
        dies, at_work = fated in (Fated.DIES, Fated.DIES_TOO), fated in (Fated.IS_BROKEN_OFF, Fated.IS_DENIED)
        if dies and not receives:
            return "the work queue moves no message to a dead-letter queue"
        if dies and receives > _MOST_RECEIVES:
            return f"the work queue moves a message to its dead-letter queue after {receives} receives, {_MOST_RECEIVES} are waited for"
        waits_seconds = hidden_seconds / self._endpoint.clock.scale
        if at_work and waits_seconds > _LONGEST_SECONDS:
            return (
                f"its message would have to stay away for {seconds(hidden_seconds)}, {seconds(_LONGEST_SECONDS)} are waited for "
                "(`--clock-scale 60` makes that short)"
            )
        return ""
