"""Tries behaviours on an engine: several at once, each for a limited time, and what may hold up others alone at last."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.conformance.behaviour import Behaviour, Outcome, Result
from taskguard.conformance.context import Context, NotSetUp, is_not_there, status_of
from taskguard.targets.base import Endpoint

AT_ONCE = 8
AT_ONCE_AGAIN = 3
_AGAIN = (Outcome.WRONG, Outcome.NOT_TRIED)
_SET_UP_SECONDS = 25.0
_SET_UP_SECONDS_ALONE = 10.0
_SET_UP_SECONDS_ON_AWS = 180.0
_HANGING_SECONDS = 10.0
"""How long after its time an attempt may still be in a call that does not return."""

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}],
}
_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def try_all(
    behaviours: Sequence[Behaviour], endpoint: Endpoint, tell: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Try each on the engine, and ``tell`` of each when its result is known; the results are in the order of the behaviours.

    What is wrong is tried once more when less is going on, and counts then: a busy machine is late too.
    """
    results: dict[str, Result] = {}

    def attempt(one: Behaviour) -> None:
        results[one.id] = attempted(one, endpoint, role)

    def attempt_first(one: Behaviour) -> None:
        attempt(one)
        if results[one.id].outcome not in _AGAIN:
            tell(results[one.id])

    def attempt_last(one: Behaviour) -> None:
        attempt(one)
        tell(results[one.id])

    # Those that take longest first, or they would be waited for at the end.
    together = sorted((each for each in behaviours if not each.alone), key=lambda each: -each.seconds)
    with _role(endpoint) as role:
        with ThreadPoolExecutor(AT_ONCE) as at_once:
            list(at_once.map(attempt_first, together))
        with ThreadPoolExecutor(AT_ONCE_AGAIN) as at_once:
            list(at_once.map(attempt_last, [each for each in together if results[each.id].outcome in _AGAIN]))
        for each in behaviours:
            if each.alone:
                attempt_last(each)
    return [results[each.id] for each in behaviours]


def attempted(one: Behaviour, endpoint: Endpoint, role: str) -> Result:
    """What comes of one, also when the engine does not answer any more."""
    limit, found = seconds_for(one, endpoint), list[Result]()
    thread = threading.Thread(
        target=lambda: _attempt(one, Context(endpoint, role, time.monotonic() + limit), found.append),
        name=one.id,
        daemon=True,
    )
    thread.start()
    thread.join(limit + _HANGING_SECONDS)
    if found:
        return found[0]
    return Result(id=one.id, outcome=Outcome.NOT_TRIED, seen=f"a call did not return within {limit:.0f} s")


def seconds_for(one: Behaviour, endpoint: Endpoint) -> float:
    """How long it may take, by the machine's clock."""
    if endpoint.url is None:
        return _SET_UP_SECONDS_ON_AWS + one.seconds
    scale = endpoint.clock.scale
    if one.alone:
        return _SET_UP_SECONDS_ALONE + one.seconds / min(scale, 10.0)
    # A clock that can run fast runs as the machine's while others are at work.
    return _SET_UP_SECONDS + one.seconds / min(scale, 4.0)


def _attempt(one: Behaviour, context: Context, tell: Callable[[Result], None]) -> None:
    try:
        tell(_outcome(one, context))
    finally:
        context.remove_all()


def _outcome(one: Behaviour, context: Context) -> Result:
    outcome, seen = Outcome.RIGHT, ""
    try:
        one.attempt(context)
    except AssertionError as error:
        outcome, seen = Outcome.WRONG, str(error)
    except ClientError as error:
        seen = (
            f"{error.operation_name}: {error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
        )
        if is_not_there(error):
            outcome = Outcome.NOT_THERE
        else:
            outcome = Outcome.NOT_TRIED if status_of(error) >= 500 else Outcome.WRONG
    except (BotoCoreError, NotSetUp) as error:
        outcome, seen = Outcome.NOT_TRIED, str(error)
    except Exception as error:  # an answer of a shape that nobody expects
        outcome, seen = Outcome.NOT_TRIED, f"{type(error).__name__}: {error}"
    return Result(id=one.id, outcome=outcome, seen=" ".join(seen.split()))


@contextmanager
def _role(endpoint: Endpoint) -> Iterator[str]:
    """The role of all functions, which may use any queue and log."""
    iam: Any = endpoint.client("iam")
    name = f"conformance-{uuid4().hex[:12]}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_LAMBDA))["Role"]["Arn"]
    try:
        iam.put_role_policy(RoleName=name, PolicyName="queues", PolicyDocument=json.dumps(_POLICY))
        yield arn
    finally:
        with suppress(ClientError, BotoCoreError):
            iam.delete_role_policy(RoleName=name, PolicyName="queues")
            iam.delete_role(RoleName=name)
