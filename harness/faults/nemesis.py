"""What is done to a stack from outside while a run goes on: consumers switched off for a while, and a deploy in the middle.

Anybody may do it who may change the stack, over AWS's own APIs, so it works wherever a stack is deployed. Each fault has a
thread, which waits for its time by the pipeline's clock, and leaves an event when it has struck. Whatever happens, all is switched
on again at the end. It must not know what a pipeline makes of it.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from harness import deployment
from harness.aws.errors import explain
from harness.deployment import Stack
from harness.errors import TaskGuardError
from harness.faults.kinds import FROM_OUTSIDE
from harness.faults.plan import Fault, Plan
from harness.history import EvidenceMissing, FaultInjected
from harness.paths import PROJECT
from harness.targets.base import Endpoint
from harness.waiting import WaitedInVain, wait_for

_LOOK_EVERY_SECONDS = 0.01
"""Of the machine's: the pipeline's clock may run many times as fast."""

_SWITCHED_WITHIN_SECONDS = 60.0


class Nemesis:
    """Use as a context manager: the plan's time begins when it is entered, and when it is left all is as it was.

    Of the plan only what comes from outside is done. ``log`` receives the words of a deploy's CLI.

    Raises:
        TaskGuardError, ClientError, BotoCoreError: when it is left, that something could not be switched on again. What went
            wrong otherwise is an event: the run goes on.
    """

    def __init__(self, endpoint: Endpoint, stack: Stack, plan: Plan, log: Path | None = None) -> None:
        self._endpoint, self._stack, self._plan, self._log = endpoint, stack, plan, log
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._events: list[FaultInjected | EvidenceMissing] = []
        self._switches = {
            "consumer-off": _Switch(endpoint, stack.task_queue_arn),
            "monitor-off": _Switch(endpoint, stack.dead_letter_queue_arn),
        }

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if error is not None:
            # Nobody waits for a deploy any more, and what it was made on is about to go, or is deployed again.
            deployment.stop_the_cli()
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
            with self._noted(fault):
                if fault.kind == "deploy":
                    deploy_again(self._endpoint, self._stack, self._plan.seed, self._log)
                else:
                    self._switch_off(fault, due_ms)
        except (TaskGuardError, ClientError, BotoCoreError) as problem:
            # Nobody knows then how much of it was done.
            what = f"whether the fault `{fault}` struck: {_in_words(problem)}"
            now_ms = self._endpoint.clock.now_ms()
            self._events.append(
                EvidenceMissing(at_ms=now_ms, source="the nemesis", what=what, affects=("FaultInjected",))
            )

    def _switch_off(self, fault: Fault, since_ms: float) -> None:
        with self._switches[fault.kind].off():
            self._wait_until(max(since_ms, self._endpoint.clock.now_ms()) + fault.takes_seconds * 1000)

    def _wait_until(self, due_ms: float) -> bool:
        """Wait for this moment of the pipeline's clock; False when the run is over before."""
        while self._endpoint.clock.now_ms() < due_ms:
            if self._over.wait(_LOOK_EVERY_SECONDS):
                return False
        return not self._over.is_set()

    @contextmanager
    def _noted(self, fault: Fault) -> Iterator[None]:
        now_ms = self._endpoint.clock.now_ms
        began_ms = now_ms()
        yield
        self._events.append(
            FaultInjected(
                at_ms=began_ms,
                until_ms=now_ms(),
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


def _in_words(problem: TaskGuardError | ClientError | BotoCoreError) -> str:
    return str(problem) if isinstance(problem, TaskGuardError) else explain(problem)


class _Switch:
    """The event source mappings of one queue, all of them on or off; switched off by several it is on when all are done."""

    def __init__(self, endpoint: Endpoint, queue_arn: str) -> None:
        self._endpoint, self._queue_arn = endpoint, queue_arn
        self._off_for = 0
        self._changing = threading.Lock()
        self._ids: list[str] = []

    @contextmanager
    def off(self) -> Iterator[None]:
        """Off inside; on again afterwards, also when it could not be switched off whole."""
        with self._changing:
            self._off_for += 1
            first = self._off_for == 1
        try:
            if first:
                self._ids = self._enabled()
                self._set(enabled=False)
            yield
        finally:
            with self._changing:
                self._off_for -= 1
                last = not self._off_for
            if last:
                self._set(enabled=True)
                self._ids = []

    def on_for_good(self) -> None:
        """Switch on what may still be off: after an interrupt, of whatever went wrong meanwhile."""
        if self._ids:
            self._set(enabled=True)

    def _enabled(self) -> list[str]:
        """The mappings that were on: one that its owner switched off stays so."""
        pages = self._endpoint.functions().get_paginator("list_event_source_mappings")
        return [
            mapping["UUID"]
            for page in pages.paginate(EventSourceArn=self._queue_arn)
            for mapping in page["EventSourceMappings"]
            if mapping.get("State") not in ("Disabled", "Disabling")
        ]

    def _set(self, *, enabled: bool) -> None:
        wanted = "Enabled" if enabled else "Disabled"
        try:
            for mapping_id in self._ids:
                wait_for(partial(self._asked, mapping_id, enabled), seconds=_SWITCHED_WITHIN_SECONDS)
            wait_for(lambda: self._states() <= {wanted}, seconds=_SWITCHED_WITHIN_SECONDS, every=0.02)
        except WaitedInVain:
            states = ", ".join(sorted(self._states()))
            raise TaskGuardError(
                f"switching the consumers of {self._queue_arn} to {wanted}: after {_SWITCHED_WITHIN_SECONDS:.0f} s they are "
                f"{states}. Look at them with `aws lambda list-event-source-mappings`."
            ) from None

    def _asked(self, mapping_id: str, enabled: bool) -> bool:
        try:
            self._endpoint.functions().update_event_source_mapping(UUID=mapping_id, Enabled=enabled)
        except self._endpoint.functions().exceptions.ResourceInUseException:
            # It is being changed: by the call before this one, or by a deploy.
            return False
        return True

    def _states(self) -> set[str]:
        functions = self._endpoint.functions()
        return {functions.get_event_source_mapping(UUID=mapping_id)["State"] for mapping_id in self._ids}


def deploy_again(endpoint: Endpoint, stack: Stack, seed: str, log: Path | None = None) -> None:
    """Deploy the stack as it is, but for a comment in its functions' code, so that every one of them is replaced.

    Raises:
        SetupError, DeploymentError: as :func:`harness.deployment.deploy`.
    """
    with tempfile.TemporaryDirectory(prefix="taskguard-again-") as scratch:
        service = Path(scratch)
        for name in deployment.SERVICE_FILES:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, service / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            elif source.exists():
                shutil.copy2(source, service / name)
        # By the seed: a stage that is used again has been deployed with the last one's.
        with (service / "handlers" / "__init__.py").open("a", encoding="utf-8") as module:
            module.write(f"# Deployed again in the middle of run {sha256(seed.encode()).hexdigest()[:12]}.\n")
        parameters = parameters_of(endpoint, stack)
        deployment.deploy(endpoint, stack.stage, parameters=parameters, service=service, log=log)


def parameters_of(endpoint: Endpoint, stack: Stack) -> dict[str, str]:
    """The parameters that the stack was deployed with, read back from where it is."""
    name = stack.outputs["ProcessTaskFunctionName"]
    configuration = endpoint.functions().get_function_configuration(FunctionName=name)
    variables = configuration.get("Environment", {}).get("Variables", {})
    found = {
        "failureRate": variables.get("FAILURE_RATE", ""),
        "failureSeed": variables.get("FAILURE_SEED", ""),
        "backoffBaseSeconds": variables.get("BACKOFF_BASE_SECONDS", ""),
        "backoffFactor": variables.get("BACKOFF_FACTOR", ""),
        "tracing": "true" if configuration.get("TracingConfig", {}).get("Mode") == "Active" else "",
        "apiAuth": stack.outputs.get("ApiAuth", ""),
    }
    return {parameter: value for parameter, value in found.items() if value}
