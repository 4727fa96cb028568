"""No message whose backoff was granted came back before it, but where it was handed out early on purpose.

Measured is from the request that the queue accepted, whatever became of the function that made it: until its delay has passed
the message is neither delivered nor seen in the dead-letter queue, and nobody else has it come back sooner. The delivery that was
granted it may ask again, and so may one that came back since, which is judged itself; a request of any other delivery that
shortens what was granted is a fail, whether or not the message then came.

A queue that delivers at least once may hand a message out early all the same, and some faults imitate that; such an exception must
be named by an injected fault which struck that very delivery, or the one before it. A task that its consumer sent again with a delay is
not delivered before that is over, in its new message. A fault excuses no request, unless another fault
kept the delivery that asked from learning that it had been overtaken. How much later than due a message comes is not judged: it may
have been charged for a crash. This module must not know which delay is right.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.terms import Terms
from taskguard.faults.kinds import Site
from taskguard.history import BackoffRequested, DeadLettered, Delivered, FaultInjected, History, Resent
from taskguard.history.wording import named, seconds
from taskguard.judging.checks.asked import delay_seconds
from taskguard.judging.guarantees.injected_faults import InjectedFaults, can_cost, site_of
from taskguard.judging.verdict import Question, Verdict, Violation, conclude

QUESTION = Question(
    check="never_early",
    claim="No message whose backoff was granted came back before it, but where that was done on purpose.",
    needs=(Delivered, BackoffRequested, Resent, DeadLettered, FaultInjected),
)

HANDED_OUT_EARLY = frozenset({"twice", "again", "run-out", "stale-handle", "late", "reorder"})
"""The kinds of fault that have a message handed out although it is hidden, as a queue may that delivers at least once, or while it
is at work: what is held back for longer than the visibility timeout."""

_CLOCK_PRECISION_MS = 0.001


def judge(history: History, terms: Terms) -> Verdict:  # noqa: ARG001  # a check's arguments
    """Judge what came back too early."""
    granted = [request for request in history.of_kind(BackoffRequested) if request.accepted]
    delayed = [each for each in history.of_kind(Resent) if each.new_message_id is not None]
    faults = InjectedFaults(history)
    early = [found for request in granted for found in _early(request, history, faults)]
    early += [found for each in delayed for found in _before_its_delay(each, history)]
    shortened = [found for request in granted for found in _shortened(request, history, faults)]
    wrong, cut_short = ([each for each in found if each is not None] for found in (early, shortened))
    return conclude(
        QUESTION,
        history,
        [*wrong, *cut_short],
        expected="each message hidden for as long as was granted, and let go by no other delivery, or named by a fault that "
        "handed it out early",
        observed=f"{len(wrong)} came back early of themselves, {len(cut_short)} cut short by another delivery's request",
        figures={"early": len(wrong), "cut_short": len(cut_short)},
        measured={
            "granted": len(granted) + len(delayed),
            "early_on_purpose": len(early) - len(wrong),
            "cut_short_by_faults": len(shortened) - len(cut_short),
        },
        exercised=bool(granted or delayed),
    )


def _early(request: BackoffRequested, history: History, faults: InjectedFaults) -> Iterator[Violation | None]:
    """What came back too early upon a request; none for what a fault handed out."""
    # What follows upon the request of another is that request's own matter: it is judged itself, and shortens this or does not.
    until_ms = _due_ms(request)
    for later in _accepted(request, history):
        if later.at_ms > (request.at_ms if _is_of_one_delivery(later, request) else request.answered_ms):
            until_ms = min(until_ms, later.at_ms)
    for event in history.of_message(request.message_id):
        # What began before the request was under way already, and did not come back.
        is_early = request.answered_ms < event.at_ms < until_ms - _CLOCK_PRECISION_MS
        if is_early and (
            isinstance(event, DeadLettered) or (isinstance(event, Delivered) and _returns(event, request))
        ):
            yield None if _was_handed_out(request, event, history, faults) else _too_early(request, event)


def _before_its_delay(sent: Resent, history: History) -> Iterator[Violation]:
    """That a new message was handed out before its delay was over: no fault of a message's has a queue do that, which never had it out."""
    delay = sent.delay_seconds if sent.delay_seconds is not None else delay_seconds(history)
    for event in history.of_message(sent.new_message_id or ""):
        if isinstance(event, Delivered) and event.at_ms < sent.at_ms + delay * 1000 - _CLOCK_PRECISION_MS:
            after = seconds((event.at_ms - sent.at_ms) / 1000)
            message = f"{named(sent.task_id, sent.message_id)} came back {after} after it had been sent again with a delay of {seconds(delay)}"
            yield Violation(sent.task_id, message, (sent, event))
            return


def _shortened(request: BackoffRequested, history: History, faults: InjectedFaults) -> Iterator[Violation | None]:
    """What cut short what was granted; none where faults kept whoever asked from knowing better."""
    due_ms = _due_ms(request)
    came_back = {
        event.delivery_id
        for event in history.of_message(request.message_id)
        if isinstance(event, Delivered)
        and event.receive_count > request.receive_count
        and event.at_ms > request.answered_ms
    }
    for other in _accepted(request, history):
        is_another = not _is_of_one_delivery(other, request) and other.delivery_id not in came_back
        is_later = request.answered_ms < other.at_ms < due_ms - _CLOCK_PRECISION_MS
        ends_ms = other.answered_ms + other.delay_seconds * 1000
        if is_another and is_later and ends_ms < due_ms - _CLOCK_PRECISION_MS:
            yield None if _knew_no_better(other, faults) else _cut_short(request, other)


def _accepted(request: BackoffRequested, history: History) -> Iterator[BackoffRequested]:
    """The requests of the same message that the queue accepted, this one included."""
    events = history.of_message(request.message_id)
    return (event for event in events if isinstance(event, BackoffRequested) and event.accepted)


def _due_ms(request: BackoffRequested) -> float:
    return request.at_ms + request.delay_seconds * 1000


def _is_of_one_delivery(one: BackoffRequested, other: BackoffRequested) -> bool:
    return (one.delivery_id, one.receive_count) == (other.delivery_id, other.receive_count)


def _returns(delivered: Delivered, request: BackoffRequested) -> bool:
    """Whether the queue can have handed it out upon the request: not what it had handed out before, and arrives only now."""
    is_own = delivered.delivery_id == request.delivery_id
    return not is_own and delivered.receive_count >= request.receive_count


def _was_handed_out(
    request: BackoffRequested, came: Delivered | DeadLettered, history: History, faults: InjectedFaults
) -> bool:
    """Whether a fault had the message come early: it handed it out, or the request hung, and took effect too late."""
    counts = {request.receive_count, came.receive_count if isinstance(came, Delivered) else request.receive_count}
    if any(_hands_out_early(fault) for count in counts for fault in _of_receive(request, count, faults)):
        return True
    # A request that hung until another delivery's had been granted, and took effect only then.
    return any(
        fault.kind == "slow" and can_cost(fault)
        for other in _accepted(request, history)
        if not _is_of_one_delivery(other, request) and other.at_ms <= request.answered_ms <= other.answered_ms
        for fault in _of_receive(other, other.receive_count, faults)
    )


def _knew_no_better(other: BackoffRequested, faults: InjectedFaults) -> bool:
    """Whether the delivery that asked had been overtaken by a fault, and another one kept that from it."""
    struck = _of_receive(other, other.receive_count, faults)
    return any(map(_hands_out_early, struck)) and any(map(_keeps_the_answer, struck))


def _of_receive(request: BackoffRequested, count: int, faults: InjectedFaults) -> list[FaultInjected]:
    return faults.of_receive(request.task_id or "", request.message_id, count)


def _hands_out_early(fault: FaultInjected) -> bool:
    return fault.kind in HANDED_OUT_EARLY and can_cost(fault)


def _keeps_the_answer(fault: FaultInjected) -> bool:
    if fault.kind == "table-down":
        return True
    return site_of(fault) is Site.CALL and fault.kind != "kill" and can_cost(fault)


def _too_early(request: BackoffRequested, came: Delivered | DeadLettered) -> Violation:
    name = named(request.task_id, request.message_id)
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


def _cut_short(request: BackoffRequested, other: BackoffRequested) -> Violation:
    name = named(request.task_id, request.message_id)
    after = seconds((other.at_ms - request.at_ms) / 1000)
    message = (
        f"{name} was granted {seconds(request.delay_seconds)} at receive {request.receive_count}, and {after} later another "
        f"delivery (receive {other.receive_count}) had it come back in {seconds(other.delay_seconds)}"
    )
    # A delivery that was not seen to begin may have come back since.
    return Violation(request.task_id, message, (request, other), (Delivered, FaultInjected))
