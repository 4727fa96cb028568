"""Messages of a batch that are made to fail, as the platform sees it: what the function is shown, and what is answered for it.

Where the event source mapping asks for a list of failed messages, such a message alone is named in it; elsewhere only the whole batch
can fail. How a batch is handed over, and what becomes of what has failed, it must not know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from localstack.aws.api import ServiceException
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.utils.aws.arns import parse_arn

from taskguard.engine.faults.messages import find_queue
from taskguard.engine.faults.under_way import Delivery, Strike, UnderWay
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Phase, Place

ERROR = json.dumps({"errorType": "InjectedFailure", "errorMessage": "A failure was injected."}).encode()
"""What is answered for a function whose whole batch is to fail."""

_PARTIAL = "ReportBatchItemFailures"


@dataclass(frozen=True, slots=True)
class Failing:
    """What is to fail of one batch, ``before`` the function is called or ``after`` it has answered; ``is_partial`` is whether a message
    can fail alone."""

    before: Mapping[Delivery, Strike]
    after: Mapping[Delivery, Strike]
    is_partial: bool

    def shown(self, payload: str) -> str | None:
        """The batch without what fails before the function is called; none when it is not called at all. The recorder is told."""
        _bring_about(self.before)
        if not self.before:
            return payload
        withheld, event = {delivery.message_id for delivery in self.before}, json.loads(payload)
        records = [record for record in event["Records"] if record["messageId"] not in withheld]
        return json.dumps({**event, "Records": records}) if records and self.is_partial else None

    def answered(self, answer: bytes) -> bytes | None:
        """The function's answer, with what has failed named in it, or as it is where it cannot be read; none for an error in its place.
        The recorder is told of what was done with success before."""
        named = _named(answer)
        if named is None:
            return answer
        overridden = {delivery: strike for delivery, strike in self.after.items() if delivery.message_id not in named}
        _bring_about(overridden)
        failed = [delivery.message_id for delivery in (*self.before, *overridden)]
        if not failed:
            return answer
        if not self.is_partial:
            return None
        failures = [{"itemIdentifier": message_id} for message_id in (*named, *failed)]
        return json.dumps({**(json.loads(answer or b"null") or {}), "batchItemFailures": failures}).encode()


def failing_of(function: str, invocations: Sequence[UnderWay]) -> Failing | None:
    """What is to fail of the batch that a function (its name on the engine) is handed; none where nothing is."""
    struck: dict[Phase, dict[Delivery, Strike]] = {phase: {} for phase in Phase}
    for invocation in invocations:
        for delivery in invocation.deliveries:
            for phase in Phase:
                if (strike := _strike(invocation, delivery, phase)) is not None:
                    struck[phase].setdefault(delivery, strike)
    if not any(struck.values()):
        return None
    is_partial = all(_is_partial(function, delivery.queue_arn) for found in struck.values() for delivery in found)
    before, after = (
        {each: Strike(it.fault, it.place, it.plan, it.invocation, of_all=not is_partial) for each, it in found.items()}
        for found in (struck[Phase.BEFORE], struck[Phase.AFTER])
    )
    return Failing(before, {each: it for each, it in after.items() if each not in before}, is_partial)


def come_back(invocations: Sequence[UnderWay]) -> None:
    """Let what has failed come back when the faults say so, rather than when its visibility timeout is over: of several plans, each message
    at the latest time that is said. Once told otherwise it might be with a function again."""
    back_after: dict[Delivery, float] = {}
    for invocation in invocations:
        for delivery, seconds in invocation.back_after.items():
            back_after[delivery] = max(seconds, back_after.get(delivery, 0.0))
    for delivery, seconds in back_after.items():
        queue = find_queue(delivery.queue_arn)
        # The function itself may have deleted it.
        with suppress(ServiceException):
            if queue is not None:
                queue.update_visibility_timeout(delivery.receipt_handle, math.ceil(seconds))


def _strike(invocation: UnderWay, delivery: Delivery, phase: Phase) -> Strike | None:
    plan = invocation.plan
    if (queue := plan.queues.get(delivery.queue_arn)) is None:
        return None
    place = Place(site=Site.MESSAGE, function=queue, task_id=delivery.task_id, receive=delivery.receive_count)
    fault = plan.strikes(place, phase)
    return None if fault is None else Strike(fault, place, plan, invocation)


def _bring_about(struck: Mapping[Delivery, Strike]) -> None:
    for delivery, strike in struck.items():
        strike.record()
        if strike.fault.seconds is None or strike.invocation is None:
            continue
        back_after = strike.invocation.back_after
        if strike.of_all:
            # The others come back at once, lest they share the fate of this one for ever.
            for other in strike.invocation.deliveries:
                back_after.setdefault(other, 0.0)
        back_after[delivery] = strike.fault.seconds


def _named(answer: bytes) -> list[str] | None:
    """The messages that an answer names as failed; none where that cannot be read, which fails the batch by itself."""
    try:
        document: Any = json.loads(answer or b"null") or {}
        return [str(failure["itemIdentifier"]) for failure in document.get("batchItemFailures") or ()]
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return None


def _is_partial(function: str, queue_arn: str) -> bool:
    arn = parse_arn(queue_arn)
    mappings = lambda_stores[arn["account"]][arn["region"]].event_source_mappings.values()
    return any(
        _PARTIAL in (mapping.get("FunctionResponseTypes") or ())
        for mapping in mappings
        if mapping.get("EventSourceArn") == queue_arn and function in mapping.get("FunctionArn", "").split(":")
    )
