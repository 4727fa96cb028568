"""No message is handed out more often than allowed, and a task dies only of attempts that failed or that a fault took.

The queue *charges* a message for each receive, whatever becomes of it; charged as often as is allowed it is dead-lettered. Of a
dead task each charged receive is accounted for by one of these:

- a *failed attempt*: it reached a function, and by its own draw it was to fail (the seed is known);
- a *crashed attempt*: a receive that the queue counted and whose outcome the queue was never told by whoever worked on it. Its
  process was killed, ran out of time or did not start, its answer could not be read, it was one of a batch to which that
  happened, or the message never reached a function. What it had done by then stays done; the message is back after the queue's
  own visibility timeout. An injected fault must say that it struck this receive;
- a *left-behind* receive: a fault in the same invocation, about whichever of its messages, took so much of its time that it may
  have left this message for the next delivery;
- an attempt that was *overtaken or held off*: its message was handed out again while it was at work, its receipt had expired,
  or the table or the queue did not let it do its work. Again a fault must say so.

A fault that the AWS client repeats by itself (throttling, an error, a broken connection at the first try alone) takes no attempt
in an invocation that was over soon, and neither do a wrong clock, another order, a switched-off consumer or a deploy. Without a seed a receive that ended with a
request for a backoff counts as a failed attempt; so does one that was told to have failed, where the contract asks for no such requests; and
one that nothing explains is unknown.

A consumer that sends its tasks again counts for itself: then each attempt over all messages of the task is a charge, one that ended with
such a send, or with giving the task up, is a failed one, and there are no more of these than allowed, and no fewer when it dies by its
consumer's hand. How often one message is handed out is then the queue's own matter. This module must not know how a
pipeline tells its attempts apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    BackoffRequested,
    Chain,
    DeadLettered,
    Delivered,
    Event,
    FaultInjected,
    History,
    Resent,
)
from taskguard.history.wording import named, seconds, times
from taskguard.judging.checks.asked import sends_again, without_a_number
from taskguard.judging.checks.attempts import is_sent_again
from taskguard.judging.guarantees.injected_faults import InjectedFaults
from taskguard.judging.guarantees.records import dead_tasks
from taskguard.judging.verdict import Doubt, Found, Question, Verdict, Violation, conclude

QUESTION = Question(
    check="charges",
    claim="No message is handed out too often, and a task dies only of attempts that failed or that a fault took.",
    needs=(Delivered, Resent, DeadLettered, FaultInjected),
)

_ASKED = (BackoffRequested, Resent)
"""What a failed attempt ends with: the work failed, and the task is to be tried again."""


def judge(history: History, terms: Terms) -> Verdict:
    """Judge what each message was charged for."""
    allowed = terms.contract.attempts.range
    if allowed is None:
        expected = "as many receives of a message as the work queue says"
        return without_a_number(QUESTION, history, terms, expected)
    fewest, most = allowed
    faults = InjectedFaults(history)
    dead = list(dead_tasks(history, terms))
    arrivals = {task_id: _arrivals(history, task_id) for task_id in dead}
    charges = [
        charge
        for found in arrivals.values()
        for arrival in found
        for charge in _charges_of(arrival, history, fewest, faults, terms)
    ]
    unexplained = [charge for charge in charges if not (charge.drawn_to_fail or charge.is_explained)]
    crashed = sum(not charge.drawn_to_fail and charge.is_explained for charge in charges)
    return conclude(
        QUESTION,
        history,
        [
            *_too_often(history, most),
            *(found for each in dead for found in _too_soon(history, each, fewest)),
            *(_not_given_up(history, task_id) for task_id, found in arrivals.items() if not found),
            *(charge.found for charge in unexplained),
        ],
        expected=f"at most {most} receives of a message, and of a dead task each one failed as drawn, "
        "or explained by a fault",
        observed=f"{times(len(dead), 'task')} died of {times(len(charges), 'receive')}: "
        f"{len(charges) - crashed - len(unexplained)} failed, {crashed} taken by faults, {len(unexplained)} unexplained",
        figures={"dead": len(dead), "charged": len(charges), "by_faults": crashed, "unexplained": len(unexplained)},
        exercised=bool(charges),
    )


class _Charge:
    """One receive of a message of a task that died, what it was charged for, and what is ``found`` when nothing explains that. It is the
    task's attempt ``number``."""

    def __init__(
        self, arrival: DeadLettered, message_id: str, count: int, number: int, faults: InjectedFaults, terms: Terms
    ) -> None:
        task_id, seed = arrival.task_id or "", terms.seed
        seen = faults.receives(message_id, count)
        events: tuple[Event, ...] = (*(event for each in seen for event in each.events), arrival)
        self.is_explained = faults.explain(task_id, message_id, count)
        if seed is not None:
            self.drawn_to_fail = bool(seen) and bool(terms.drawn_to_fail(task_id, number))
        else:
            # Who need not ask for a wait only says that it failed.
            asks = terms.contract.waiting.exact_seconds(number) is not None
            told = any(isinstance(event, AttemptFailed) for event in events) and not self.is_explained and not asks
            gave_up = arrival.sent_by is not None and any(
                arrival.sent_by.delivery_id == each.delivery_id for each in seen
            )
            self.drawn_to_fail = told or gave_up or any(isinstance(event, _ASKED) for event in events)
        message = f"task {task_id} died, charged for receive {count} of its message"
        throttled = faults.throttled(message_id, count)
        if throttled:
            events = (*throttled, *events)
            message += f", which never ran: {throttled[0].function} was throttled until the message was visible again"
        elif not seen:
            message += ", which was not seen to be delivered"
        else:
            message += ", whose draw says that it should succeed" if seed is not None else ", which reported no failure"
            message += f" (it was at work for {seconds((seen[-1].ended_ms - seen[0].began_ms) / 1000)})"
        message += "; no fault that was injected explains it"
        # Where it is not known how each attempt was drawn, it may have failed all the same.
        self.found: Found = Doubt(arrival.task_id, message, events)
        if seed is not None:
            self.found = Violation(arrival.task_id, message, events, (Delivered, FaultInjected))


def _charges_of(
    arrival: DeadLettered, history: History, fewest: int, faults: InjectedFaults, terms: Terms
) -> Iterator[_Charge]:
    """What a message that reached the dead-letter queue was charged for: each receive of it or, where its task was sent again, of all the
    messages before."""
    chain = _sent_again(history, arrival)
    if chain is None:
        yield from (_Charge(arrival, arrival.origin_id, count, count, faults, terms) for count in range(1, fewest + 1))
        return
    receives = dict.fromkeys((attempt.message_id, attempt.receive_count) for attempt in chain.attempts)
    for number, (message_id, count) in enumerate(receives, 1):
        yield _Charge(arrival, message_id, count, number, faults, terms)


def _sent_again(history: History, arrival: DeadLettered) -> Chain | None:
    """The attempts of a dead task that its consumer had sent again; none of any other."""
    chains = history.chains_of(arrival.task_id) if arrival.task_id is not None else ()
    found = next((each for each in chains if arrival.origin_id in each.message_ids), None)
    return found if found is not None and is_sent_again(found) else None


def _own_failures(chain: Chain, deaths: Sequence[DeadLettered]) -> int:
    """How many messages of a chain ended with sending the task again, or with giving it up: as its consumer counts them, who does not know
    that one was handed out again which it had sent on already."""
    gave_up = {death.sent_by.delivery_id for death in deaths if death.sent_by is not None}
    return len({each.message_id for each in chain.attempts if each.resends or each.delivery_id in gave_up})


def _too_soon(history: History, task_id: str, fewest: int) -> Iterator[Violation]:
    """That a consumer which sends its tasks again gave one up after too few attempts, those included that faults took."""
    for death in _arrivals(history, task_id):
        chain, tried = _sent_again(history, death), len(history.attempts_of(task_id))
        if chain is not None and death.sent_by is not None and tried < fewest:
            message = (
                f"task {task_id} was given up by {death.sent_by.function} after {times(tried, 'attempt')}, "
                f"{fewest} are due"
            )
            yield Violation(task_id, message, (*chain.attempts[-1].events, death), (Delivered, Resent))


def _arrivals(history: History, task_id: str) -> list[DeadLettered]:
    """The messages of the task that reached the dead-letter queue, each once."""
    found: dict[str, DeadLettered] = {}
    for event in history.of_task(task_id, DeadLettered):
        found.setdefault(event.message_id, event)
    return list(found.values())


def _not_given_up(history: History, task_id: str) -> Doubt:
    message = f"task {task_id} died, and its message was not seen to be given up"
    return Doubt(task_id, message, history.of_task(task_id))


def _allowed_by_queue(history: History) -> int | None:
    """How often the work queue itself hands a message out; none where it says no number, or that was not read."""
    queues = history.configuration.queues if history.configuration is not None else ()
    return next((queue.max_receives or None for queue in queues if queue.queue == "work"), None)


def _too_often(history: History, most: int) -> Iterator[Violation]:
    for chain in filter(is_sent_again, history.chains):
        deaths = history.of_task(chain.task_id, DeadLettered) if chain.task_id is not None else ()
        if (own := _own_failures(chain, deaths)) > most:
            message = (
                f"{chain.name} failed {own} times, as its consumer sent it again each time; {most} attempts are allowed"
            )
            shown = [event for attempt in chain.attempts for event in attempt.resends]
            yield Violation(chain.task_id, message, shown)
    # Where tasks are sent again, the queue has a number of its own, of each message.
    of_message = most if not sends_again(history) else _allowed_by_queue(history)
    told: set[str] = set()
    for event in history.of_kind(Delivered):
        # Another queue of the service's may have another number.
        is_too_often = of_message is not None and event.queue is None and event.receive_count > of_message
        if is_too_often and event.message_id not in told:
            told.add(event.message_id)
            name = named(event.task_id, event.message_id)
            message = f"{name} was delivered at receive {event.receive_count}, {of_message} are allowed"
            yield Violation(event.task_id, message, (event,))
