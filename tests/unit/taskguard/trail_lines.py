"""The lines of single invocations, and what is told from them."""

from __future__ import annotations

import uuid
from typing import Any

from taskguard.contract.dialect import TRAIL, MessageWords
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.logs.trail import Trail
from taskguard.evidence.recorder.deliveries import events_of
from taskguard.evidence.recorder.recording import Invocation, Recording
from taskguard.history import Event

from tests.unit.taskguard.log_story import WORK_GROUP, end, handed, report, start, trail
from tests.unit.taskguard.recorder_lines import STACK

R1, R2 = (str(uuid.UUID(int=number)) for number in (1, 2))
SUCCESS: dict[str, Any] = {"batchItemFailures": []}
FAILURE = {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def received(request_id: str = R1, *messages: dict[str, Any], at: float = 1000.0) -> str:
    messages = messages or (handed("m1", 1, "t1", {"n": 1}),)
    return trail("TRAIL_RECEIVED", request_id, at=at, messages=list(messages))


def answered(request_id: str = R1, answer: Any = FAILURE, at: float = 1010.0) -> str:
    return trail("TRAIL_ANSWERED", request_id, at=at, answer=answer)


def raised(request_id: str = R1, at: float = 1010.0) -> str:
    return trail("TRAIL_RAISED", request_id, at=at, error="KeyError: 'lost'")


def whole(request_id: str = R1) -> list[str]:
    return [start(request_id), received(request_id), answered(request_id), end(request_id), report(request_id, 10.0)]


def trail_of(*lines: str | tuple[int, str], group: str = WORK_GROUP, stream: str = "stream") -> Trail:
    """A trail of these lines; those that are given with a time were logged at it."""
    timed = [line if isinstance(line, tuple) else (1010, line) for line in lines]
    found = Trail(TRAIL)
    found.add(LogLine(group, stream, at_ms, text) for at_ms, text in timed)
    return found


def recording_of(*lines: str | tuple[int, str], bodies: dict[str, str] | None = None) -> Recording:
    return trail_of(*lines).recording(bodies or {}, MessageWords())


def the_invocation(*lines: str | tuple[int, str]) -> Invocation:
    recording = recording_of(*lines)
    assert recording.damage == []
    [invocation] = recording.invocations.values()
    return invocation


def told(*lines: str | tuple[int, str]) -> list[Event]:
    return events_of(recording_of(*lines), STACK, MessageWords(), source="CloudWatch Logs")


def kinds(*lines: str | tuple[int, str]) -> list[str]:
    return [type(event).__name__ for event in told(*lines)]
