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

from harness.evidence.log_lines import LogLine
from harness.evidence.names import MessageNames, TrailNames
from harness.evidence.recording import Call, Invocation, Message, Recording
from harness.strict_json import Json

_PLATFORM = re.compile(r"(START|REPORT) RequestId: (\S+)")
_DURATION = re.compile(r"\tDuration: ([\d.]+) ms")
_INIT_DURATION = re.compile(r"\tInit Duration: ([\d.]+) ms")
_ERROR = re.compile(r"Task timed out after|Runtime\.ExitError|Runtime exited|^\[ERROR\] |\tStatus: (?:error|timeout)")


@dataclass(slots=True)
class _Request:
    """What the lines tell of one invocation."""

    request_id: str
    function: str
    received: dict[str, Any] | None = None
    answered: dict[str, Any] | None = None
    raised: dict[str, Any] | None = None
    error_line: str | None = None
    start_logged_at_ms: int | None = None
    began_ms: float | None = None
    duration_ms: float | None = None
    init_ms: float = 0.0
    calls: list[dict[str, Any]] = field(default_factory=list)


class Trail:
    """The invocations of some consumers, put together line by line."""

    def __init__(self, names: TrailNames) -> None:
        self._names = names
        self._requests: dict[str, _Request] = {}
        self._current: dict[tuple[str, str], str] = {}
        self.task_ids: set[str] = set()
        """The tasks that were delivered."""
        self.bodies_wanted: set[str] = set()
        """The digests of the bodies that were delivered."""
        self.poison_bodies: list[str] = []
        """Bodies that are no task, as logged when they were dead-lettered."""
        self.dead_payloads: list[tuple[str, Json]] = []
        """Dead tasks and their payloads, as logged."""

    def add(self, lines: Iterable[LogLine]) -> None:
        """Take these lines in; each stream's in its order."""
        for line in lines:
            if platform := _PLATFORM.match(line.message):
                self._platform_line(line, *platform.groups())
            elif line.message.startswith("{"):
                self._record(line)
            if _ERROR.search(line.message) and (request := self._request_of(line)) is not None:
                request.error_line = line.message

    @property
    def open(self) -> list[str]:
        """The invocations whose end has not been logged yet."""
        return [request.request_id for request in self._requests.values() if request.duration_ms is None]

    def recording(self, bodies: Mapping[str, str], names: MessageNames) -> Recording:
        """The recording that the lines amount to. ``bodies`` are those of messages, by their SHA-256."""
        recording = Recording()
        for request in self._requests.values():
            received = request.received
            if received is None:
                recording.damage.append(f"what invocation {request.request_id} of {request.function} was handed")
                continue
            try:
                recording.invocations[request.request_id] = self._invocation(request, received, bodies, names)
                recording.calls.extend(self._call(call, request) for call in request.calls)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                recording.damage.append(
                    f"the trail of invocation {request.request_id}, which cannot be read: {error!r}"
                )
        return recording

    def _platform_line(self, line: LogLine, kind: str, request_id: str) -> None:
        request = self._requests.setdefault(request_id, _Request(request_id, _function(line.group)))
        if kind == "START":
            self._current[line.group, line.stream] = request_id
            request.start_logged_at_ms = line.at_ms
            return
        if (duration := _DURATION.search(line.message)) is not None:
            request.duration_ms = float(duration.group(1))
            if line.at_ms == request.start_logged_at_ms:
                # Logged as a whole when it had ended, by an engine that counts a cold start as part of the duration.
                request.began_ms = line.at_ms - request.duration_ms
        if (init := _INIT_DURATION.search(line.message)) is not None:
            request.init_ms = float(init.group(1))

    def _record(self, line: LogLine) -> None:
        names = self._names
        try:
            record = json.loads(line.message)
        except (ValueError, RecursionError):
            return
        if not isinstance(record, dict):
            return
        event, request_id, task_id = record.get(names.event), record.get(names.request_id), record.get(names.task_id)
        if event == names.poison and isinstance(record.get(names.body), str):
            self.poison_bodies.append(record[names.body])
        elif event == names.dead and isinstance(task_id, str):
            self.dead_payloads.append((task_id, record.get(names.payload)))
        if not isinstance(request_id, str) or event not in (names.received, names.answered, names.raised, names.call):
            return
        # The line says itself which invocation it is of: it may have been collected with the next one's.
        request = self._requests.setdefault(request_id, _Request(request_id, _function(line.group)))
        if event == names.received:
            request.received = record
            self._note_messages(record.get(names.messages))
        elif event == names.answered:
            request.answered = record
        elif event == names.raised:
            request.raised = record
        else:
            request.calls.append(record)

    def _note_messages(self, messages: object) -> None:
        for fields in messages if isinstance(messages, list) else ():
            if isinstance(fields, dict):
                self.bodies_wanted.add(str(fields.get(self._names.body_digest)))
                if isinstance(task_id := fields.get(self._names.task_id), str):
                    self.task_ids.add(task_id)

    def _request_of(self, line: LogLine) -> _Request | None:
        named = next((i for i in re.findall(r"[0-9a-f-]{36}", line.message) if i in self._requests), None)
        return self._requests.get(named or self._current.get((line.group, line.stream), ""))

    def _invocation(
        self, request: _Request, received: Mapping[str, Any], bodies: Mapping[str, str], names: MessageNames
    ) -> Invocation:
        received_at = float(received[self._names.at])
        invocation = Invocation(
            function=request.function,
            request_id=request.request_id,
            payload="",
            messages=tuple(self._message(m, bodies, names) for m in received[self._names.messages]),
            # A cold start is part of the invocation that it is for.
            started_at_ms=min(received_at - request.init_ms, request.began_ms or received_at),
        )
        if request.raised is not None:
            invocation.response, invocation.is_error = str(request.raised.get(self._names.error)), True
            invocation.ended_at_ms = float(request.raised[self._names.at])
        elif request.answered is not None:
            invocation.response = json.dumps(request.answered.get(self._names.answer))
            invocation.ended_at_ms = float(request.answered[self._names.at])
        elif request.error_line is not None and request.duration_ms is not None:
            invocation.response, invocation.is_error = request.error_line, True
            invocation.ended_at_ms = received_at + request.duration_ms
        return invocation

    def _message(self, fields: dict[str, Any], bodies: Mapping[str, str], names: MessageNames) -> Message:
        digest, task_id = fields[self._names.body_digest], fields.get(self._names.task_id)
        stand_in = f"a body with SHA-256 {digest}"
        if task_id is not None:
            stand_in = names.body(task_id, json.dumps(stand_in))
        return Message(
            message_id=fields[self._names.message_id],
            receipt_handle=fields[self._names.receipt],
            body=bodies.get(digest, stand_in),
            receive_count=fields[self._names.receive_count],
            queue_arn=fields[self._names.queue_arn],
        )

    def _call(self, fields: dict[str, Any], request: _Request) -> Call:
        entries = [
            {"Id": e.get("id"), "ReceiptHandle": e.get("receipt"), "VisibilityTimeout": e.get("visibilityTimeout")}
            for e in fields.get("entries", ())
        ]
        return Call(
            function=request.function,
            request_id=request.request_id,
            service="sqs",
            operation="ChangeMessageVisibility",
            parameters={"QueueUrl": fields.get("queueUrl") or "", "Entries": entries},
            status=200 if fields.get("error") is None else 400,
            error_code=fields.get("error"),
            refused_entries=frozenset(fields.get("refused", ())),
            started_at_ms=float(fields["startedAt"]),
            ended_at_ms=float(fields["endedAt"]),
        )


def _function(group: str) -> str:
    return group.removeprefix("/aws/lambda/")
