"""The flight recorder: what the engine itself saw, as JSON Lines.

It sees each Lambda invocation (from the executor) and each AWS call of a function (from LocalStack's handler chain,
recognised by the session token that only that function's process holds). It records and judges nothing, and it does not
know what the functions do. All times are milliseconds since the epoch on the engine's clock.

Kinds of line: ``invocation-started``, ``invocation-ended``, ``aws-call``.
"""

import json
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from localstack.aws.api import RequestContext
from localstack.aws.chain import HandlerChain
from localstack.http import Response

from harness.engine.settings import EngineSettings

_LONGEST_PARAMETER = 4096
_ARRIVAL = "taskguard_arrived_at_ms"


def now_ms() -> float:
    """The engine's clock, in milliseconds since the epoch."""
    return round(time.time() * 1000, 3)


@dataclass(slots=True)
class Caller:
    """A function's process, and the request it is working on (none between invocations)."""

    function: str
    environment: str
    request_id: str | None = None


class FlightRecorder:
    """Writes lines to one file, from any thread. Without a file it only drops them."""

    def __init__(self, path: str | None) -> None:
        # Open for the engine's whole life.
        self._file: IO[str] | None = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115
        self._lock = threading.Lock()
        self._callers: dict[str, Caller] = {}

    def register(self, session_token: str, caller: Caller) -> None:
        """Know the calls signed with ``session_token`` as those of ``caller``."""
        self._callers[session_token] = caller

    def forget(self, session_token: str) -> None:
        """The process behind ``session_token`` is gone."""
        self._callers.pop(session_token, None)

    def caller(self, session_token: str) -> Caller | None:
        """Who signs with ``session_token``; none when it is no function of this engine."""
        return self._callers.get(session_token)

    def write(self, kind: str, **fields: Any) -> None:
        """Append one line; it is in the file when this returns."""
        if self._file is None:
            return
        line = json.dumps({"kind": kind, **fields}, separators=(",", ":"), default=str)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()


@lru_cache(maxsize=1)
def recorder() -> FlightRecorder:
    """The engine's one flight recorder."""
    return FlightRecorder(EngineSettings.from_environment().recording)


def note_arrival(_chain: HandlerChain, context: RequestContext, _response: Response) -> None:
    """Request handler: remember when a call arrived."""
    setattr(context, _ARRIVAL, now_ms())


def record_answer(_chain: HandlerChain, context: RequestContext, response: Response) -> None:
    """Response handler: record a function's call and its answer."""
    if context.operation is None or context.request is None:
        return
    token = context.request.headers.get("X-Amz-Security-Token")
    caller = recorder().caller(token) if token else None
    if caller is None:
        return
    error = context.service_exception
    ended = now_ms()
    recorder().write(
        "aws-call",
        function=caller.function,
        environment=caller.environment,
        requestId=caller.request_id,
        service=context.service.service_name,
        operation=context.operation.name,
        parameters=_shortened(context.service_request or {}),
        status=response.status_code,
        error={"code": error.code, "message": error.message} if error else None,
        result=_outcome(context.service_response or {}),
        startedAt=getattr(context, _ARRIVAL, ended),
        endedAt=ended,
    )


def _shortened(value: Any) -> Any:
    """``value`` with its long texts cut: a parameter matters for what it addresses, not for its bulk."""
    if isinstance(value, str) and len(value) > _LONGEST_PARAMETER:
        return f"{value[:_LONGEST_PARAMETER]}… ({len(value)} characters)"
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
    # A batch operation succeeds as a whole and names the entries that failed.
    return {key: item for key, item in response.items() if key == "Failed" or isinstance(item, (str, int, float, bool))}
