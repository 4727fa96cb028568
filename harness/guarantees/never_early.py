"""No message whose backoff was granted came back before it, but where it was handed out early on purpose.

Measured is from the request that the queue accepted, whatever became of the function that made it: until its delay has passed,
or a later request of the same message has taken its place, the message is neither delivered nor seen in the dead-letter queue. A queue
that delivers at least once may hand a message out early all the same, and some faults imitate that; such an exception must be
named by an injected fault which struck that very delivery, or the one before it. How much later than due a message comes is not
judged: it may have been charged for a crash. This module must not know which delay is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.checks.conclusion import Question, Violation, conclude
from harness.expectations import Expectations
from harness.guarantees.strikes import Strikes
from harness.history import BackoffRequested, DeadLettered, Delivered, FaultInjected, History
from harness.history.wording import seconds
from harness.verdict import Verdict

QUESTION = Question(
    check="never_early",
    claim="No message whose backoff was granted came back before it, but where that was done on purpose.",
    needs=(Delivered, BackoffRequested, DeadLettered, FaultInjected),
)

HANDED_OUT_EARLY = frozenset({"twice", "again", "run-out", "stale-handle"})
"""The kinds of fault that have a message handed out although it is hidden, as a queue may that delivers at least once."""

_CLOCK_PRECISION_MS = 0.001


@dataclass(frozen=True, slots=True)
class _Return:
    """What came of a message while it was to be hidden, and the fault that brought it about."""

    request: BackoffRequested
    came: Delivered | DeadLettered
    fault: FaultInjected | None


def judge(history: History, expectations: Expectations) -> Verdict:  # noqa: ARG001  # a check's arguments
    """Judge what came back too early."""
    granted = [request for request in history.of_kind(BackoffRequested) if request.accepted]
    strikes = Strikes(history)
    early = [found for request in granted for found in _early(request, history, strikes)]
    wrong = [found for found in early if found.fault is None]
    return conclude(
        QUESTION,
        history,
        expected="each message hidden for as long as was granted, or named by a fault that handed it out early",
        observed=f"{len(wrong)} came back early of themselves",
        violations=[_violation(found) for found in wrong],
        figures={"early": len(wrong)},
        measured={"granted": len(granted), "early_on_purpose": len(early) - len(wrong)},
    )


def _early(request: BackoffRequested, history: History, strikes: Strikes) -> Iterator[_Return]:
    events = history.of_message(request.message_id)
    due_ms = request.at_ms + request.delay_seconds * 1000
    later = (event for event in events if isinstance(event, BackoffRequested) and event.accepted)
    until_ms = min([due_ms, *(event.at_ms for event in later if event.at_ms > request.at_ms)])
    for event in events:
        # What began before the request was under way already, and did not come back.
        is_early = request.answered_ms < event.at_ms < until_ms - _CLOCK_PRECISION_MS
        is_own = isinstance(event, Delivered) and event.delivery_id == request.delivery_id
        if is_early and not is_own and isinstance(event, (Delivered, DeadLettered)):
            yield _Return(request, event, _fault(request, event, strikes))


def _fault(request: BackoffRequested, came: Delivered | DeadLettered, strikes: Strikes) -> FaultInjected | None:
    counts = {request.receive_count}
    if isinstance(came, Delivered):
        counts.add(came.receive_count)
    found = (
        fault
        for count in sorted(counts)
        for fault in strikes.of_receive(request.task_id or "", request.message_id, count)
        if fault.kind in HANDED_OUT_EARLY
    )
    return next(found, None)


def _violation(found: _Return) -> Violation:
    request, came = found.request, found.came
    name = f"task {request.task_id}" if request.task_id is not None else f"message {request.message_id}"
    how = (
        "reached the dead-letter queue"
        if isinstance(came, DeadLettered)
        else f"came back (receive {came.receive_count})"
    )
    after = seconds((came.at_ms - request.at_ms) / 1000)
    message = (
        f"{name} {how} {after} after it was granted {seconds(request.delay_seconds)} at receive "
        f"{request.receive_count}, and no fault handed it out"
    )
    return Violation(request.task_id, message, (request, came))
