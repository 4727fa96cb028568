"""Faults in the AWS calls of functions, as handlers in LocalStack's chain: before a call has its effect, and after it.

A call is a function's when it is signed with the token that only that function's process holds. What a struck call did and
what the function was told of it may differ; the recorder writes down both. It must not know which tables or queues there are.
"""

import time

from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response

from taskguard.engine.faults import answers
from taskguard.engine.faults.injector import injector
from taskguard.engine.faults.under_way import Strike, UnderWay, invocations_of
from taskguard.engine.recorder.flight_recorder import TOLD, Caller, caller_of
from taskguard.engine.server import NO_ANSWER
from taskguard.faults.kinds import KINDS
from taskguard.faults.plan import Phase, Place

_PLACES = "taskguard_places"
_STRUCK = "taskguard_struck"

_ERRORS = {"throttle": answers.throttled, "error": answers.failed, "refuse": answers.refused, "deny": answers.denied}
_OUTAGES = {
    "dynamodb": ("table-down", answers.throttled),
    "sqs": ("queue-down", answers.failed),
}
_NOBODY = {"status": 0, "error": None}
_REFUSE = frozenset({"refuse"})
_NEEDS_AN_EFFECT = frozenset(KINDS) - {"slow"}


def strike_before(_chain: HandlerChain, context: RequestContext, _response: Response) -> None:
    """Request handler: what has no effect ends here, with an error."""
    if not injector().of_function or context.operation is None:
        return
    caller = caller_of(context)
    if caller is None:
        return
    _strike_all(context, caller)
    sdk_id = context.request.headers.get("amz-sdk-invocation-id")
    request = context.service_request or {}
    places = [
        (invocation, invocation.place_of(context.operation.name, request, sdk_id))
        for invocation in invocations_of(caller.environment)
    ]
    setattr(context, _PLACES, places)
    strike = _strike(context, Phase.BEFORE, places)
    if strike is None:
        return
    kind = strike.fault.kind
    if kind == "slow":
        time.sleep(strike.fault.takes_seconds)
        return
    setattr(context, _PLACES, [])
    if kind in _ERRORS:
        raise _ERRORS[kind](context)
    _kill_if_so(strike)
    _say_nothing(context)
    raise answers.not_carried_out()


def strike_after(_chain: HandlerChain, context: RequestContext, response: Response) -> None:
    """Response handler, before the recorder's: what is told of a call that has had its effect."""
    places = context.get(_PLACES)
    if not places or (strike := _strike(context, Phase.AFTER, places)) is None:
        return
    if strike.fault.kind in _ERRORS:
        error = _ERRORS[strike.fault.kind](context)
        told = Response()
        answers.put_into(told, error, context)
        setattr(context, _STRUCK, (strike, told))
        setattr(context, TOLD, {"status": told.status_code, "error": told.headers.get("X-Amzn-Errortype")})
        return
    setattr(context, _STRUCK, (strike, response))
    if strike.fault.kind != "slow":
        _say_nothing(context)


def tell_otherwise(_chain: HandlerChain, context: RequestContext, response: Response) -> None:
    """Response handler, after the recorder's: tell the function that."""
    if (pair := context.get(_STRUCK)) is None:
        return
    strike, told = pair
    if strike.fault.kind == "slow":
        time.sleep(strike.fault.takes_seconds)
    elif strike.fault.kind in _ERRORS:
        response.update_from(told)
    _kill_if_so(strike)


def _strike_all(context: RequestContext, caller: Caller) -> None:
    if (outage := _OUTAGES.get(context.service.service_name)) is not None:
        kind, error = outage
        if any(plan.outage(kind) is not None for plan in injector().of_function.get(caller.function, ())):
            raise error(context)


def _strike(context: RequestContext, when: Phase, places: list[tuple[UnderWay, Place]]) -> Strike | None:
    without: frozenset[str] = frozenset() if answers.can_be_refused(context) else _REFUSE
    if when is Phase.AFTER and context.service_exception is not None:
        # The call failed by itself: there was no effect of which the function could not be told.
        without = _NEEDS_AN_EFFECT
    for invocation, place in places:
        fault = invocation.plan.strikes(place, when, without)
        if fault is not None:
            strike = Strike(fault, place, invocation.plan, invocation)
            strike.record()
            if fault.seconds is not None and fault.about.strikes_all:
                invocation.back_after.update(dict.fromkeys(invocation.deliveries, fault.seconds))
            return strike
    return None


def _kill_if_so(strike: Strike) -> None:
    if strike.fault.kind == "kill" and strike.invocation is not None:
        strike.invocation.kill()


def _say_nothing(context: RequestContext) -> None:
    context.request.environ[NO_ANSWER] = True
    setattr(context, TOLD, _NOBODY)
