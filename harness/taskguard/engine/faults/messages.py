"""Faults in messages on their way between a queue and its consumer.

A message is struck when it has been received, before it is handed over; once in each delivery. What becomes of it then is left
to the queue and the consumer as they are: a message that is lost comes back when its visibility timeout is over, and a receipt
handle that has expired is one that the queue does not know.
"""

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from typing import Any

from localstack.services.sqs.models import SqsQueue, sqs_stores
from localstack.utils.aws.arns import parse_arn

from taskguard.engine.faults.holding import held_back, rendezvous
from taskguard.engine.faults.injector import ActivePlan, injector
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Fault, Place

HandOver = Callable[[list[dict[str, Any]]], None]
_AT_DELETION = "again"


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
        struck = _strike(queue_arn, message)
        if struck is None or struck[1].kind == _AT_DELETION:
            now.append(message)
            continue
        plan, fault, place = struck
        plan.record(fault, place, task_ids=[place.task_id])
        match fault.kind:
            case "lose":
                pass
            case "late":
                _hold(message, fault, plan, queue_arn, hand_over_too)
            case "reorder" if index == len(messages) - 1:
                _hold(message, fault, plan, queue_arn, hand_over_too, to_be_overtaken=True)
            case "reorder":
                last.insert(0, message)
            case kind:
                _ON_THEIR_WAY[kind](queue_arn, message, hand_over_too)
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
        struck = _strike(queue_arn, message) if message["MessageId"] in done else None
        if struck is not None and struck[1].kind == _AT_DELETION:
            plan, fault, place = struck
            plan.record(fault, place, task_ids=[place.task_id])
            lost.add(message["MessageId"])
    return frozenset(lost)


def _strike(queue_arn: str, message: dict[str, Any]) -> tuple[ActivePlan, Fault, Place] | None:
    for plan in injector().of_queue.get(queue_arn, ()):
        place = Place(
            site=Site.MESSAGE,
            function=plan.queues[queue_arn],
            task_id=plan.names.in_text(message.get("Body")),
            receive=int(message["Attributes"]["ApproximateReceiveCount"]),
        )
        if (fault := plan.strikes(place)) is not None:
            return plan, fault, place
    return None


def _hold(
    message: dict[str, Any],
    fault: Fault,
    plan: ActivePlan,
    queue_arn: str,
    hand_over: HandOver,
    *,
    to_be_overtaken: bool = False,
) -> None:
    held_back().hold(
        lambda: hand_over([message]),
        seconds=fault.takes_seconds,
        queue_arn=queue_arn,
        plan_id=plan.id,
        to_be_overtaken=to_be_overtaken,
    )


def _twice(_queue_arn: str, message: dict[str, Any], hand_over_too: HandOver) -> None:
    rendezvous().arrange(message["MessageId"])
    hand_over_too([deepcopy(message)])


def _stale_handle(queue_arn: str, message: dict[str, Any], _hand_over_too: HandOver) -> None:
    if (queue := find_queue(queue_arn)) is not None:
        with queue.mutex:
            if (received := queue.receipts.pop(message["ReceiptHandle"], None)) is not None:
                received.receipt_handles.discard(message["ReceiptHandle"])


def _run_out(queue_arn: str, message: dict[str, Any], _hand_over_too: HandOver) -> None:
    if (queue := find_queue(queue_arn)) is not None:
        rendezvous().arrange(message["MessageId"])
        queue.update_visibility_timeout(message["ReceiptHandle"], 0)


_ON_THEIR_WAY: dict[str, Callable[[str, dict[str, Any], HandOver], None]] = {
    "twice": _twice,
    "stale-handle": _stale_handle,
    "run-out": _run_out,
}
