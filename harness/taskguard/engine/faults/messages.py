"""Faults in messages on their way between a queue and its consumer.

A message is struck when it has been received, before it is handed over; once in each delivery. What becomes of it then is left
to the queue and the consumer as they are: a message that is lost comes back when its visibility timeout is over, and a receipt
handle that has expired is one that the queue does not know.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from functools import lru_cache, partial
from typing import Any

from localstack.services.sqs.models import SqsQueue, sqs_stores
from localstack.utils.aws.arns import parse_arn

from taskguard.engine.faults.holding import held_back, rendezvous
from taskguard.engine.faults.injector import ActivePlan, injector
from taskguard.engine.faults.under_way import Strike
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Place

HandOver = Callable[[list[dict[str, Any]]], None]
_AT_DELETION = "again"
_AT_INVOCATION = "throttle-function"


class Throttled:
    """Which receives are to be throttled, by their receipt handles: as long as they last, or the plan."""

    def __init__(self) -> None:
        self._struck: dict[str, ActivePlan] = {}
        self._changing = threading.Lock()

    def arrange(self, receipt_handle: str, plan: ActivePlan) -> None:
        """From now on, no invocation begins with that message of that receive."""
        with self._changing:
            under_way = {handle: each for handle, each in self._struck.items() if not each.ended}
            self._struck = {**under_way, receipt_handle: plan}

    def is_struck(self, receipt_handles: Iterable[str]) -> bool:
        """Whether an invocation with these messages is throttled."""
        plans = (self._struck.get(handle) for handle in receipt_handles)
        return bool(self._struck) and any(plan is not None and not plan.ended for plan in plans)


@lru_cache(maxsize=1)
def throttled() -> Throttled:
    return Throttled()


def find_queue(queue_arn: str) -> SqsQueue | None:
    """The queue in the engine; none when it is gone."""
    arn = parse_arn(queue_arn)
    return sqs_stores[arn["account"]][arn["region"]].queues.get(arn["resource"])


def strike_received(
    queue_arn: str, messages: Sequence[dict[str, Any]], hand_over_too: HandOver
) -> list[dict[str, Any]]:
    """Of a batch that was received, what is to be handed over now, in this order. ``hand_over_too`` hands over a batch beside
    it, at once and from a thread of its own."""
    if queue_arn not in injector().of_queue:
        return list(messages)
    now: list[dict[str, Any]] = []
    last: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        strike = _strike(queue_arn, message)
        if strike is None or strike.fault.kind == _AT_DELETION:
            now.append(message)
            continue
        # An invocation is throttled with all that is in it.
        with_it = messages if strike.fault.kind == _AT_INVOCATION else [message]
        strike.record(strike.plan.names.in_text(each.get("Body")) for each in with_it)
        match strike.fault.kind:
            case "lose":
                continue
            case "reorder" if index < len(messages) - 1:
                last.insert(0, message)
                continue
            case "late" | "reorder" as kind:
                held_back().hold(
                    partial(hand_over_too, [message]),
                    seconds=strike.fault.takes_seconds,
                    queue_arn=queue_arn,
                    plan_id=strike.plan.id,
                    to_be_overtaken=kind == "reorder",
                )
                continue
            case "twice":
                rendezvous().arrange(message["MessageId"])
                hand_over_too([deepcopy(message)])
            case "throttle-function":
                throttled().arrange(message["ReceiptHandle"], strike.plan)
            case "stale-handle":
                _forget_handle(queue_arn, message["ReceiptHandle"])
            case "run-out" if (queue := find_queue(queue_arn)) is not None:
                rendezvous().arrange(message["MessageId"])
                queue.update_visibility_timeout(message["ReceiptHandle"], 0)
        now.append(message)
    return now + last


def handled(queue_arn: str, received: float) -> None:
    """A batch of this queue, ``received`` at that moment of ``time.monotonic``, has been with its consumer."""
    held_back().overtake(queue_arn, received)


def lost_deletions(queue_arn: str, messages: Sequence[dict[str, Any]], done: Collection[str]) -> frozenset[str]:
    """Of the messages that are ``done``, by their ids, and so to be deleted: those whose deletion gets lost."""
    if queue_arn not in injector().of_queue:
        return frozenset()
    lost = set()
    for message in messages:
        strike = _strike(queue_arn, message) if message["MessageId"] in done else None
        if strike is not None and strike.fault.kind == _AT_DELETION:
            strike.record()
            lost.add(message["MessageId"])
    return frozenset(lost)


def _strike(queue_arn: str, message: dict[str, Any]) -> Strike | None:
    for plan in injector().of_queue.get(queue_arn, ()):
        place = Place(
            site=Site.MESSAGE,
            function=plan.queues[queue_arn],
            task_id=plan.names.in_text(message.get("Body")),
            receive=int(message["Attributes"]["ApproximateReceiveCount"]),
        )
        if (fault := plan.strikes(place)) is not None:
            return Strike(fault, place, plan)
    return None


def _forget_handle(queue_arn: str, receipt_handle: str) -> None:
    if (queue := find_queue(queue_arn)) is not None:
        with queue.mutex:
            if (received := queue.receipts.pop(receipt_handle, None)) is not None:
                received.receipt_handles.discard(receipt_handle)
