"""What is asked of a run, and whether the stack has the part that it is asked of.

A check of which nothing is asked is not applicable; each reason stands here once. What the stack has is told by its configuration
as it was read: where that was not read, a part may be there. This module must not know any property.
"""

from __future__ import annotations

import msgspec

from taskguard.contract.contract import Attempts
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import Attempt, Delivered, History, QueueSettings, Redriven, Resent
from taskguard.history.values import QueueName
from taskguard.judging.once import once
from taskguard.judging.verdict import Doubt, Question, Verdict, conclude, not_applicable


def as_deployed(terms: Terms, history: History) -> Terms:
    """The terms with what the contract leaves to the stack: the number of receives, where the work queue says one that the
    contract allows. Unchanged where that was not read."""
    attempts, queue = terms.contract.attempts, _work_queue(history)
    if queue is None or (deployed := queue.max_receives) is None:
        return terms
    counts_anew = attempts.by == "any" and sends_again(history)
    if attempts.most == AS_DEPLOYED:
        # Without a dead-letter queue a message may be received as often as there is need; and its number is of each new message.
        is_by_message = counts_anew or (attempts.by == "any" and puts_back(history))
        attempts = Attempts(most=deployed or None, by=AS_DEPLOYED if is_by_message else attempts.by)
    elif not counts_anew and attempts.range is not None and attempts.range[0] <= deployed <= attempts.range[1]:
        attempts = Attempts(most=deployed, by=attempts.by)
    contract = msgspec.structs.replace(terms.contract, attempts=attempts)
    return msgspec.structs.replace(terms, contract=contract)


@once
def sends_again(history: History) -> bool:
    """Whether a retry was seen to be a new message that the consumer sent: such receives the queue does not count."""
    return any(each.accepted for each in history.of_kind(Resent))


@once
def puts_back(history: History) -> bool:
    """Whether the service was seen to put its dead letters back to work by itself."""
    return any(each.by is not None for each in history.of_kind(Redriven))


def is_sent_once(history: History) -> bool:
    """Whether no task was seen to be sent to a queue again, nor that somebody wanted to: what a message tells is then all that its task does."""
    return not history.of_kind(Resent)


def without_a_number(question: Question, history: History, terms: Terms, expected: str) -> Verdict:
    """The verdict of a check of how many receives there are, where no number is known."""
    if terms.contract.attempts.most is None:
        return not_applicable(
            question, "neither the contract nor the stack says after how many receives a message dies"
        )
    doubt = Doubt(None, "after how many receives a message dies is left to the stack, and was not read")
    return conclude(question, history, [doubt], expected=expected, observed="the number was not read")


def why_no_record(history: History, terms: Terms) -> str:
    """Why nothing is claimed of records; empty where something is."""
    if terms.dialect.record is None:
        return "nothing asks for a record of each task, and none is described"
    return "the stack has no table" if has_no_table(history) else ""


def has_no_table(history: History) -> bool:
    """Whether the stack is known to have none."""
    return history.configuration is not None and history.configuration.table is False


def has_no_api(history: History) -> bool:
    """Whether it is known that tasks come by no API, but are sent to the work queue itself."""
    return history.configuration is not None and history.configuration.api is False


NO_API = "tasks are sent to the work queue itself, by no API"

_LONGEST_TIMEOUT_SECONDS = 900.0
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""

NO_FAILURES = "the contract asks for no simulated failures"


def queues_to_be_emptied(history: History) -> tuple[QueueName, ...]:
    """The queues that somebody empties: not a dead-letter queue that is not there, or that nothing consumes."""
    configuration = history.configuration
    if configuration is not None and False in (configuration.dead_letter_queue, configuration.dead_letter_consumer):
        return ("work",)
    return ("work", "dead-letter")


def hidden_seconds(history: History, attempt: Attempt | None = None) -> float | None:
    """How long the work queue, or the one that handed out this attempt's message, hides a message unless it is asked otherwise; none
    where that was not read."""
    if attempt is not None and attempt.delivered is not None and attempt.delivered.queue is not None:
        return attempt.delivered.hidden_seconds
    queue = _work_queue(history)
    return queue.visibility_timeout_seconds if queue is not None else None


@once
def longest_invocation_seconds(history: History, queue: QueueName) -> float:
    """How long a consumer of this queue may be at work: until its timeout, or Lambda's longest where that was not read."""
    consumers = history.configuration.consumers if history.configuration is not None else ()
    timeouts = [each.timeout_seconds or _LONGEST_TIMEOUT_SECONDS for each in consumers if each.queue == queue]
    return max(timeouts, default=_LONGEST_TIMEOUT_SECONDS)


@once
def is_fifo(history: History) -> bool:
    """Whether the work queue keeps the order of a message group: by its settings or, where these were not read, by its messages."""
    queue = _work_queue(history)
    if queue is not None and queue.fifo is not None:
        return queue.fifo
    return any(delivered.group is not None for delivered in history.of_kind(Delivered))


def delay_seconds(history: History) -> float:
    """How long after it was sent a message can first be received from the work queue; 0 where that was not read."""
    queue = _work_queue(history)
    return (queue.delay_seconds or 0.0) if queue is not None else 0.0


def granted_seconds(attempt: Attempt, history: History) -> float | None:
    """The wait that was granted after an attempt; none where none was. A new message without a delay of its own has the queue's."""
    granted = attempt.granted
    if granted is None or granted.delay_seconds is not None:
        return granted.delay_seconds if granted is not None else None
    return delay_seconds(history)


@once
def _work_queue(history: History) -> QueueSettings | None:
    queues = history.configuration.queues if history.configuration is not None else ()
    return next((queue for queue in queues if queue.queue == "work"), None)
