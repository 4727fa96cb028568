"""Whether the times that are set fit together: how long a message is hidden, gathered, worked on, retried and kept.

- Lambda receives a message, gathers a batch for the window, and only then invokes the function, while the message's visibility timeout
  runs. Longer than that the two may not last together, or a message comes back while it is being worked on. AWS refuses a timeout that
  is longer by itself, and advises six times the timeout plus the window: leeway for invocations that are throttled and tried
  again, without which no run goes wrong.
- The size of a batch adds nothing: the function's timeout is for all of it. Nor does a limit of batches at once, since Lambda receives
  no more than it may hand over; unless the function has less concurrency for itself than that: what is throttled uses up receives.
- A message's age counts from when it was sent, over all its receives. In a dead-letter queue it goes on, but for FIFO queues, where it
  begins anew.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html. This module must not know how
settings are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from taskguard.contract.contract import Contract, Weight
from taskguard.history import BackoffRequested, ConfigurationObserved, ConsumerSettings, History, QueueSettings, Resent
from taskguard.history.wording import long_time, seconds
from taskguard.judging import places


class Said(NamedTuple):
    """What there is to say, how much it weighs, and of which of the contract's settings it is said (none: of what other demands need); and
    the place in the template."""

    weight: Weight
    message: str
    setting: str | None = None
    place: places.Place | None = None


_ADVISED_TIMES = 6
_KEPT = "MessageRetentionPeriod"

_EVER_MORE = "without a MaximumConcurrency ever more batches are, while messages wait,"
"""Lambda begins with five of a standard queue: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html."""


def of_consumer(consumer: ConsumerSettings, queue: QueueSettings, weight: Weight) -> Iterator[Said]:
    """What is to be said of a consumer's times, against those of its queue."""
    if weight is Weight.OFF:
        return
    what = f"{consumer.name}, the consumer of the {consumer.queue} queue,"
    hidden, works, gathers = queue.visibility_timeout_seconds, consumer.timeout_seconds, consumer.window_seconds or 0.0
    if hidden is not None and works is not None:
        advised = _ADVISED_TIMES * works + gathers
        place = places.of_queue(queue, "VisibilityTimeout")
        gathering = f"gathers a batch for {seconds(gathers)} and " if gathers else ""
        may = f"{what} {gathering}may work for {seconds(works)}, and a message is hidden for {seconds(hidden)}"
        if hidden < works + gathers:
            yield Said(weight, f"{may} only", "visibility", place)
        elif hidden < advised:
            window = ", and the window" if gathers else ""
            advice = f"{may}; AWS advises {seconds(advised)}, {_ADVISED_TIMES} times as long{window}"
            yield Said(Weight.ADVICE, advice, "visibility", place)
    if consumer.reserved is None or (consumer.most_at_once is None and queue.fifo):
        return
    if consumer.most_at_once is None or consumer.reserved < consumer.most_at_once:
        handed_over = f"up to {consumer.most_at_once} batches are" if consumer.most_at_once else _EVER_MORE
        yield Said(
            Weight.ADVICE,
            f"{what} has a reserved concurrency of {consumer.reserved}, and {handed_over} handed over at once: "
            "what is throttled until it is visible again has used up a receive",
            "visibility",
            places.of_resource(consumer.label or consumer.name, "ReservedConcurrentExecutions"),
        )


def of_retention(history: History, settings: ConfigurationObserved, contract: Contract) -> Iterator[Said]:
    """What is to be said of how long the queues keep a message."""
    weight = contract.settings.retention
    queues = {queue.queue: queue for queue in settings.queues}
    work, dead = queues.get("work"), queues.get("dead-letter")
    retried = _retried_seconds(history, work, contract)
    if work is not None and work.retention_seconds is not None and retried is not None:
        kept = work.retention_seconds
        if kept <= retried:
            yield Said(
                weight,
                f"the work queue keeps a message for {long_time(kept)}, and its retries together take {long_time(retried)}",
                "retention",
                places.of_queue(work, _KEPT),
            )
    if dead is None or dead.retention_seconds is None or dead.fifo:
        return
    kept, of_work = dead.retention_seconds, work.retention_seconds if work is not None else None
    keeps, place = f"the dead-letter queue keeps a message for {long_time(kept)}", places.of_queue(dead, _KEPT)
    if retried is not None and kept <= retried:
        yield Said(
            weight, f"{keeps}, and the retries before its death, which count, take {long_time(retried)}", "retention"
        )
    elif of_work is not None and kept < of_work:
        yield Said(weight, f"{keeps}, the work queue for {long_time(of_work)}: its age goes on", "retention", place)
    elif retried is not None and kept < 2 * retried and weight is not Weight.OFF:
        used_up = f"{keeps}, of which the retries before its death use up {long_time(retried)}"
        yield Said(Weight.ADVICE, used_up, "retention", place)


def _retried_seconds(history: History, work: QueueSettings | None, contract: Contract) -> float | None:
    """How long all waits of a task take that fails as often as it may; none where nobody says it."""
    if contract.waits:
        return sum(contract.waits)
    if work is None or not contract.waiting.is_as_deployed:
        return None
    hidden, receives = work.visibility_timeout_seconds, work.max_receives
    if hidden is None or not receives or history.of_kind(Resent):
        # The age of a message that is sent anew begins anew.
        return None
    # Where no consumer asks for another wait, the queue's own is the wait.
    return _asked_seconds(history, hidden, receives) if history.of_kind(BackoffRequested) else hidden * receives


def _asked_seconds(history: History, hidden_seconds: float, receives: int) -> float | None:
    """The longest that consumers let a message wait which failed at each of its receives by itself; none where none did."""
    return max(
        (
            sum(each.granted.delay_seconds or 0.0 if each.granted else hidden_seconds for each in chain.attempts)
            for chain in history.chains
            if len(chain.attempts) == receives
            and all(each.failed and not history.was_struck(each) for each in chain.attempts)
        ),
        default=None,
    )
