"""What a run's logs must have and lack: holes that show between what is there.

It looks at events and records alone. What leaves no trace in them it cannot miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from taskguard.contract.dialect import Dialect
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    EvidenceMissing,
    RecordObserved,
)
from taskguard.support.clocks import REAL

SOURCE = "CloudWatch Logs"
HANDED_OVER_WITHIN_SECONDS = 2.0
"""How much later than its queue hides a message a function may be handed it: the poller receives it first, and an environment
may have to be made."""

_OF_DELIVERIES = ("Delivered", "AttemptSucceeded", "AttemptFailed", "BackoffRequested")


def gaps(
    events: Iterable[Event], records: Iterable[RecordObserved], dialect: Dialect, receives_before_death: int
) -> Iterator[EvidenceMissing]:
    """What the logs must have and lack: a delivery between others, before a death, or one that the task's record tells
    of, and the delivery that a final record implies."""
    counts: dict[str, set[int]] = {}
    of_task: dict[str | None, set[int]] = {}
    succeeded: set[str | None] = set()
    dead: dict[str, str | None] = {}
    for event in events:
        if isinstance(event, Delivered):
            counts.setdefault(event.message_id, set()).add(event.receive_count)
            of_task.setdefault(event.task_id, set()).add(event.receive_count)
        elif isinstance(event, AttemptSucceeded):
            succeeded.add(event.task_id)
        elif isinstance(event, DeadLettered):
            dead[event.message_id] = event.task_id
    expected = {message_id: max(seen) for message_id, seen in counts.items()}
    for message_id, task_id in dead.items():
        # Of a message that was sent to the dead-letter queue in another's place, there is no delivery to be found.
        if message_id in counts or task_id not in of_task:
            expected[message_id] = max(expected.get(message_id, 0), receives_before_death)
    for message_id, last in expected.items():
        for count in sorted(set(range(1, last + 1)) - counts.get(message_id, set())):
            yield missing(f"delivery {count} of message {message_id}", _OF_DELIVERIES)
    for record in records:
        # No message is received for the 0th time: such a number is the record's own fault.
        recorded = {attempt.number for attempt in record.attempts if attempt.number > 0}
        for number in sorted(recorded - of_task.get(record.task_id, set())):
            yield missing(f"delivery {number} of task {record.task_id}, which its record tells of", _OF_DELIVERIES)
        if record.status in dialect.completed and record.task_id not in succeeded:
            yield missing(f"the success of task {record.task_id}, whose record says so", ("AttemptSucceeded",))
        if record.status in dialect.dead and record.task_id not in dead.values():
            yield missing(f"the dead letter of task {record.task_id}, whose record says so", ("DeadLettered",))


def early_returns(events: Sequence[Event], visibility_timeout_seconds: float) -> Iterator[EvidenceMissing]:
    """Messages that came back sooner than their queue lets them, and not only by the moment that passed before a function had
    them, with no call in the logs that made it: then calls were made that the logs do not tell of."""
    asked = {(e.message_id, e.receive_count) for e in events if isinstance(e, BackoffRequested) and e.accepted}
    came = {(e.message_id, e.receive_count): e.at_ms for e in events if isinstance(e, Delivered)}
    died = {e.message_id: e.at_ms for e in events if isinstance(e, DeadLettered)}
    for failed in (e for e in events if isinstance(e, AttemptFailed)):
        key = (failed.message_id, failed.receive_count)
        again = came.get((failed.message_id, failed.receive_count + 1), died.get(failed.message_id))
        if key in asked or again is None:
            continue
        if again - came[key] < (visibility_timeout_seconds - HANDED_OVER_WITHIN_SECONDS) * 1000:
            yield missing(
                f"why message {failed.message_id} came back {(again - came[key]) / 1000:.1f} s after delivery "
                f"{failed.receive_count}, though its queue hides it for {visibility_timeout_seconds:g} s",
                ("BackoffRequested",),
            )


def missing(what: str, affects: tuple[str, ...]) -> EvidenceMissing:
    """That the logs lack ``what``, and so may lack events of the kinds in ``affects``."""
    return EvidenceMissing(at_ms=REAL.now_ms(), source=SOURCE, what=what, affects=affects)
