"""Faults in invocations of functions and in the start of their processes: which strike, and what a spoilt answer looks like.

How a process is killed or a timeout told is the executor's business; it asks here whether to.
"""

import json
from collections.abc import Sequence
from typing import Any

from taskguard.engine.faults.injector import ActivePlan, injector
from taskguard.engine.faults.under_way import Strike, UnderWay
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Place

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
"""A message's id that no batch has."""

# What Lambda takes for the failure of a whole batch: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
_NO_BATCH_ANSWERS: tuple[Any, ...] = (
    {"batchItemFailures": "x"},
    {"batchItemFailures": [{"itemIdentifier": ""}]},
    {"batchItemFailures": [{"itemIdentifier": None}]},
    {"batchItemFailures": [{"id": UNKNOWN_ID}]},
)
# What API Gateway takes for no answer of a proxied function: https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html.
_NO_PROXY_ANSWERS: tuple[Any, ...] = ("garbage", [], {"statusCode": "many"}, {"status": 200, "body": {}})


def strike_invocation(invocations: Sequence[UnderWay]) -> Strike | None:
    """What strikes an invocation: of a batch, what strikes any of its messages, and of several the plan's first."""
    for invocation in invocations:
        # Only an answer to a batch names messages.
        without = frozenset[str]() if invocation.deliveries else frozenset({"unknown-id"})
        strikes = [
            Strike(fault, place, invocation.plan, invocation)
            for place in invocation.places()
            if (fault := invocation.plan.strikes(place, without=without)) is not None
        ]
        if strikes:
            faults = invocation.plan.plan.faults
            return min(strikes, key=lambda strike: faults.index(strike.fault))
    return None


def spoilt(strike: Strike, answer: bytes) -> bytes:
    """The function's answer, spoilt; the recorder is told."""
    strike.record()
    if strike.fault.kind == "unknown-id":
        document = json.loads(answer or b"null") or {}
        failures = [*(document.get("batchItemFailures") or ()), {"itemIdentifier": UNKNOWN_ID}]
        return json.dumps({**document, "batchItemFailures": failures}).encode()
    of_batch = strike.invocation is not None and bool(strike.invocation.deliveries)
    choices = _NO_BATCH_ANSWERS if of_batch else _NO_PROXY_ANSWERS
    return json.dumps(choices[strike.variant(len(choices))]).encode()


def strike_start(function: str) -> Strike | None:
    """What strikes a process of this function (its name on the engine) that is being started."""
    found: Strike | None = None
    for plan in _plans_of(function):
        name = plan.functions[function]
        place = Place(site=Site.PROCESS, function=name, task_id=None, receive=plan.ordinals.of(name, object()))
        fault = plan.strikes(place)
        if found is None and fault is not None:
            found = Strike(fault, place, plan)
    return found


def epoch(function: str) -> tuple[str, ...]:
    """Which plans say how processes of this function are started: one that was started under others is started anew."""
    return tuple(plan.id for plan in _plans_of(function))


def _plans_of(function: str) -> list[ActivePlan]:
    return [plan for plan in injector().of_function.get(function, ()) if plan.strikes_processes]
