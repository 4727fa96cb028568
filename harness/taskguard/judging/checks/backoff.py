"""After each failed attempt the message stays away for the scheduled delay: no less, and hardly more.

For failed attempt n, a visibility timeout of the schedule's n-th delay was asked for and granted; the task's next
delivery, or its arrival in the dead-letter queue, comes no earlier than that after the request was made (never
tolerated), and at most the late tolerance after the queue had answered, or after the run had switched on again the consumers that it
had switched off itself. The request comes before the attempt ends: one
that is made afterwards lets the message wait by chance, and one that is made before the work lets it wait while it is worked on. Fails in spite of missing evidence when a
wrong delay or an early return was seen; no request, a late return and no return are excused by missing events. A
message of a FIFO queue cannot come as long as another of its group is hidden or worked on, and is not late by that. A
return that would have been in time, had the engine not been held up meanwhile, or without room for the queue's messages, is a doubt. An
attempt beyond the allowed receives has no scheduled delay: `redrive` speaks of it; nor has one that the run itself made to fail. With no failed attempt the claim
holds vacuously.

A contract may ask for waits that grow, too, or for whichever the stack has; or for none: then the check is not applicable. Where no
request is made the queue's own visibility timeout is the wait. The queue keeps it by itself, so that one that seems too short is a
doubt, and none is late. Where the consumer sends the task again, the delay of the new message is the wait, from when it was sent. This
module must not know how a delay is asked for otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import Struct

from taskguard.contract.contract import LONGEST_DELAY_SECONDS, LONGEST_HIDDEN_SECONDS
from taskguard.contract.terms import Terms
from taskguard.history import Attempt, AttemptFailed, BackoffRequested, DeadLettered, Delivered, Event, History, Resent
from taskguard.history.values import QueueName
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.asked import granted_seconds, hidden_seconds, is_fifo, is_sent_once
from taskguard.judging.checks.attempts import attempts_in_doubt, chains_of_accepted, counted, followed
from taskguard.judging.checks.early_backoff import EarlyBackoffs
from taskguard.judging.checks.exercising import by_failures
from taskguard.judging.checks.groups import free_ms
from taskguard.judging.checks.held_up import HeldUpTimes
from taskguard.judging.checks.on_purpose import gathered_seconds, never_came
from taskguard.judging.checks.out_of_time import WHAT_TO_DO, OutOfTime
from taskguard.judging.verdict import Advice, Doubt, Found, Question, Verdict, Violation, conclude, not_applicable
from taskguard.support.json_values import Json

QUESTION = Question(
    check="backoff",
    claim="After each failed attempt the message stays away for the scheduled delay.",
    needs=(Delivered, AttemptFailed, BackoffRequested, Resent, DeadLettered),
    exercised_by="hand in more tasks, or grade with another seed: some attempt has to fail",
    lasts=is_sent_once,
)

_ASKED = (BackoffRequested, Resent)
"""What tells of a wait that was asked for."""

_CLOCK_PRECISION_MS = 0.001
"""The finest that a history tells apart; a return earlier by less is not early."""


class _Wait(Struct, frozen=True, kw_only=True, gc=False):
    """A failed attempt, the first thing seen of its task after it, and what is demanded in between: an exact wait, one of a least
    length, or whichever was asked for. `granted_seconds` is what was granted, none where nothing was; `hidden_seconds` is how long the
    queue hides a message by itself, where that was read."""

    task_id: str
    number: int
    attempt: Attempt
    failed: AttemptFailed
    exact_seconds: float | None
    least_seconds: float | None
    granted_seconds: float | None
    hidden_seconds: float | None
    next_event: Event | None
    out_of_time: str | None
    before_work: str | None
    fifo: bool

    @property
    def name(self) -> str:
        return f"task {self.task_id}: attempt {self.number}"

    @property
    def seconds(self) -> float | None:
        """How long the message is to stay away: as was asked for, or else as its queue has it."""
        return self.granted_seconds if self.granted_seconds is not None else self.hidden_seconds

    @property
    def requests(self) -> Sequence[BackoffRequested | Resent]:
        """What was asked for: where the task was sent again, that is all that counts."""
        return self.attempt.resends or self.attempt.backoffs

    @property
    def return_words(self) -> str:
        return "reached the dead-letter queue" if isinstance(self.next_event, DeadLettered) else "came back"


class _Hindrances:
    """What of a wait was the engine's doing: it was held up, or had no room for another batch of the queue."""

    def __init__(self, history: History) -> None:
        self._engine = HeldUpTimes(history, (None,))
        self._work = HeldUpTimes(history, (None, "work"))
        # A message gets there from the work queue, and is seen when it is taken.
        self._both = HeldUpTimes(history, (None, "work", "dead-letter"))

    def after(self, due_ms: float, until_ms: float, came: Event | None) -> float:
        """For how many milliseconds what was due then, and ``came``, could not come."""
        return (self._work if isinstance(came, Delivered) else self._both).within(due_ms, until_ms)

    def words(self, due_ms: float, came: Event) -> str:
        """What hindered it, and what to do about it."""
        held_ms, all_ms = self._engine.within(due_ms, came.at_ms), self.after(due_ms, came.at_ms, came)
        if all_ms - held_ms <= _CLOCK_PRECISION_MS:
            return f"the engine itself was held up for {seconds(held_ms / 1000)} of that: run it again on a machine that is less busy"
        return (
            f"for {seconds(all_ms / 1000)} of that the engine had no room for another batch of the queue, or was held up: "
            "hand in fewer tasks at once"
        )


def judge(history: History, terms: Terms) -> Verdict:
    """Judge each failed attempt's delay, as asked for and as kept."""
    waiting = terms.contract.waiting
    if not waiting.is_demanded:
        return not_applicable(QUESTION, "the contract asks for no waits")
    waits = list(_waits(history, terms))
    held = _Hindrances(history)
    found = [each for wait in waits for each in _of_wait(wait, history, terms, held)]
    if waits:
        wrong = len({id(each.events[0]) for each in found if isinstance(each, Violation)})
        observed = f"{times(len(waits), 'failed attempt')}: {len(waits) - wrong} without fault, {wrong} at fault"
    else:
        observed = "vacuous: no attempt failed"
    schedule = ", ".join(f"{delay:g}" for delay in waiting.schedule or ())
    wanted = f"{schedule} s asked for" if schedule else waiting.in_words()
    question = by_failures(QUESTION, history, terms, "some attempt has to fail")
    if waiting.is_as_deployed:
        # Whatever a service waits is right, also that it never does.
        question = replace(QUESTION, exercised_by=None)
    return conclude(
        question,
        history,
        [*attempts_in_doubt(history), *found],
        expected=f"{wanted}, kept to the full, and at most {seconds(terms.tolerances.late_seconds)} more",
        observed=observed,
        figures={"failed_attempts": len(waits)},
        measured=_measured(waits),
        exercised=bool(waits),
    )


def _waits(history: History, terms: Terms) -> Iterator[_Wait]:
    waiting, highest = terms.contract.waiting, terms.contract.attempts.highest
    grows = waiting.grows is not None or waiting.first is not None
    late, early, fifo = OutOfTime(history), EarlyBackoffs(history), is_fifo(history)
    for chain in chains_of_accepted(history):
        if not any(attempt.failed for attempt in chain.attempts):
            continue
        before = None
        for (number, attempt), (_, next_event) in zip(counted(history, chain), followed(history, chain), strict=True):
            if attempt.failed is None or number < 1 or (highest is not None and number > highest):
                continue
            if history.was_struck(attempt):
                # The function had not failed, and owes no wait.
                continue
            wait = _Wait(
                task_id=chain.task_id or "",
                number=number,
                attempt=attempt,
                failed=attempt.failed,
                exact_seconds=waiting.exact_seconds(number),
                least_seconds=waiting.least_seconds(before) if grows else None,
                granted_seconds=granted_seconds(attempt, history),
                hidden_seconds=hidden_seconds(history, attempt),
                next_event=next_event,
                out_of_time=late.words(attempt.delivery_id),
                before_work=early.words(attempt, next_event),
                fifo=fifo,
            )
            before = wait.seconds
            # What its consumer sent to the dead-letter queue itself waits for nothing, as `redrive` tells.
            is_sent = isinstance(next_event, DeadLettered) and next_event.sent_by is not None
            if waiting.owes(number, highest) and not is_sent:
                yield wait


def _of_wait(wait: _Wait, history: History, terms: Terms, held: _Hindrances) -> Iterator[Found]:
    granted = wait.attempt.granted
    if isinstance(granted, Resent) and granted.delay_seconds is None and history.configuration is None:
        message = f"{wait.name} sent its task to the queue again, and the queue's own delay was not read"
        yield Doubt(wait.task_id, message, (wait.failed, granted))
        return
    yield from _asked_for(wait, terms)
    if wait.next_event is None:
        if _too_early_to_tell(wait, history, terms, held):
            message = f"{wait.name} failed, and the run ended before the task could come back"
            yield Doubt(wait.task_id, message, wait.attempt.events)
        else:
            gone = never_came(history, wait.task_id)
            message = f"{wait.name} failed, and the task never came back nor reached the dead-letter queue{gone}"
            yield Violation(wait.task_id, message, (wait.failed, *wait.requests), (Delivered, DeadLettered))
    elif wait.attempt.granted is not None and wait.granted_seconds is not None:
        yield from _timing(wait, wait.attempt.granted, wait.granted_seconds, wait.next_event, history, terms, held)
    if wait.attempt.granted is None and wait.exact_seconds is None:
        yield from _without_a_request(wait, history, terms)


def _asked_for(wait: _Wait, terms: Terms) -> Iterator[Violation]:
    """What is wrong with what was asked for, and when."""
    failed, granted, requests = wait.failed, wait.attempt.granted, wait.requests
    exact = wait.exact_seconds
    if exact is not None:
        yield from _other_than(wait, exact)
    elif wait.least_seconds is not None and wait.seconds is not None and wait.seconds < wait.least_seconds:
        message = f"{wait.name} {_how_long(wait)}, expected {seconds(wait.least_seconds)} or more"
        yield Violation(wait.task_id, message, (failed, *requests), (*_ASKED, AttemptFailed, Delivered))
    if granted is not None and granted.at_ms - failed.at_ms > terms.tolerances.clock_ms:
        after = seconds((granted.at_ms - failed.at_ms) / 1000)
        message = f"{wait.name} asked for {seconds(wait.granted_seconds or 0.0)} only {after} after it had ended"
        yield Violation(wait.task_id, message, (failed, granted))
    if wait.before_work is not None and not terms.contract.waiting.is_as_deployed:
        yield Violation(wait.task_id, f"{wait.name} {wait.before_work}", (*wait.attempt.events,))
    for request in requests if exact is not None else ():
        is_again = isinstance(request, Resent)
        asked_seconds = wait.granted_seconds if is_again else request.delay_seconds
        if request.accepted and asked_seconds != exact:
            asked = _how_long(wait) if is_again else f"asked for {seconds(asked_seconds or 0.0)}"
            yield Violation(wait.task_id, f"{wait.name} {asked}, expected {seconds(exact or 0.0)}", (failed, request))


def _how_long(wait: _Wait) -> str:
    """How long it was made to wait, and by what."""
    granted, waits = wait.attempt.granted, seconds(wait.seconds or 0.0)
    if granted is None:
        return f"was hidden by its queue for {waits}"
    if not isinstance(granted, Resent):
        return f"asked for {waits}"
    if granted.through is not None:
        how = f"with a delay of {waits}" if wait.granted_seconds else "without a delay"
        return f"sent its task to the queue {granted.through}, {how}"
    if not wait.granted_seconds:
        return "sent its task to the queue again without a delay (DelaySeconds)"
    by = "a delay of" if granted.delay_seconds is not None else "its queue's own delay of"
    return f"sent its task to the queue again with {by} {waits}"


def _other_than(wait: _Wait, exact_seconds: float) -> Iterator[Violation]:
    """That nothing was granted, where the queue by itself does not hide a message for as long as is demanded."""
    requests = wait.requests
    if wait.attempt.granted is not None or wait.hidden_seconds == exact_seconds:
        return
    if wait.out_of_time is not None and not requests:
        message = f"{wait.name}: {wait.out_of_time} before it had asked for a backoff, expected {seconds(exact_seconds)}. {WHAT_TO_DO}"
        yield Violation(wait.task_id, message, (wait.failed,), _ASKED)
    else:
        asked = (
            f"asked for {seconds(requests[-1].delay_seconds or 0.0)} and was refused{_why_refused(requests[-1], wait)}"
            if requests
            else "asked for no backoff"
        )
        if not requests and wait.hidden_seconds is not None and not exact_seconds:
            asked = f"asked for nothing, so its queue hides the message for {seconds(wait.hidden_seconds)}"
        message = f"{wait.name} {asked}, expected {seconds(exact_seconds)}"
        yield Violation(wait.task_id, message, (wait.failed, *requests), _ASKED)


def _why_refused(request: BackoffRequested | Resent, wait: _Wait) -> str:
    """Why SQS refused this request, where that can be told from what it asked for."""
    if isinstance(request, Resent):
        if wait.fifo and request.queue == "work" and request.delay_seconds:
            return ": a message of a FIFO queue has no delay of its own (DelaySeconds)"
        is_too_long = (request.delay_seconds or 0.0) > LONGEST_DELAY_SECONDS
        return f": SQS delays a message by {LONGEST_DELAY_SECONDS} s at most" if is_too_long else ""
    if request.delay_seconds <= LONGEST_HIDDEN_SECONDS:
        return ""
    return f": SQS hides a message for {LONGEST_HIDDEN_SECONDS} s at most, counted from when it was received"


def _timing(
    wait: _Wait,
    request: BackoffRequested | Resent,
    asked_seconds: float,
    next_event: Event,
    history: History,
    terms: Terms,
    held: _Hindrances,
) -> Iterator[Found]:
    seen = (wait.failed, request, next_event)
    after = f"{wait.name} {wait.return_words} after {seconds((next_event.at_ms - request.at_ms) / 1000)}"
    # Measured against what was asked for: a wrong request is one fault, its being kept is not a second.
    early_ms = asked_seconds * 1000 - (next_event.at_ms - request.at_ms)
    if early_ms > _CLOCK_PRECISION_MS:
        yield Violation(wait.task_id, f"{after}, {seconds(early_ms / 1000)} too early", seen)
    # Not before its group was free, nor before the run itself had switched its consumers on again.
    queue: QueueName = "dead-letter" if isinstance(next_event, DeadLettered) else "work"
    asked_ms = request.answered_ms + asked_seconds * 1000
    due_ms = history.let_go_ms(free_ms(history, wait.attempt, asked_ms, next_event.at_ms, wait.hidden_seconds), queue)
    sends = request.sends if isinstance(request, Resent) else 1
    allowed_seconds, gathered = sends * terms.tolerances.late_seconds, gathered_seconds(history, queue)
    if wait.exact_seconds is None or queue == "dead-letter":
        # It had come back, and was gathered for a batch: only an exact wait is broken by that, and none by how dead letters are gathered.
        allowed_seconds += gathered
    late_ms = next_event.at_ms - due_ms - allowed_seconds * 1000
    if late_ms <= _CLOCK_PRECISION_MS:
        return
    # It would have been in time, had the engine been able to hand it out between its being due and its return.
    if held.after(due_ms, next_event.at_ms, next_event) >= late_ms - _CLOCK_PRECISION_MS:
        why = held.words(due_ms, next_event)
        yield Doubt(wait.task_id, f"{after}, {seconds(late_ms / 1000)} later than allowed, but {why}", seen)
    else:
        limit = seconds(asked_seconds + allowed_seconds)
        window = f"; its consumer gathers batches for {seconds(gathered)}" if gathered else ""
        message = f"{after}, {seconds(late_ms / 1000)} beyond the {limit} allowed{window}"
        yield Violation(wait.task_id, message, seen, (Delivered, DeadLettered, *_ASKED))


def _without_a_request(wait: _Wait, history: History, terms: Terms) -> Iterator[Found]:
    """What is open of a wait that nobody asked for. The queue keeps it from when the message was received, which was not seen, so that it
    may seem shorter: by a little, and by as long as a batch was gathered."""
    for request in wait.requests:
        if why := _why_refused(request, wait):
            message = f"{wait.name} asked for {seconds(request.delay_seconds or 0.0)} and was refused{why}"
            yield Advice(wait.task_id, message, (wait.failed, request))
    if wait.hidden_seconds is None:
        message = f"{wait.name} asked for no backoff, and how long its queue hides a message was not read"
        yield Doubt(wait.task_id, message, wait.attempt.events)
    elif wait.next_event is not None and wait.attempt.delivered is not None:
        away_seconds = (wait.next_event.at_ms - wait.attempt.delivered.at_ms) / 1000
        shorter_seconds = terms.tolerances.late_seconds + gathered_seconds(history, "work")
        if away_seconds < wait.hidden_seconds - shorter_seconds:
            message = (
                f"{wait.name} {wait.return_words} {seconds(away_seconds)} after its delivery, and its queue hides a message for "
                f"{seconds(wait.hidden_seconds)}; no request was seen that explains it"
            )
            yield Doubt(wait.task_id, message, (wait.attempt.delivered, wait.failed, wait.next_event))


def _too_early_to_tell(wait: _Wait, history: History, terms: Terms, held: _Hindrances) -> bool:
    if history.end is None:
        return True
    since_ms = wait.attempt.granted.answered_ms if wait.attempt.granted else wait.attempt.last_seen_ms
    own_seconds = wait.exact_seconds if wait.exact_seconds is not None else wait.hidden_seconds or 0.0
    due_ms = since_ms + (wait.granted_seconds if wait.granted_seconds is not None else own_seconds) * 1000
    # While nothing could be handed out, nothing could come.
    held_ms = held.after(due_ms, history.end.at_ms, None)
    return history.end.at_ms - held_ms < due_ms + terms.tolerances.late_seconds * 1000


def _measured(waits: list[_Wait]) -> dict[str, Json]:
    gaps: dict[int, list[float]] = {}
    for wait in waits:
        if wait.attempt.granted is not None and wait.next_event is not None:
            gap = (wait.next_event.at_ms - wait.attempt.granted.at_ms) / 1000
            gaps.setdefault(wait.number, []).append(round(gap, 3))
    return {
        f"seconds_away_after_attempt_{number}": {"least": min(found), "most": max(found), "count": len(found)}
        for number, found in sorted(gaps.items())
    }
