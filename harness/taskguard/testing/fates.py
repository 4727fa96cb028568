"""What a test lets become of its tasks where no seed of the service's decides which attempts fail: the engine makes them fail.

The engine knows of a task before any consumer can be given it. Where the service makes the task's id, that is known from its answer on,
so nothing is consumed meanwhile. This module must not know how a fault is brought about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from taskguard.errors import FaultPlanError
from taskguard.evidence.queues import Queues
from taskguard.faults.fates import FirstFailures
from taskguard.faults.plan import Phase, Plan
from taskguard.history import FaultInjected, History
from taskguard.history.wording import times
from taskguard.ingress.workload import Task
from taskguard.run.injecting.handing_over import functions_of, injecting
from taskguard.run.running import Run
from taskguard.run.switching import Note, Switch
from taskguard.service.failure_rate import simulates_none
from taskguard.support.this_command import runnable

_DOING = "letting attempts fail as a test wants it"
_HOW_TO_SILENCE = (
    "If it simulates failures, say in taskguard.toml which variable of its functions' environment holds the rate, so that it can be set "
    'to 0:\n  [service]\n  failure_rate = "FAILURE_RATE"'
)


class Fates:
    """Of one test's tasks on ``run``'s stack. ``failure_rate`` is the variable that holds the rate of the failures that the service
    simulates itself, if there is one; ``alone`` keeps other processes of the session from switching consumers at the same time."""

    def __init__(self, run: Run, failure_rate: str | None, alone: Callable[[], AbstractContextManager[object]]) -> None:
        self._run, self._failure_rate, self._alone = run, failure_rate, alone
        self._wanted: dict[str, FirstFailures] = {}
        self._arranged: dict[str, FirstFailures] = {}
        self._active = ExitStack()
        self._is_known = False

    def close(self) -> None:
        """From now on nothing is made to fail any more."""
        self._active.close()

    def want(self, task_id: str, failures: int, *, when: Phase = Phase.BEFORE, call: str | None = None) -> None:
        """Let the task with this id, which is not handed in yet, fail so often; the rest as of :class:`FirstFailures`.

        Raises:
            FaultPlanError: it cannot; the message says why.
        """
        if not self._is_known:
            self._refuse_what_nobody_knows()
            self._is_known = True
        if not failures:
            return
        if self._run.endpoint.recording is None:
            raise FaultPlanError(
                f"{_DOING}: {self._run.endpoint.place} is no engine that can be told to. That is --taskguard-target localstack, or running "
                f"on what `{runnable('taskguard up')}` started."
            )
        receives = Queues(self._run.endpoint, self._run.stack).receives_before_death()
        if failures > receives > 0:
            raise FaultPlanError(
                f"{_DOING}: {times(failures, 'failure')} are wanted, and the work queue moves a message to its dead-letter queue "
                f"after {times(receives, 'receive')}."
            )
        dies = failures == receives
        self._wanted[task_id] = FirstFailures(failures=failures, dies=dies, when=when, call=call)

    @contextmanager
    def around(self, tasks: Sequence[Task]) -> Iterator[Callable[[Mapping[str, str]], None]]:
        """Hand in ``tasks`` inside. Where ids are known from the answers on, tell these then, by the ids of ``tasks``."""
        ids = [task.task_id for task in tasks if task.task_id in self._wanted]
        if self._run.dialect.ingress.id == "request" or not ids:
            self._arrange({task_id: task_id for task_id in ids})
            yield lambda _: None
            return
        switch = Switch(self._run.endpoint, self._run.stack.work_queue.arn, Note(None), threading.Event())
        with self._alone(), switch.off():
            yield lambda known: self._arrange({task_id: known[task_id] for task_id in ids if task_id in known})

    def missed(self, history: History, task_id: str) -> str | None:
        """What to say of a task that was not made to fail as often as was wanted; none where it was."""
        wanted = self._arranged.get(task_id)
        if wanted is None:
            return None
        struck = {each.receive_count for each in history.of_task(task_id, FaultInjected)}
        if len(struck) >= wanted.failures:
            return None
        failed = [each for each in history.attempts_of(task_id) if each.failed and each.receive_count not in struck]
        why = (
            f"the service itself failed {times(len(failed), 'attempt')} of it. {_HOW_TO_SILENCE}"
            if failed
            else (
                f"no more of its attempts made the call {wanted.call} for it."
                if wanted.call is not None
                else "its messages were not received more often with its id where taskguard.toml says, or where that is usual."
            )
        )
        return f"{times(wanted.failures, 'attempt')} of task {task_id} should have been made to fail, and {len(struck)} could be: {why}"

    def _arrange(self, known: Mapping[str, str]) -> None:
        labels = {name: label for label, name in functions_of(self._run.stack).items()}
        consumers = [labels[name] for name in self._run.stack.work_queue.consumers if name in labels]
        for task_id, known_id in known.items():
            wanted = self._wanted.pop(task_id)
            plan = Plan(seed="fates", faults=tuple(wanted.faults(known_id, consumers)))
            self._active.enter_context(injecting(self._run.endpoint, self._run.stack, plan, self._run.dialect))
            self._arranged[known_id] = wanted

    def _refuse_what_nobody_knows(self) -> None:
        variable, failures = self._failure_rate, self._run.terms.contract.failures
        if variable is None and failures is not None and failures.rate > 0:
            raise FaultPlanError(
                f"{_DOING}: by its contract the service simulates failures, {failures.rate:.0%} of them, so nobody knows what becomes of a "
                f"task. {_HOW_TO_SILENCE}"
            )
        if variable is not None and not simulates_none(self._run.endpoint, self._run.stack, variable):
            raise FaultPlanError(
                f"{_DOING}: {variable} of the stack's functions is not 0, so the service fails attempts itself. Set it to 0 where the stack "
                "is deployed, or let the session deploy one of its own (--taskguard-target localstack)."
            )
