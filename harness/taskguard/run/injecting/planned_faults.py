"""Everything that a run's plan of faults asks for, from the first submission to the end: inside the engine and from outside.

It must not know how a run is made, nor what becomes of the faults.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from taskguard.run.injecting.handing_over import injecting
from taskguard.run.injecting.nemesis import Nemesis


class PlannedFaults(Nemesis):
    """Use as a context manager around a run: its faults strike inside. Its events are of what was done from outside; what strikes
    inside the engine is told by its flight recorder.

    Raises:
        FaultPlanError: when it is entered, that the engine cannot inject what is asked of it.
        TaskGuardError, ClientError, BotoCoreError: when it is left, that something could not be switched on again.
    """

    def __enter__(self) -> Self:
        with ExitStack() as entering:
            entering.enter_context(injecting(self._endpoint, self._stack, self._plan))
            super().__enter__()
            self._inside = entering.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._inside:
            super().__exit__(kind, error, trace)
