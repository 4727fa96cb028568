"""What is expected of a pipeline, as one value: the schedule, the rate, the receives, and the names of things.

All that is particular to one pipeline stands here, so that no check does. It must not know how a pipeline is run or
watched. It travels with a saved run, so that the run can be judged again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from taskguard.contract.draws import backoff_schedule
from taskguard.support.strict_json import Json, added_later, from_json, sequence_of, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of a record's status that is allowed; `before` is None where there was no record. Some are made by an
    operator alone, once for each time that a task is put back to work."""

    before: str | None
    after: str
    by_operator: bool = False


_MOVES = (
    Move(before=None, after="PENDING"),
    # A task is sent before it is stored, and whoever comes first stores it: the API, the consumer or, when all attempts ended
    # before a word, who marks the dead.
    Move(before=None, after="PROCESSING"),
    Move(before=None, after="DEAD_LETTER"),
    Move(before="PENDING", after="PROCESSING"),
    # An attempt that ended without a word is followed by the next one.
    Move(before="PROCESSING", after="PROCESSING"),
    Move(before="PROCESSING", after="COMPLETED"),
    Move(before="PROCESSING", after="RETRYING"),
    Move(before="RETRYING", after="PROCESSING"),
    Move(before="RETRYING", after="DEAD_LETTER"),
    # Dead after attempts that left no word: the last one, or all of them.
    Move(before="PROCESSING", after="DEAD_LETTER"),
    Move(before="PENDING", after="DEAD_LETTER"),
    Move(before="DEAD_LETTER", after="PENDING", by_operator=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNames:
    """How a task's record words its states and the outcome of an attempt, and how it may move from state to state.

    With a change to `working` an attempt begins; with any other of an attempt's changes it has ended.
    """

    completed: str = "COMPLETED"
    dead: str = "DEAD_LETTER"
    attempt_succeeded: str = "SUCCEEDED"
    attempt_failed: str = "FAILED"
    working: str = added_later("PROCESSING")
    moves: tuple[Move, ...] = added_later(_MOVES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterLogNames:
    """The name of the event that a dead task is logged as, and the names of that log record's fields."""

    event_name: str = "TASK_DEAD_LETTER"
    event: str = "event"
    task_id: str = "taskId"
    payload: str = "payload"
    attempts: str = "attempts"
    last_error: str = "lastError"
    created_at: str = "createdAt"
    failed_at: str = "failedAt"

    @property
    def all_fields(self) -> tuple[str, ...]:
        """Every field that a record must have, in the order in which they are spoken of."""
        return (
            self.event,
            self.task_id,
            self.payload,
            self.attempts,
            self.last_error,
            self.created_at,
            self.failed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What the checks judge a history by.

    `backoff_schedule_seconds` has the delay after each failed attempt, the last one included. A message may come back
    `late_tolerance_seconds` after its delay, never before. `failure_rate` is the simulated rate; with a
    `failure_seed` each attempt's draw is known, without one each check of what is drawn tests at `significance` (two-sided).
    `empty_for_seconds` is how far apart the two looks are, at the least, that find the queues empty at the end of a run.
    `clock_tolerance_ms` is allowed between a time that the pipeline wrote down and the same moment in the history:
    rounding to a millisecond on one machine; give more when the pipeline's clock is another machine's.
    `unscoped_actions` are those that nobody can limit to a resource.

    Raises:
        ValueError: a figure that cannot be meant (a rate outside 0 to 1, no receives, a schedule that is too short).
    """

    backoff_schedule_seconds: tuple[float, ...] = backoff_schedule(5.0, 2.0, 3)
    late_tolerance_seconds: float = 2.0
    max_receives: int = 3
    failure_rate: float = 0.3
    failure_seed: str | None = None
    significance: float = 0.001
    empty_for_seconds: float = added_later(0.25)
    clock_tolerance_ms: float = 5.0
    record: RecordNames = field(default_factory=RecordNames)
    dead_letter_log: DeadLetterLogNames = field(default_factory=DeadLetterLogNames)
    unscoped_actions: tuple[str, ...] = added_later(("xray:PutTraceSegments", "xray:PutTelemetryRecords"))

    def __post_init__(self) -> None:
        if not 0 <= self.failure_rate <= 1:
            raise ValueError(f"failure_rate is a probability, 0 to 1, not {self.failure_rate}")
        if not 0 < self.significance < 1:
            raise ValueError(f"significance is between 0 and 1, not {self.significance}")
        if self.max_receives < 1:
            raise ValueError(f"max_receives is 1 or more, not {self.max_receives}")
        if len(self.backoff_schedule_seconds) < self.max_receives:
            raise ValueError(
                f"backoff_schedule_seconds has {len(self.backoff_schedule_seconds)} delays for "
                f"{self.max_receives} receives: give one for each"
            )

    def to_json(self) -> dict[str, Json]:
        """Return the value as a JSON object, for the manifest."""
        expectations: dict[str, Json] = to_json(self)
        return expectations

    @classmethod
    def from_json(cls, value: object) -> Expectations:
        """Build the value from what `to_json` gave; a `ValueError` names the field that does not fit."""
        return from_json(cls, value, _READERS)


_READERS = {
    "RecordNames": lambda value: from_json(RecordNames, value, {"tuple[Move, ...]": sequence_of(Move)}),
    "DeadLetterLogNames": lambda value: from_json(DeadLetterLogNames, value),
}

DEFAULT_RATE = Expectations().failure_rate
"""How often an attempt is made to fail, unless something else is asked for."""
