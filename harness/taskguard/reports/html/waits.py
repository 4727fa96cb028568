"""What came between a failed attempt and the next that was seen of its task, beside what the contract has for it.

For pictures: whether a wait was right is the checks' word, and they may allow for what is not drawn. It must not know
how anything is drawn.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from taskguard.contract.terms import Terms
from taskguard.history import Attempt, Chain, DeadLettered, Event, History, Resent
from taskguard.history.values import QueueName
from taskguard.judging.checks.attempts import followed

_CLOCK_PRECISION_SECONDS = 0.000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """From `since_ms`, when a backoff was asked for (or, without that, when the attempt failed), to `until_ms`.

    `due_seconds` is what the contract has after this attempt; None when it has no exact wait. `until_ms` is None when nothing
    was seen of the task afterwards. `late_seconds` is how long after its due end it ended, counted from when the queue had
    agreed, or from when the run had switched its consumers on again; negative when it ended before it was due, counted from when the queue was asked.
    One that is not `told` of is allowed by the verdicts, however long it was.
    """

    task_id: str
    attempt: Attempt
    since_ms: float
    until_ms: float | None
    dead: bool
    due_seconds: float | None
    late_seconds: float | None
    tolerance_seconds: float
    told: bool = True

    @property
    def seconds(self) -> float | None:
        return None if self.until_ms is None else (self.until_ms - self.since_ms) / 1000

    @property
    def outside(self) -> bool:
        """Whether it was shorter than due, or longer than that and the tolerance, or never ended, and a verdict holds that against it."""
        if self.due_seconds is None or not self.told:
            return False
        if self.late_seconds is None:
            return True
        return not -_CLOCK_PRECISION_SECONDS <= self.late_seconds <= self.tolerance_seconds + _CLOCK_PRECISION_SECONDS


def waits_of(chain: Chain, history: History, terms: Terms, told_of: Container[int] | None = None) -> Iterator[Wait]:
    """Yield the waits after each failed attempt of a task's chain, in order of time. ``told_of`` are the indexes of the events that findings
    name; without them, any wait may be held against the pipeline. A message that was handed out again before its attempt was over did
    not wait."""
    for attempt, following in followed(history, chain):
        if attempt.failed is None:
            continue
        wait = _wait(chain, attempt, following, history, terms)
        if wait.until_ms is not None and wait.until_ms < wait.since_ms:
            continue
        events = (attempt.granted, attempt.failed, following)
        is_told = told_of is None or any(event is not None and history.position(event) in told_of for event in events)
        yield wait if is_told else replace(wait, told=False)


def _wait(chain: Chain, attempt: Attempt, following: Event | None, history: History, terms: Terms) -> Wait:
    granted = attempt.granted
    failed_ms = attempt.failed.at_ms if attempt.failed is not None else attempt.at_ms
    since_ms, from_ms = (granted.at_ms, granted.answered_ms) if granted is not None else (failed_ms, failed_ms)
    due = terms.contract.waiting.exact_seconds(attempt.number)
    late = None
    if following is not None and due is not None:
        early = (following.at_ms - since_ms) / 1000 - due
        queue: QueueName = "dead-letter" if isinstance(following, DeadLettered) else "work"
        late_ms = following.at_ms - history.let_go_ms(from_ms + due * 1000, queue)
        late = early if early < 0 else max(late_ms / 1000, 0.0)
    return Wait(
        task_id=chain.task_id or "",
        attempt=attempt,
        since_ms=since_ms,
        until_ms=following.at_ms if following is not None else None,
        dead=isinstance(following, DeadLettered),
        due_seconds=due,
        late_seconds=late,
        tolerance_seconds=terms.tolerances.late_seconds * (granted.sends if isinstance(granted, Resent) else 1),
    )
