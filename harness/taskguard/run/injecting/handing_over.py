"""Hands a plan of faults to a running engine of ours, for one stack and for a while.

It knows the stack by what was discovered of it, and the engine by what it answers. What strikes from outside is not handed over: that is
the nemesis's.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from taskguard.contract.dialect import TASKGUARD, Dialect
from taskguard.errors import FaultPlanError
from taskguard.faults.kinds import FROM_OUTSIDE, Site
from taskguard.faults.plan import Plan
from taskguard.service.stack import Stack
from taskguard.support.json_values import Json
from taskguard.targets.base import Endpoint
from taskguard.targets.process import direct

_PATH = "/_taskguard/faults"
_WITHIN_SECONDS = 30


@contextmanager
def injecting(endpoint: Endpoint, stack: Stack, plan: Plan, dialect: Dialect = TASKGUARD) -> Iterator[None]:
    """As long as this is entered, faults of ``plan`` strike ``stack``. ``dialect`` says where a task's id is found.

    Raises:
        FaultPlanError: there is no engine of ours to inject them, it refuses the plan, or the plan names a function or a queue
            that the stack does not have, where a fault would never strike.
    """
    functions = functions_of(stack)
    for fault in plan.faults:
        known = tuple(functions) if fault.about.site is not Site.MESSAGE else tuple(stack.queues)
        if fault.function not in (None, *known):
            raise FaultPlanError(
                f"The fault {fault}: there is no function={fault.function}. There are: {', '.join(known)}."
            )
    inside = tuple(fault for fault in plan.faults if fault.kind not in FROM_OUTSIDE)
    if not inside:
        yield
        return
    record = dialect.record
    document: dict[str, Json] = {
        "plan": Plan(seed=plan.seed, faults=inside).to_json(),
        "functions": functions,
        # Without a dead-letter queue nothing comes from one.
        "queues": {"dead-letter": ""} | {name: queue.arn for name, queue in stack.queues.items()},
        "names": {
            "message": list(dialect.message.id_names),
            "record": record.key if record is not None else dialect.message.id_name,
        },
    }
    plan_id = _ask(endpoint, "POST", _PATH, document)
    try:
        yield
    finally:
        _ask(endpoint, "DELETE", f"{_PATH}/{plan_id}", None)


def end_all(endpoint: Endpoint, stack: Stack) -> None:
    """End every plan that is active for ``stack``: one outlives a run that was killed, on an engine that stays up. Elsewhere than
    on an engine of ours there is none.

    Raises:
        FaultPlanError: the engine does not answer.
    """
    if endpoint.url is None or endpoint.recording is None:
        return
    query = urllib.parse.urlencode({"stack": stack.work_queue.arn})
    request = urllib.request.Request(f"{endpoint.url}{_PATH}?{query}", method="DELETE")  # noqa: S310  # an engine's
    try:
        with direct.open(request, timeout=_WITHIN_SECONDS):
            return
    except urllib.error.HTTPError as error:
        # An engine that was started by an older TaskGuard cannot do it; what it injects then is judged as nobody's plan.
        if error.code not in (404, 405):
            raise FaultPlanError(f"ending the faults of before at {endpoint.place}: HTTP {error.code}.") from error
    except OSError as error:
        raise FaultPlanError(
            f"ending the faults of before at {endpoint.place}: {error!r}. Is the engine still up?"
        ) from error


def functions_of(stack: Stack) -> dict[str, str]:
    """The full names of the stack's functions, by their labels: ``processTask`` is ``TaskGuard-dev-processTask``."""
    return {each.label: each.name for each in stack.functions}


def _ask(endpoint: Endpoint, method: str, path: str, document: Json) -> str:
    doing = "handing over faults" if method == "POST" else "ending faults"
    if endpoint.url is None:
        raise FaultPlanError(
            f"{doing} at {endpoint.place}: only the engine of ours can inject them (--target localstack)."
        )
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(endpoint.url + path, data=body, method=method)  # noqa: S310  # an engine's
    try:
        with direct.open(request, timeout=_WITHIN_SECONDS) as response:
            return str(json.load(response)["id"])
    except urllib.error.HTTPError as error:
        if error.code == 400:
            raise FaultPlanError(f"{doing} at {endpoint.place}: {json.load(error)['message']}") from None
        raise FaultPlanError(
            f"{doing} at {endpoint.place}: HTTP {error.code}. Only the engine of ours can inject them (--target localstack)."
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise FaultPlanError(f"{doing} at {endpoint.place}: {error!r}. Is the engine still up?") from error
