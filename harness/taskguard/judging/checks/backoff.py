"""After each failed attempt the message stays away for the scheduled delay: no less, and hardly more.

For failed attempt n, a visibility timeout of the schedule's n-th delay was asked for and granted; the task's next
delivery, or its arrival in the dead-letter queue, comes no earlier than that after the request was made (never
tolerated), and at most the late tolerance after the queue had answered, or after the run had switched on again the consumers that it
had switched off itself. The request comes before the attempt ends: one
that is made afterwards lets the message wait by chance. Fails in spite of missing evidence when a
wrong delay or an early return was seen; no request, a late return and no return are excused by missing events. A
return that would have been in time, had the engine not been held up meanwhile, or without room for the queue's messages, is a doubt. An
attempt beyond the allowed receives has no scheduled delay: `redrive` speaks of it. With no failed attempt the claim
holds vacuously. This module must not know how a delay is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taskguard.contract.expectations import Expectations
from taskguard.history import Attempt, AttemptFailed, BackoffRequested, DeadLettered, Delivered, Event, History
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.conclusion import (
    Doubt,
    Question,
    Violation,
    attempts_in_doubt,
    chains_of_accepted,
    conclude,
    dead_letters_of,
)
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.verdict import Verdict
from taskguard.support.strict_json import Json

QUESTION = Question(
    check="backoff",
    claim="After each failed attempt the message stays away for the scheduled delay.",
    needs=(Delivered, AttemptFailed, BackoffRequested, DeadLettered),
)

_CLOCK_PRECISION_MS = 0.001
"""The finest that a history tells apart; a return earlier by less is not early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """A failed attempt, and the first thing seen of its task after it."""

    task_id: str
    attempt: Attempt
    failed: AttemptFailed
    scheduled_seconds: float
    next_event: Event | None

    @property
    def name(self) -> str:
        return f"task {self.task_id}: attempt {self.attempt.number}"

    @property
    def granted(self) -> BackoffRequested | None:
        """The request that held: the last one that the queue accepted."""
        return next((request for request in reversed(self.attempt.backoffs) if request.accepted), None)

    @property
    def return_words(self) -> str:
        return "reached the dead-letter queue" if isinstance(self.next_event, DeadLettered) else "came back"


class _Hindrances:
    """What of a wait was the engine's doing: it was held up, or had no room for another batch of the queue."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._engine = HeldUpTimes(history, (None,))
        self._work = HeldUpTimes(history, (None, "work"))
        # A message gets there from the work queue, and is seen when it is taken.
        self._both = HeldUpTimes(history, (None, "work", "dead-letter"))

    def after(self, due_ms: float, until_ms: float, came: Event | None) -> float:
        """For how many milliseconds what was due then, and ``came``, could not come."""
        return (self._work if isinstance(came, Delivered) else self._both).within(due_ms, until_ms)

    def words(self, request: BackoffRequested, came: Event) -> str:
        """What hindered it, and what to do about it."""
        due_ms = _due_ms(request, came, self._history)
        held_ms, all_ms = self._engine.within(due_ms, came.at_ms), self.after(due_ms, came.at_ms, came)
        if all_ms - held_ms <= _CLOCK_PRECISION_MS:
            return f"the engine itself was held up for {seconds(held_ms / 1000)} of that: run it again on a machine that is less busy"
        return (
            f"for {seconds(all_ms / 1000)} of that the engine had no room for another batch of the queue, or was held up: "
            "hand in fewer tasks at once"
        )


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge each failed attempt's delay, as asked for and as kept."""
    waits = list(_waits(history, expectations))
    held = _Hindrances(history)
    violations = [violation for wait in waits for violation in _violations(wait, history, expectations, held)]
    doubts = [doubt for wait in waits for doubt in _doubts(wait, history, expectations, held)]
    schedule = ", ".join(f"{delay:g}" for delay in expectations.backoff_schedule_seconds)
    if waits:
        wrong = len({id(violation.events[0]) for violation in violations})
        observed = f"{times(len(waits), 'failed attempt')}: {len(waits) - wrong} without fault, {wrong} at fault"
    else:
        observed = "vacuous: no attempt failed"
    return conclude(
        QUESTION,
        history,
        expected=f"{schedule} s asked for, kept to the full, and at most {seconds(expectations.late_tolerance_seconds)} more",
        observed=observed,
        violations=violations,
        doubts=[*attempts_in_doubt(history), *doubts],
        figures={"failed_attempts": len(waits)},
        measured=_measured(waits),
        exercised=bool(waits),
    )


def _waits(history: History, expectations: Expectations) -> Iterator[_Wait]:
    for chain in chains_of_accepted(history):
        followers = [attempt.delivered or attempt.events[0] for attempt in chain.attempts[1:]]
        dead = dead_letters_of(history, chain)
        for index, attempt in enumerate(chain.attempts):
            if attempt.failed is None or not 1 <= attempt.number <= expectations.max_receives:
                continue
            last = index == len(followers)
            yield _Wait(
                task_id=chain.task_id or "",
                attempt=attempt,
                failed=attempt.failed,
                scheduled_seconds=expectations.backoff_schedule_seconds[attempt.number - 1],
                next_event=(dead[0] if dead else None) if last else followers[index],
            )


def _violations(wait: _Wait, history: History, expectations: Expectations, held: _Hindrances) -> Iterator[Violation]:
    failed = wait.failed
    scheduled = seconds(wait.scheduled_seconds)
    requests = wait.attempt.backoffs
    if wait.granted is None:
        asked = (
            f"asked for {seconds(requests[-1].delay_seconds)} and was refused" if requests else "asked for no backoff"
        )
        yield Violation(
            wait.task_id, f"{wait.name} {asked}, expected {scheduled}", (failed, *requests), (BackoffRequested,)
        )
    if wait.granted is not None and wait.granted.at_ms - failed.at_ms > expectations.clock_tolerance_ms:
        after = seconds((wait.granted.at_ms - failed.at_ms) / 1000)
        message = f"{wait.name} asked for {seconds(wait.granted.delay_seconds)} only {after} after it had ended"
        yield Violation(wait.task_id, message, (failed, wait.granted))
    for request in requests:
        if request.accepted and request.delay_seconds != wait.scheduled_seconds:
            asked = seconds(request.delay_seconds)
            yield Violation(wait.task_id, f"{wait.name} asked for {asked}, expected {scheduled}", (failed, request))

    if wait.next_event is None:
        if not _too_early_to_tell(wait, history, expectations, held):
            message = f"{wait.name} failed, and the task never came back nor reached the dead-letter queue"
            yield Violation(wait.task_id, message, (failed, *requests), (Delivered, DeadLettered))
    elif wait.granted is not None:
        yield from _timing(wait, wait.granted, wait.next_event, history, expectations, held)


def _timing(
    wait: _Wait,
    request: BackoffRequested,
    next_event: Event,
    history: History,
    expectations: Expectations,
    held: _Hindrances,
) -> Iterator[Violation]:
    # Measured against what was asked for: a wrong request is one fault, its being kept is not a second.
    early_ms = request.delay_seconds * 1000 - (next_event.at_ms - request.at_ms)
    late_ms = _late_ms(request, next_event, history, expectations)
    after = _came_after(wait, request, next_event)
    seen = (wait.failed, request, next_event)
    if early_ms > _CLOCK_PRECISION_MS:
        yield Violation(wait.task_id, f"{after}, {seconds(early_ms / 1000)} too early", seen)
    if late_ms > _CLOCK_PRECISION_MS and not _is_excused(late_ms, request, next_event, history, held):
        limit = seconds(request.delay_seconds + expectations.late_tolerance_seconds)
        message = f"{after}, {seconds(late_ms / 1000)} beyond the {limit} allowed"
        yield Violation(wait.task_id, message, seen, (Delivered, DeadLettered, BackoffRequested))


def _came_after(wait: _Wait, request: BackoffRequested, next_event: Event) -> str:
    return f"{wait.name} {wait.return_words} after {seconds((next_event.at_ms - request.at_ms) / 1000)}"


def _late_ms(request: BackoffRequested, next_event: Event, history: History, expectations: Expectations) -> float:
    """How much later than allowed."""
    due_ms = _due_ms(request, next_event, history)
    return next_event.at_ms - due_ms - expectations.late_tolerance_seconds * 1000


def _due_ms(request: BackoffRequested, next_event: Event, history: History) -> float:
    """When the message could come back at the earliest: not before the run itself had switched its consumers on again."""
    due_ms = request.answered_ms + request.delay_seconds * 1000
    return history.let_go_ms(due_ms, "dead-letter" if isinstance(next_event, DeadLettered) else "work")


def _is_excused(
    late_ms: float, request: BackoffRequested, next_event: Event, history: History, held: _Hindrances
) -> bool:
    """Whether it would have been in time, had the engine been able to hand it out between its being due and its return."""
    return (
        held.after(_due_ms(request, next_event, history), next_event.at_ms, next_event) >= late_ms - _CLOCK_PRECISION_MS
    )


def _doubts(wait: _Wait, history: History, expectations: Expectations, held: _Hindrances) -> Iterator[Doubt]:
    if wait.next_event is None and _too_early_to_tell(wait, history, expectations, held):
        message = f"{wait.name} failed, and the run ended before the task could come back"
        yield Doubt(wait.task_id, message, wait.attempt.events)
    if wait.granted is not None and wait.next_event is not None:
        late_ms = _late_ms(wait.granted, wait.next_event, history, expectations)
        # Only of what is late at all it is asked how busy the engine was.
        if late_ms > _CLOCK_PRECISION_MS and _is_excused(late_ms, wait.granted, wait.next_event, history, held):
            came = _came_after(wait, wait.granted, wait.next_event)
            why = held.words(wait.granted, wait.next_event)
            message = f"{came}, {seconds(late_ms / 1000)} later than allowed, but {why}"
            yield Doubt(wait.task_id, message, (wait.failed, wait.granted, wait.next_event))


def _too_early_to_tell(wait: _Wait, history: History, expectations: Expectations, held: _Hindrances) -> bool:
    if history.end is None:
        return True
    since_ms = wait.granted.answered_ms if wait.granted else wait.attempt.last_seen_ms
    due_ms = since_ms + (wait.granted.delay_seconds if wait.granted else wait.scheduled_seconds) * 1000
    # While nothing could be handed out, nothing could come.
    held_ms = held.after(due_ms, history.end.at_ms, None)
    return history.end.at_ms - held_ms < due_ms + expectations.late_tolerance_seconds * 1000


def _measured(waits: list[_Wait]) -> dict[str, Json]:
    gaps: dict[int, list[float]] = {}
    for wait in waits:
        if wait.granted is not None and wait.next_event is not None:
            gap = (wait.next_event.at_ms - wait.granted.at_ms) / 1000
            gaps.setdefault(wait.attempt.number, []).append(round(gap, 3))
    return {
        f"seconds_away_after_attempt_{number}": {"least": min(found), "most": max(found), "count": len(found)}
        for number, found in sorted(gaps.items())
    }
