"""From log lines to a recording: the invocations and calls that the flight recorder would have seen.

Read from the platform's own lines (START, REPORT, an error's) and from the trail that the pipeline leaves at the edge of
its consumers. What the lines leave open is said in the recording's ``damage``, never guessed. Times are the functions' own
clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from taskguard.contract.dialect import LOG, LogWords, MessageWords, TrailWords, field_of
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.logs.trail_records import Answered, Asked, Handed, Raised, Received, read
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Recording
from taskguard.support.json_values import Json
from taskguard.support.typed import Refused

_PLATFORM = re.compile(r"(START|REPORT) RequestId: (\S+)")
_DURATION = re.compile(r"\tDuration: (\d+(?:\.\d+)?) ms")
_INIT_DURATION = re.compile(r"\tInit Duration: (\d+(?:\.\d+)?) ms")
_REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ERROR = re.compile(r"Task timed out after|Runtime\.ExitError|Runtime exited|^\[ERROR\] |\tStatus: (?:error|timeout)")
# These name the invocation that they are of, and are the platform's: no function says them of something else.
_ITS_FAILURE = re.compile(r"REPORT .*\tStatus: (?:error|timeout)|\S+ [0-9a-f-]{36} Task timed out after")
_PROACTIVE_MS = 100.0
"""A function that had been ready for longer than this was not made ready for the invocation that came first."""


@dataclass(slots=True)
class _Request:
    """What the lines tell of one invocation; ``…_logged_ms`` are when the platform logged its lines. On Lambda each execution
    environment has a log ``stream`` of its own."""

    request_id: str
    function: str
    stream: str
    received: Received | None = None
    ended: Answered | Raised | None = None
    calls: list[Asked] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    error_line: str | None = None
    failed: bool = False
    init_logged_ms: float | None = None
    start_logged_ms: float | None = None
    report_logged_ms: float | None = None
    duration_ms: float | None = None
    init_ms: float = 0.0

    def began_ms(self, received: Received) -> float:
        """When it was Lambda's: a cold start is part of the invocation that it is for."""
        if self.init_ms:
            return received.at if self._was_ready_before() else received.at - self.init_ms
        if self._logged_afterwards and self.report_logged_ms is not None and self.duration_ms is not None:
            # An engine that counts a cold start as duration. Two roundings to a millisecond must not make it too early.
            return min(received.at, self.report_logged_ms - self.duration_ms + 2)
        return received.at

    def ended_ms(self, received: Received) -> float:
        """When it ended, as far as the platform tells."""
        ended_ms = received.at + (self.duration_ms or 0.0)
        return min(ended_ms, self.report_logged_ms or ended_ms) if self._logged_afterwards else ended_ms

    @property
    def _logged_afterwards(self) -> bool:
        """Whether its lines were all logged at its end, and bear that time."""
        return self.start_logged_ms is not None and self.start_logged_ms == self.report_logged_ms

    def _was_ready_before(self) -> bool:
        # "Lambda may proactively initialize": https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
        if self.init_logged_ms is None or self.start_logged_ms is None:
            return False
        return self.start_logged_ms - self.init_logged_ms > self.init_ms + _PROACTIVE_MS


class Trail:
    """The invocations of some consumers, put together line by line. ``functions`` are those whose log group does not bear their
    name, by the group."""

    def __init__(self, names: TrailWords, functions: Mapping[str, str] | None = None, log: LogWords = LOG) -> None:
        self._names = names
        self._log = log
        self._functions = functions or {}
        self._requests: dict[str, _Request] = {}
        self._current: dict[tuple[str, str], str] = {}
        self._made_ready: dict[tuple[str, str], float] = {}
        self._of_no_invocation: list[str] = []
        self.task_ids: set[str] = set()
        """The tasks that were delivered."""
        self.bodies_wanted: set[str] = set()
        """The digests of the bodies that were delivered."""
        self.poison_bodies: list[str] = []
        """Bodies that are no task, as logged when they were dead-lettered."""
        self.dead_payloads: list[tuple[str, Json]] = []
        """Dead tasks and their payloads, as logged."""

    def add(self, lines: Iterable[LogLine]) -> bool:
        """Take these lines in, each stream's in its order; whether there were any."""
        were_any = False
        for line in lines:
            were_any = True
            if line.message.startswith("{"):
                self._logged_record(line)
            else:
                self._logged_text(line)
        return were_any

    @property
    def open(self) -> list[str]:
        """The invocations whose end has not been logged yet."""
        return [request.request_id for request in self._requests.values() if request.report_logged_ms is None]

    def recording(self, bodies: Mapping[str, str], names: MessageWords) -> Recording:
        """The recording that the lines amount to. ``bodies`` are those of messages, by their SHA-256."""
        recording = Recording(damage=list(self._of_no_invocation))
        for request in self._requests.values():
            recording.damage.extend(request.unreadable)
            if request.received is None:
                recording.damage.append(f"what invocation {request.request_id} of {request.function} was handed")
                continue
            messages = tuple(_message(handed, bodies, names) for handed in request.received.messages)
            recording.invocations[request.request_id] = _invocation(request, request.received, messages)
            recording.calls.extend(_call(asked, request) for asked in request.calls)
        return recording

    def _request(self, request_id: str, line: LogLine) -> _Request:
        return self._requests.setdefault(request_id, _Request(request_id, self._function_of(line), line.stream))

    def _function_of(self, line: LogLine) -> str:
        return self._functions.get(line.group, line.group.removeprefix("/aws/lambda/"))

    def _logged_text(self, line: LogLine) -> None:
        place = (line.group, line.stream)
        if line.message.startswith("INIT_START "):
            self._made_ready[place] = line.at_ms
        elif (platform := _PLATFORM.match(line.message)) is not None:
            kind, request_id = platform.groups()
            request = self._request(request_id, line)
            if kind == "START":
                self._current[place] = request_id
                request.start_logged_ms = line.at_ms
                request.init_logged_ms = self._made_ready.pop(place, None)
            else:
                request.report_logged_ms = line.at_ms
                request.duration_ms = _milliseconds(_DURATION, line.message)
                request.init_ms = _milliseconds(_INIT_DURATION, line.message) or 0.0
        if _ERROR.search(line.message) and (failed := self._request_of(line)) is not None:
            failed.error_line = line.message
            failed.failed |= _ITS_FAILURE.match(line.message) is not None

    def _request_of(self, line: LogLine) -> _Request | None:
        named = next((i for i in _REQUEST_ID.findall(line.message) if i in self._requests), None)
        return self._requests.get(named or self._current.get((line.group, line.stream), ""))

    def _logged_record(self, line: LogLine) -> None:
        names, log = self._names, self._log
        try:
            fields: dict[str, Any] = json.loads(line.message)
        except (ValueError, RecursionError):
            return
        event, request_id = fields.get(names.event), fields.get(names.request_id)
        if event == names.poison and isinstance(fields.get(names.body), str):
            self.poison_bodies.append(fields[names.body])
        elif fields.get(log.event or "") == log.value and isinstance(task_id := field_of(fields, log.task_id), str):
            self.dead_payloads.append((task_id, field_of(fields, log.payload)))
        try:
            record, unreadable = read(fields, names), None
        except (Refused, RecursionError) as refused:
            record, unreadable = None, f"a {event} of {line.group}, which cannot be read: {refused}"
        if record is None and unreadable is None:
            return
        if not isinstance(request_id, str):
            self._of_no_invocation.append(unreadable or f"which invocation a {event} of {line.group} is of")
            return
        # The line says itself which invocation it is of: it may have been collected with the next one's.
        request = self._request(request_id, line)
        if unreadable is not None:
            request.unreadable.append(unreadable)
        match record:
            case Received():
                request.received = record
                self.bodies_wanted.update(handed.body_digest for handed in record.messages)
                self.task_ids.update(handed.task_id for handed in record.messages if handed.task_id is not None)
            case Asked():
                request.calls.append(record)
            case Answered() | Raised():
                request.ended = record


def _invocation(request: _Request, received: Received, messages: tuple[Message, ...]) -> Invocation:
    invocation = Invocation(
        function=request.function,
        request_id=request.request_id,
        payload="",
        messages=messages,
        started_at_ms=request.began_ms(received),
        environment=request.stream,
    )
    match request.ended:
        case Raised(at=at, error=error):
            invocation.response, invocation.is_error, invocation.ended_at_ms = str(error), True, at
        # An answer that the platform calls a failure may have come too late: how it ended stays unknown.
        case Answered(at=at, answer=answer) if not request.failed:
            invocation.response, invocation.ended_at_ms = json.dumps(answer), at
        case None if request.error_line is not None and request.report_logged_ms is not None:
            invocation.response, invocation.is_error = request.error_line, True
            invocation.ended_at_ms = request.ended_ms(received)
    return invocation


def _message(handed: Handed, bodies: Mapping[str, str], names: MessageWords) -> Message:
    stand_in = f"a body with SHA-256 {handed.body_digest}"
    if handed.task_id is not None:
        stand_in = names.body(handed.task_id, json.dumps(stand_in))
    return Message(
        message_id=handed.message_id,
        receipt_handle=handed.receipt,
        body=bodies.get(handed.body_digest, stand_in),
        receive_count=handed.receive_count,
        queue_arn=handed.queue_arn,
    )


def _call(asked: Asked, request: _Request) -> Call:
    entries = [
        {"Id": entry.entry_id, "ReceiptHandle": entry.receipt, "VisibilityTimeout": entry.visibility_timeout}
        for entry in asked.entries
    ]
    return Call(
        function=request.function,
        request_id=request.request_id,
        service="sqs",
        operation="ChangeMessageVisibility",
        parameters={"QueueUrl": asked.queue_url or "", "Entries": entries},
        # A server's error, too, leaves open whether the queue did as it was asked.
        status=asked.status if asked.status < 500 else 0,
        error_code=asked.error,
        refused_entries=frozenset(asked.refused),
        started_at_ms=asked.started_at,
        ended_at_ms=asked.ended_at,
    )


def _milliseconds(pattern: re.Pattern[str], line: str) -> float | None:
    found = pattern.search(line)
    return float(found.group(1)) if found else None
