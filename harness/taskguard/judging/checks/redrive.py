"""A message is dead-lettered after exactly the allowed receives, all failed, and only then.

Speaks of every message, tasks or not. Fails in spite of missing evidence when a message was delivered too often, was
dead-lettered although an attempt had succeeded, or arrived with another payload than it was delivered with; too few deliveries before the dead-letter
queue, and none of the arrivals there that were due, are excused by missing events. A receive whose invocations were throttled until
the message was visible again is one that did not run: who dies of it died too soon. A message that its consumer sent to the
dead-letter queue itself fails where the contract demands that the redrive policy moves it; else it is advice when there were fewer
receives than allowed. What it gave up at its first receive it may have tried several times in there, which is unknown.
Where a consumer sends its task again, the receives of all these messages count together; where the stack says the
number, those of each message, as its queue counts them. With nothing dead-lettered and
nothing failed often enough the claim holds vacuously; where neither the contract nor the stack says a number of receives, the check is
not applicable. This module must not know who moves the message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import (
    Attempt,
    AttemptFailed,
    AttemptSucceeded,
    Chain,
    DeadLettered,
    Delivered,
    History,
    ReceiveThrottled,
    Resent,
    Sender,
    TaskSubmitted,
)
from taskguard.history.wording import named, numbers, times
from taskguard.judging.checks.asked import granted_seconds, hidden_seconds, sends_again, without_a_number
from taskguard.judging.checks.attempts import (
    attempts_in_doubt,
    counted,
    dead_letters_of,
    is_sent_again,
    steps_in_doubt,
    throttled_of,
)
from taskguard.judging.checks.exercising import by_failures
from taskguard.judging.checks.held_back import held_back
from taskguard.judging.places import of_consumer, of_redrive_policy
from taskguard.judging.verdict import Advice, Doubt, Found, Question, Verdict, Violation, conclude

QUESTION = Question(
    check="redrive",
    claim="A message is dead-lettered after exactly the allowed receives, all failed, and only then.",
    needs=(TaskSubmitted, Delivered, AttemptSucceeded, AttemptFailed, Resent, DeadLettered),
    exercised_by="hand in more tasks, or grade with another seed: some task has to die",
)

_MORE_ROOM = (
    "Give the event source mapping a MaximumConcurrency that the function's reserved concurrency has room for, and the queue a "
    "longer visibility timeout"
)


def judge(history: History, terms: Terms) -> Verdict:
    """Judge how each message came to the dead-letter queue, or stayed out of it."""
    allowed = terms.contract.attempts.range
    if allowed is None:
        expected = "dead-lettered after as many receives as the work queue says, each failed; never delivered again"
        return without_a_number(QUESTION, history, terms, expected)
    dead = history.of_kind(DeadLettered)
    found = [
        *attempts_in_doubt(history),
        *(each for chain in _chains(history, terms) for each in _of_chain(chain, history, allowed, terms)),
        *_never_delivered(history),
        *_kept_elsewhere(history),
        *held_back(history),
    ]
    violations = sum(isinstance(each, Violation) for each in found)
    receives = f"receives {numbers(list(range(1, allowed[0] + 1)))}"
    after = receives if allowed[0] == allowed[1] else f"{allowed[0]} to {allowed[1]} receives"
    if violations:
        observed = f"{times(len(dead), 'message')} dead-lettered, {times(violations, 'violation')}"
    elif dead:
        observed = f"{times(len(dead), 'message')} dead-lettered, each after {after}"
    else:
        observed = "vacuous: no message was dead-lettered, and none had to be"
    return conclude(
        by_failures(QUESTION, history, terms, "some task has to die", in_a_row=terms.contract.attempts.highest or 1),
        history,
        found,
        expected=f"dead-lettered after {after}, each failed; never delivered again",
        observed=observed,
        figures={"dead_lettered": len(dead)},
        exercised=bool(dead),
    )


def _chains(history: History, terms: Terms) -> Iterator[Chain]:
    """The chains as their receives are counted: over all messages of a task, or over each by itself. Without those over several
    messages that may be steps."""
    may_be_steps = bool(steps_in_doubt(history))
    for chain in history.chains:
        if not is_sent_again(chain):
            yield chain
        elif terms.contract.attempts.by == AS_DEPLOYED:
            yield from chain.by_message()
        elif not may_be_steps:
            yield chain


def _of_chain(chain: Chain, history: History, allowed: tuple[int, int], terms: Terms) -> Iterator[Found]:
    _, most = allowed
    numbered = [*counted(history, chain)]
    for number, attempt in numbered:
        if number > most and not (sends_again(history) and history.was_struck(attempt)):
            message = f"{chain.name} was delivered for the {_ordinal(number)} time, {most} are allowed"
            place = of_redrive_policy(history, allowed)
            if sends := sum(each.sent_again is not None for each in chain.attempts if each.number < attempt.number):
                message += f"; its consumer had sent it to the queue again {times(sends, 'time')}, as a message that SQS counts anew"
                place = of_consumer("work", history)
            yield Violation(chain.task_id, message, attempt.events, place=place)
    for number, count in Counter(attempt.number for attempt in chain.attempts).items():
        if count > 1:
            twice = [event for attempt in chain.attempts if attempt.number == number for event in attempt.events]
            yield Violation(chain.task_id, f"{chain.name}: receive {number} was delivered {count} times", twice)
    arrivals = dead_letters_of(history, chain)
    last = next((attempt for number, attempt in numbered if number == most and attempt.failed), None)
    if arrivals:
        yield from _of_receives(chain, arrivals[0], history, allowed, terms)
        yield from _of_dead(chain, arrivals[0], terms)
    elif last is not None and _still_due(last, history, terms):
        # That it was delivered again, rather than redriven, is told above.
        if last is chain.attempts[-1]:
            message = f"{chain.name} failed {most} times, and the run ended before it could be redriven"
            yield Doubt(chain.task_id, message, last.events)
    elif last is not None:
        message = f"{chain.name} failed {most} times and never reached the dead-letter queue"
        place = of_redrive_policy(history, allowed)
        yield Violation(chain.task_id, message, last.events, (DeadLettered,), place=place)


def _of_receives(
    chain: Chain, arrival: DeadLettered, history: History, allowed: tuple[int, int], terms: Terms
) -> Iterator[Found]:
    """After how many receives it died, and by whose hand."""
    found = sorted({attempt.number for attempt in chain.attempts})
    wanted = list(range(1, allowed[0] + 1))
    throttled = throttled_of(history, chain)
    if arrival.sent_by is not None:
        yield from _sent(chain, arrival, arrival.sent_by, history, allowed, terms)
    elif throttled and not set(wanted) <= set(found):
        lost = sorted({each.receive_count for each in throttled})
        message = (
            f"{chain.name} was dead-lettered after {times(len({*found, *lost}), 'receive')} of which {len(found)} ran: "
            f"{throttled[0].function} was throttled at {'receive' if len(lost) == 1 else 'receives'} {numbers(lost)} until the "
            f"message was visible again. {_MORE_ROOM}"
        )
        yield Violation(chain.task_id, message, (*throttled, arrival), (Delivered,))
    elif not set(wanted) <= set(found):
        yield Violation(
            chain.task_id,
            f"{chain.name} was dead-lettered after receives {numbers(found)}; expected {numbers(wanted)}",
            (arrival,),
            (Delivered,),
            place=of_redrive_policy(history, allowed),
        )


def _sent(
    chain: Chain,
    arrival: DeadLettered,
    sender: Sender,
    history: History,
    allowed: tuple[int, int],
    terms: Terms,
) -> Iterator[Found]:
    """That its consumer sent it to the dead-letter queue: another way to the same end, where it is not said by which it dies."""
    fewest, most = allowed
    # Its queue counts the receives of the last message alone.
    of_task = history.chains_of(chain.task_id) if chain.task_id is not None else ()
    whole = next((each for each in of_task if sender.message_id in each.message_ids), chain)
    numbers_of = {(each.delivery_id, each.message_id): number for number, each in counted(history, whole)}
    by_queue = sender.receive_count or chain.attempts[-1].number
    number = numbers_of.get((sender.delivery_id, sender.message_id or ""), by_queue)
    what = f"{sender.function} sent {chain.name} to {arrival.where} itself, after attempt {number}"
    if terms.contract.attempts.by == "redrive":
        message = (
            f"{what}; expected that the queue's redrive policy moves it, after {most} receives: report the attempt as failed, and "
            "leave the message to SQS"
        )
        yield Violation(chain.task_id, message, (*chain.attempts[-1].events, arrival))
    elif number < fewest:
        message = f"{what}; expected no sooner than after attempt {fewest}"
        others = sum(len(each.attempts) for each in of_task if each is not whole)
        if terms.contract.attempts.by != "any":
            yield Advice(chain.task_id, message, (arrival,))
        elif number + others >= fewest:
            several = "it was in several messages, and by whom they were sent cannot be told"
            yield Doubt(chain.task_id, f"{message}; {several}", (*chain.attempts[-1].events, arrival))
        elif _may_have_tried_within(whole, fewest, terms):
            within = "whether it had tried it several times within that invocation cannot be seen from outside"
            yield Doubt(chain.task_id, f"{message}; {within}", (*chain.attempts[-1].events, arrival))
        else:
            yield Violation(chain.task_id, message, (arrival,))


def _may_have_tried_within(chain: Chain, fewest: int, terms: Terms) -> bool:
    """Whether a task was received once, for long enough that its function could try it as often as is demanded, and wait in between."""
    [first, *others] = chain.attempts
    if others or first.delivered is None or first.failed is None:
        return False
    waited_seconds = sum(terms.contract.waiting.waits(fewest)[: fewest - 1])
    return first.failed.at_ms - first.delivered.at_ms >= waited_seconds * 1000


def _of_dead(chain: Chain, arrival: DeadLettered, terms: Terms) -> Iterator[Violation]:
    for attempt in chain.attempts:
        if attempt.succeeded is not None:
            # A success after the death is the task's second end, and for `effect` to tell.
            if attempt.succeeded.at_ms <= arrival.at_ms:
                message = f"{chain.name} was dead-lettered although attempt {attempt.number} had succeeded"
                yield Violation(chain.task_id, message, (attempt.succeeded, arrival))
        elif attempt.failed is None:
            message = f"{chain.name} was dead-lettered, and attempt {attempt.number} was not seen to fail"
            yield Violation(chain.task_id, message, (*attempt.events, arrival), (AttemptFailed,))
    last = chain.attempts[-1]
    if last.at_ms > arrival.at_ms and last.succeeded is None:
        message = f"{chain.name} was delivered (attempt {last.number}) after it had reached the dead-letter queue"
        yield Violation(chain.task_id, message, (arrival, *last.events))
    delivered = [attempt.delivered for attempt in chain.attempts if attempt.delivered is not None]
    # What a consumer sends is its own message, in whatever words.
    if delivered and arrival.sent_by is None and not terms.same_payload(arrival.payload, delivered[-1].payload):
        message = f"{chain.name} arrived in the dead-letter queue with another payload than it was delivered with"
        yield Violation(chain.task_id, message, (delivered[-1], arrival))


def _never_delivered(history: History) -> Iterator[Violation]:
    delivered = {message_id for chain in history.chains for message_id in chain.message_ids}
    tasks = {chain.task_id for chain in history.chains if chain.task_id is not None}
    for arrival in history.of_kind(DeadLettered):
        if arrival.origin_id not in delivered and arrival.task_id not in tasks and arrival.sent_by is None:
            name = named(arrival.task_id, arrival.message_id)
            throttled = [
                event for event in history.of_message(arrival.message_id) if isinstance(event, ReceiveThrottled)
            ]
            message = f"{name} was dead-lettered without ever having been delivered"
            if throttled:
                message = (
                    f"{name} was dead-lettered after {times(len(throttled), 'receive')} of which none ran: {throttled[0].function} was "
                    f"throttled each time until the message was visible again. {_MORE_ROOM}"
                )
            yield Violation(arrival.task_id, message, (*throttled, arrival), (Delivered,))


def _kept_elsewhere(history: History) -> Iterator[Advice]:
    """That what is given up goes to another queue than the work queue's policy names."""
    dead = history.of_kind(DeadLettered)
    for queue in sorted({arrival.queue for arrival in dead if arrival.queue is not None}):
        message = (
            f"what is given up goes to the queue {queue}, and the work queue's redrive policy names another one, or there is none: who "
            "watches the dead-letter queue does not learn of it"
        )
        yield Advice(None, message, [arrival for arrival in dead if arrival.queue == queue])


def _still_due(last: Attempt, history: History, terms: Terms) -> bool:
    if history.end is None:
        return True
    # Who demands a wait demands that it is asked for; else the queue's own counts.
    exact = terms.contract.waiting.exact_seconds(last.number)
    hidden = 0.0 if exact is not None else hidden_seconds(history, last) or 0.0
    asked = [request.delay_seconds for request in last.backoffs if request.accepted]
    delay = max([*asked, granted_seconds(last, history) or 0.0] if last.granted is not None else [hidden])
    due_ms = last.last_seen_ms + (delay + terms.tolerances.late_seconds) * 1000
    return history.end.at_ms < due_ms


def _ordinal(number: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{suffix}"
