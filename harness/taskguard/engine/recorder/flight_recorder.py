"""The flight recorder: what the engine itself saw, as JSON Lines.

It sees each Lambda invocation (from the executor) and each AWS call of a function (from LocalStack's handler chain,
recognised by the session token that only that function's process holds). Other calls made in a role that was assumed
are the platform's: LocalStack polls queues and delivers logs in the function's role, as Lambda does. It records and
judges nothing, and it does not know what the functions do. All times are milliseconds since the epoch on the engine's
clock.

Kinds of line: ``invocation-started``, ``invocation-ended``, ``aws-call``, ``engine-held-up`` (``taskguard.engine.recorder.stalls``), ``queue-held-up`` (``taskguard.engine.events.crowding``),
``processes-left`` (``taskguard.engine.functions.leftovers``), ``receive-throttled`` (``taskguard.engine.events.delivery``), ``dead-lettered`` (``taskguard.engine.patches.sqs_dead_letters``), ``fault-injected`` (``taskguard.engine.faults``), ``service-call``, by which API Gateway, EventBridge and the like send to a queue for
a resource of theirs, and ``platform-call``, which is written once for each role, operation, set of names it is about, and error: a queue is polled twenty times a second.
"""

import json
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response

from taskguard.engine.settings import EngineSettings

_LONGEST_PARAMETER = 4096
"""Of a longer text both ends are kept: one of them names what it is about."""
_SENDS = ("SendMessage", "SendMessageBatch")
_ARRIVAL, _REQUEST = "taskguard_arrived_at_ms", "taskguard_request_id"
TOLD = "taskguard_told"
"""Where a request's context says what a function is told, if that is not what has happened: an HTTP status, 0 when it is told
nothing, and an error's code."""


def now_ms() -> float:
    """The engine's clock, in milliseconds since the epoch."""
    return round(time.time() * 1000, 3)


@dataclass(slots=True)
class Caller:
    """A function's process, the request that it works on (none between invocations), and the one that what it does belongs to as far as
    can be told: that, or the last one. ``done`` are the calls of that one which were done in time, by the id that a client gives all its tries.
    Once a request ``is_answered`` nobody waits for what the process still does."""

    function: str
    environment: str
    works_on: str | None = None
    request_id: str | None = None
    done: set[str] = field(default_factory=set)
    is_answered: bool = True

    def begin(self, request_id: str) -> None:
        self.works_on = self.request_id = request_id
        self.done = set()
        self.is_answered = False

    def end(self) -> None:
        self.works_on = None

    def is_late(self, request_id: str | None, call: str | None) -> bool:
        """Whether a call that was made for this request is done after that has ended, as the last of its tries."""
        if self.works_on == request_id:
            if call is not None:
                self.done.add(call)
            return False
        return call not in self.done


class FlightRecorder:
    """Writes lines to one file, from any thread. Without a file it only drops them."""

    def __init__(self, path: str | None) -> None:
        # Open for the engine's whole life.
        self._file = Path(path).open("ab", buffering=0) if path else None  # noqa: SIM115
        self._lock = threading.Lock()
        self.callers: dict[str, Caller] = {}
        """Who signs with a session token: the functions of this engine whose processes are not gone."""
        self.roles: dict[str, str] = {}
        """In which role, by its ARN, a call that is signed with a session token is made."""
        self._told: set[Hashable] = set()
        self.failure: OSError | None = None
        """Why something could not be written, as on a full disk, and where; whoever watches is told."""
        self._is_broken = False

    def is_news(self, fact: Hashable) -> bool:
        """Whether this is asked for the first time."""
        with self._lock:
            known = fact in self._told
            self._told.add(fact)
        return not known

    def write(self, kind: str, **fields: Any) -> None:
        """Append one line; it is in the file when this returns, but for a :attr:`failure` of that. Then no other follows."""
        if self._file is None or self._is_broken:
            return
        line = json.dumps({"kind": kind, **fields}, separators=(",", ":"), default=str)
        # One call appends one line: no other thread's can come in between.
        rest = line.encode() + b"\n"
        try:
            while rest:
                # A disk that is all but full takes a part.
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._is_broken = True
            self.lost(error, self._file.name)

    def lost(self, error: OSError, where: str) -> None:
        """Tell whoever watches that something which happened could not be kept ``where`` it belongs."""
        if self.failure is None:
            self.failure = OSError(error.errno, error.strerror, where)


@lru_cache(maxsize=1)
def recorder() -> FlightRecorder:
    return FlightRecorder(EngineSettings.from_environment().recording)


def caller_of(context: RequestContext) -> Caller | None:
    """The function's process that makes this call; none when it is somebody else."""
    return recorder().callers.get(context.request.headers.get("X-Amz-Security-Token") or "")


def note_arrival(_chain: HandlerChain, context: RequestContext, _response: Response) -> None:
    """Request handler: remember when a call arrived, and of which request of a function's."""
    setattr(context, _ARRIVAL, now_ms())
    if (caller := caller_of(context)) is not None:
        setattr(context, _REQUEST, caller.request_id)


def record_answer(_chain: HandlerChain, context: RequestContext, response: Response) -> None:
    """Response handler: record a function's call and its answer."""
    if context.operation is None or context.request is None:
        return
    is_assumed = context.service.service_name == "sts" and context.operation.name == "AssumeRole"
    if is_assumed and (credentials := (context.service_response or {}).get("Credentials")):
        recorder().roles[credentials["SessionToken"]] = context.service_request["RoleArn"]
    if _is_sent_by_a_service(context):
        _record_service_call(context, response)
        return
    token = context.request.headers.get("X-Amz-Security-Token")
    if not token:
        return
    caller, error = recorder().callers.get(token), context.service_exception
    if caller is None:
        _record_platform_call(context, recorder().roles.get(token), error.code if error else None)
        return
    ended, request_id = now_ms(), getattr(context, _REQUEST, caller.request_id)
    recorder().write(
        "aws-call",
        function=caller.function,
        environment=caller.environment,
        requestId=request_id,
        late=caller.is_late(request_id, context.request.headers.get("amz-sdk-invocation-id")),
        service=context.service.service_name,
        operation=context.operation.name,
        parameters=_shortened(context.service_request or {}),
        status=response.status_code,
        error={"code": error.code, "message": error.message} if error else None,
        result=_outcome(context.service_response or {}),
        told=context.get(TOLD),
        startedAt=getattr(context, _ARRIVAL, ended),
        endedAt=ended,
    )


def _is_sent_by_a_service(context: RequestContext) -> bool:
    """Whether a service sends to a queue for a resource of its own: such as a route of an API, or a rule."""
    told = context.internal_request_params or {}
    sends = context.service.service_name == "sqs" and context.operation.name in _SENDS
    return sends and bool(told.get("service_principal") and told.get("source_arn"))


def _record_service_call(context: RequestContext, response: Response) -> None:
    told, error, ended = context.internal_request_params, context.service_exception, now_ms()
    recorder().write(
        "service-call",
        function=told["service_principal"],
        source=told["source_arn"],
        requestId=None,
        service=context.service.service_name,
        operation=context.operation.name,
        parameters=_shortened(context.service_request or {}),
        status=response.status_code,
        error={"code": error.code, "message": error.message} if error else None,
        result=_outcome(context.service_response or {}),
        startedAt=getattr(context, _ARRIVAL, ended),
        endedAt=ended,
    )


def _record_platform_call(context: RequestContext, role: str | None, error: str | None) -> None:
    names = {key: value for key, value in (context.service_request or {}).items() if isinstance(value, str)}
    service, operation = context.service.service_name, context.operation.name
    if role is not None and recorder().is_news((role, service, operation, error, *sorted(names.items()))):
        recorder().write(
            "platform-call",
            role=role,
            service=service,
            operation=operation,
            parameters=_shortened(names),
            error=error,
            startedAt=getattr(context, _ARRIVAL, now_ms()),
        )


def _shortened(value: Any) -> Any:
    """``value`` with its long texts cut: a parameter matters for what it addresses, not for its bulk."""
    if isinstance(value, str) and len(value) > _LONGEST_PARAMETER:
        half = _LONGEST_PARAMETER // 2
        return f"{value[:half]}… ({len(value)} characters) …{value[-half:]}"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortened(item) for item in value]
    return value


def _outcome(response: Any) -> dict[str, Any]:
    if not isinstance(response, dict):
        return {}
    # A batch operation succeeds as a whole and names the entries that failed; and those that did not, with what became of them.
    named = ("Failed", "Successful")
    return {key: item for key, item in response.items() if key in named or isinstance(item, (str, int, float, bool))}
