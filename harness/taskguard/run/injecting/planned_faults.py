"""Everything that a run's plan of faults asks for, from the first submission to the end: inside the engine and from outside.

It must not know how a run is made, nor what becomes of the faults.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from taskguard.contract.dialect import TASKGUARD, Dialect
from taskguard.faults.plan import Plan
from taskguard.run.injecting.handing_over import injecting
from taskguard.run.injecting.nemesis import Nemesis
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


class PlannedFaults(Nemesis):
    """Use as a context manager around a run: its faults strike inside. Its events are of what was done from outside; what strikes
    inside the engine is told by its flight recorder. By the service's ``dialect`` a task is known.

    Raises:
        FaultPlanError: when it is entered, that the engine cannot inject what is asked of it.
        TaskGuardError, ClientError, BotoCoreError: when it is left, that something could not be switched on again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        stack: Stack,
        plan: Plan,
        folder: Path | None = None,
        *,
        dialect: Dialect = TASKGUARD,
    ) -> None:
        super().__init__(endpoint, stack, plan, folder)
        self._dialect = dialect

    def __enter__(self) -> Self:
        with ExitStack() as entering:
            entering.enter_context(injecting(self._endpoint, self._stack, self._plan, self._dialect))
            super().__enter__()
            self._inside = entering.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._inside:
            super().__exit__(kind, error, trace)
