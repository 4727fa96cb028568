"""What a run does to a stack from outside, besides handing tasks in: keep consumers off, break things, put dead letters back.

It must not know when any of it is done, nor what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from taskguard.contract.dialect import Dialect
from taskguard.history import Event
from taskguard.run.backlog import Backlog
from taskguard.run.injecting.fates import Fates
from taskguard.run.injecting.planned_faults import PlannedFaults
from taskguard.run.redrive import Redrive


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The parts of it that a run has.

    ``faults`` are injected from before the first submission until nothing more will happen. With a ``backlog`` the load's first tasks wait, and
    come in batches; some of these may have ``fates``. With a ``redrive`` what lies in the dead-letter queue at the end is put back.
    """

    faults: PlannedFaults | None = None
    backlog: Backlog | None = None
    redrive: Redrive | None = None
    fates: Fates | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """While tasks are handed in and watched; whatever ends that, consumers are on and nothing is broken any more."""
        with self.faults or nullcontext(), self.backlog or nullcontext(), self.fates or nullcontext():
            yield

    @property
    def events(self) -> list[Event]:
        """What was done up to now."""
        sources = (self.faults, self.backlog, self.redrive)
        return [event for source in sources if source is not None for event in source.events]

    @property
    def fate_lines(self) -> tuple[str, ...]:
        """The faults by which tasks have their fates."""
        return () if self.fates is None else self.fates.lines

    def sends_refused(self, dialect: Dialect) -> AbstractContextManager[None]:
        """While nothing may be sent by whom tasks are handed to; this ``dialect`` says where a task's id is found."""
        return nullcontext() if self.fates is None else self.fates.refuse_sends(dialect)

    def let_go(self, task_id: str) -> None:
        """No fault strikes this task any more by its fate."""
        if self.fates is not None:
            self.fates.let_go(task_id)

    @property
    def dying(self) -> frozenset[str]:
        """The tasks that die by their fates."""
        return frozenset() if self.fates is None else self.fates.dying


NOTHING = Outside()
