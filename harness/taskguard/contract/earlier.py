"""The terms of runs that were saved before there were four values: one of expectations, which was always of TaskGuard's own pipeline.

Reads what manifests of format versions 1 and 2 hold, and nothing else.
"""

from __future__ import annotations

from msgspec.structs import asdict, replace

from taskguard.contract.contract import Attempts, Failures
from taskguard.contract.dialect import LOG, RECORD, TASKGUARD, Move
from taskguard.contract.draws import Draws
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.contract.tolerances import Tolerances
from taskguard.contract.waiting import Waiting
from taskguard.support.typed import Strict


class _RecordNames(Strict, frozen=True, kw_only=True):
    completed: str
    dead: str
    attempt_succeeded: str
    attempt_failed: str
    working: str = RECORD.working or ""
    moves: tuple[Move, ...] = RECORD.moves


class _DeadLetterLogNames(Strict, frozen=True, kw_only=True, rename={"value": "event_name", "error": "last_error"}):
    value: str
    event: str
    task_id: str
    payload: str
    attempts: str
    error: str
    created_at: str
    failed_at: str


class Expectations(Strict, frozen=True, kw_only=True):
    """What was expected of a pipeline."""

    backoff_schedule_seconds: tuple[float, ...]
    late_tolerance_seconds: float
    max_receives: int
    failure_rate: float
    failure_seed: str | None
    significance: float
    clock_tolerance_ms: float
    record: _RecordNames
    dead_letter_log: _DeadLetterLogNames
    empty_for_seconds: float = Tolerances().empty_for_seconds
    unscoped_actions: tuple[str, ...] = ()

    def terms(self) -> Terms:
        """The same as four values."""
        contract = replace(
            built_in("taskguard"),
            attempts=Attempts(most=self.max_receives),
            waiting=Waiting(schedule=self.backoff_schedule_seconds),
            failures=Failures(rate=self.failure_rate),
        )
        states = {"completed": (self.record.completed,), "dead": (self.record.dead,)}
        dialect = replace(
            TASKGUARD,
            record=replace(RECORD, **{**asdict(self.record), **states}),
            log=replace(LOG, **asdict(self.dead_letter_log)),
        )
        tolerances = Tolerances(
            late_seconds=self.late_tolerance_seconds,
            empty_for_seconds=self.empty_for_seconds,
            clock_ms=self.clock_tolerance_ms,
            significance=self.significance,
        )
        draws = Draws(seed=self.failure_seed, rate=self.failure_rate)
        return Terms(contract=contract, dialect=dialect, tolerances=tolerances, draws=draws)
