"""Everything that a run's plan of faults asks for, from the first submission to the end: inside the engine and from outside.

It must not know how a run is made, nor what becomes of the faults.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from taskguard.faults.kinds import FROM_OUTSIDE
from taskguard.faults.plan import Plan
from taskguard.history import EvidenceMissing, FaultInjected
from taskguard.places import Places
from taskguard.run.injecting.handing_over import injecting
from taskguard.run.injecting.nemesis import Nemesis
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint


class PlannedFaults:
    """Use as a context manager around a run: its faults strike inside. ``log`` receives the words of a deploy in mid-run.

    Raises:
        FaultPlanError: when it is entered, that the engine cannot inject what is asked of it.
        TaskGuardError, ClientError, BotoCoreError: when it is left, that something could not be switched on again.
    """

    def __init__(
        self, endpoint: Endpoint, stack: Stack, plan: Plan, log: Path | None = None, *, places: Places
    ) -> None:
        self._endpoint, self._stack = endpoint, stack
        self._inside = Plan(seed=plan.seed, faults=tuple(f for f in plan.faults if f.kind not in FROM_OUTSIDE))
        self._nemesis = Nemesis(endpoint, stack, plan, log, places=places)
        self._entered = ExitStack()
        self.lasting_seconds = max((f.start_seconds + f.takes_seconds for f in plan.faults), default=0.0)
        """When the last of what lasts for a while is over, by the pipeline's clock."""

    @property
    def events(self) -> tuple[FaultInjected | EvidenceMissing, ...]:
        """What was done from outside; what strikes inside the engine is told by its flight recorder."""
        return self._nemesis.events

    def __enter__(self) -> Self:
        with ExitStack() as entering:
            if self._inside.faults:
                entering.enter_context(injecting(self._endpoint, self._stack, self._inside))
            entering.enter_context(self._nemesis)
            self._entered = entering.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.__exit__(kind, error, trace)
