"""Faults in invocations of functions and in the start of their processes: which strike, and what a spoilt answer looks like.

How a process is killed or a timeout told is the executor's business; it asks here whether to.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from taskguard.engine.faults.injector import ActivePlan, injector
from taskguard.engine.faults.under_way import UnderWay
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Fault, Place

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


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes an invocation, or the start of a process (then its invocation may not be known)."""

    fault: Fault
    place: Place
    plan: ActivePlan
    invocation: UnderWay | None = None

    @property
    def kind(self) -> str:
        """The fault's kind."""
        return self.fault.kind

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.fault.takes_seconds

    def record(self) -> None:
        """Tell the flight recorder, before it takes effect."""
        invocation = self.invocation
        self.plan.record(
            self.fault,
            self.place,
            task_ids=invocation.task_ids if invocation else (),
            request_id=invocation.request_id if invocation else None,
        )

    def of(self, invocations: Sequence[UnderWay]) -> "Strike":
        """The same, now that the invocation is known which it strikes."""
        return replace(self, invocation=next((each for each in invocations if each.plan is self.plan), None))

    def spoil(self, answer: bytes) -> bytes:
        """The function's answer, spoilt; the recorder is told."""
        self.record()
        if self.kind == "unknown-id":
            document = json.loads(answer or b"null") or {}
            failures = [*(document.get("batchItemFailures") or ()), {"itemIdentifier": UNKNOWN_ID}]
            return json.dumps({**document, "batchItemFailures": failures}).encode()
        of_batch = self.invocation is not None and bool(self.invocation.deliveries)
        choices = _NO_BATCH_ANSWERS if of_batch else _NO_PROXY_ANSWERS
        return json.dumps(choices[self.variant(len(choices))]).encode()

    def variant(self, count: int) -> int:
        """Which of ``count`` ways of doing it: always the same at one place under one seed."""
        drawn = sha256(f"{self.plan.plan.seed}:{self.place}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(drawn[:4], "big") % count


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


def strike_start(function: str) -> Strike | None:
    """What strikes a process of this function (its name on the engine) that is being started."""
    found: Strike | None = None
    for plan in _plans_of(function):
        name = plan.functions[function]
        place = Place(site=Site.PROCESS, function=name, task_id=None, receive=plan.count_start(name))
        fault = plan.strikes(place)
        if found is None and fault is not None:
            found = Strike(fault, place, plan)
    return found


def epoch(function: str) -> tuple[str, ...]:
    """Which plans say how processes of this function are started: one that was started under others is started anew."""
    return tuple(plan.id for plan in _plans_of(function))


def _plans_of(function: str) -> list[ActivePlan]:
    return [plan for plan in injector().of_function.get(function, ()) if plan.strikes_processes]
