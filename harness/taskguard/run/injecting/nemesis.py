"""What is done to a stack from outside while a run goes on: consumers switched off for a while, and a deploy in the middle.

Anybody may do it who may change the stack, over AWS's own APIs, so it works wherever a stack is deployed. Each fault has a
thread, which waits for its time by the pipeline's clock, and leaves an event when it has struck. Whatever happens, all is switched
on again at the end; how to do that by hand is written down before, for the user of a run that was killed. It must not know what a
pipeline makes of it.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import FaultPlanError, TaskGuardError
from taskguard.faults.kinds import FROM_OUTSIDE
from taskguard.faults.plan import Fault, Plan
from taskguard.history import EvidenceMissing, FaultInjected
from taskguard.history.values import QueueName
from taskguard.run.injecting.redeploying import deploy_again
from taskguard.run.switching import NOTE, Note, Switch, in_words
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_LOOK_EVERY_SECONDS = 0.01
"""Of the machine's: the pipeline's clock may run many times as fast."""

_SWITCHED: Mapping[str, QueueName] = {"consumer-off": "work", "monitor-off": "dead-letter"}
"""The queue whose consumers a fault switches off."""


class Nemesis:
    """Use as a context manager: the plan's time begins when it is entered, and when it is left all is as it was.

    Of the plan only what comes from outside is done. As long as a consumer may be off, the commands that switch it on are in the file
    :data:`NOTE` of ``folder``.

    Raises:
        FaultPlanError: when it is made, that the stack has not what a fault is to switch off.
        TaskGuardError, ClientError, BotoCoreError: when it is left, that something could not be switched on again. What went
            wrong otherwise is an event: the run goes on.
    """

    def __init__(self, endpoint: Endpoint, stack: Stack, plan: Plan, folder: Path | None = None) -> None:
        self._endpoint, self._stack, self._plan = endpoint, stack, plan
        self._over = threading.Event()
        self._abandoned = threading.Event()
        self._threads: list[threading.Thread] = []
        self._events: list[FaultInjected | EvidenceMissing] = []
        note = Note(None if folder is None else folder / NOTE)
        self._switches = {
            kind: Switch(endpoint, stack.queues[queue].arn, note, self._over)
            for kind, queue in _SWITCHED.items()
            if queue in stack.queues
        }
        for fault in plan.faults:
            if fault.kind in _SWITCHED and fault.kind not in self._switches:
                raise FaultPlanError(
                    f"The fault {fault}: the stack {stack.name} has no dead-letter queue to be consumed."
                )

    @property
    def lasting_seconds(self) -> float:
        """When the last of what lasts for a while is over, by the pipeline's clock."""
        return max((fault.start_seconds + fault.takes_seconds for fault in self._plan.faults), default=0.0)

    @property
    def events(self) -> tuple[FaultInjected | EvidenceMissing, ...]:
        """What it has done, and what it failed to do; complete once it is left."""
        return tuple(self._events)

    def __enter__(self) -> Self:
        began_ms = self._endpoint.clock.now_ms()
        for fault in self._plan.faults:
            if fault.kind in FROM_OUTSIDE:
                strike = partial(self._strike, fault, began_ms + fault.start_seconds * 1000)
                self._threads.append(threading.Thread(target=strike, name=f"nemesis-{fault.kind}", daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._over.set()
        if error is not None:
            # Nobody waits for a deploy any more, and what it was made on is about to go, or is deployed again.
            self._abandoned.set()
        try:
            for thread in self._threads:
                thread.join()
        finally:
            with ExitStack() as switching:
                # Each is tried, whatever becomes of the other.
                for switch in self._switches.values():
                    switching.callback(switch.on_for_good)

    def _strike(self, fault: Fault, due_ms: float) -> None:
        if not self._wait_until(due_ms):
            return
        try:
            if fault.kind == "deploy":
                with self._noted(fault, self._endpoint.clock.now_ms()):
                    deploy_again(self._endpoint, self._stack, self._plan.seed, self._abandoned)
            else:
                self._switch_off(fault, due_ms)
        except (TaskGuardError, ClientError, BotoCoreError, OSError) as problem:
            # Nobody knows then how much of it was done.
            what = f"whether the fault `{fault}` struck: {in_words(problem)}"
            now_ms = self._endpoint.clock.now_ms()
            self._events.append(
                EvidenceMissing(at_ms=now_ms, source="the nemesis", what=what, affects=("FaultInjected",))
            )

    def _switch_off(self, fault: Fault, since_ms: float) -> None:
        with ExitStack() as noted, self._switches[fault.kind].off() as off_since_ms:
            if off_since_ms is not None:
                # Until it has been switched on again.
                noted.enter_context(self._noted(fault, off_since_ms))
                self._wait_until(max(since_ms, self._endpoint.clock.now_ms()) + fault.takes_seconds * 1000)

    def _wait_until(self, due_ms: float) -> bool:
        """Wait for this moment of the pipeline's clock; False when the run is over before."""
        while self._endpoint.clock.now_ms() < due_ms:
            if self._over.wait(_LOOK_EVERY_SECONDS):
                return False
        return not self._over.is_set()

    @contextmanager
    def _noted(self, fault: Fault, began_ms: float) -> Iterator[None]:
        yield
        self._events.append(
            FaultInjected(
                at_ms=began_ms,
                until_ms=self._endpoint.clock.now_ms(),
                kind=fault.kind,
                when=None,
                fault=str(fault),
                function=None,
                call=None,
                number=None,
                task_ids=(),
                receive_count=None,
            )
        )
