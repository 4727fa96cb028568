"""Reads a flight recorder's file as it stands: invocations and AWS calls, without knowing what they mean."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from taskguard.history import FaultInjected

_LONGEST_INVOCATION_MS = 900_000.0
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""

_DISORDER_MS = 60_000.0
"""Far more than a line may come after another that tells of a later time: the start of an invocation is told after a cold start."""

_NEAR_BYTES = 65_536
_DELETES = "DeleteMessage"
"""``DeleteMessageBatch`` begins so, too."""
_OF_AN_INVOCATION = b'"invocation-'
_KIND_WITHIN = 40

_TOLD_AS = {
    "at_ms": "startedAt",
    "started_at_ms": "startedAt",
    "ended_at_ms": "endedAt",
    "message_id": "messageId",
    "request_id": "requestId",
    "queue_arn": "queue",
    "error_code": "error",
}
"""What a line calls these fields; the others it calls as they are called here."""


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS record of a Lambda event; ``group`` and ``sequence`` are of FIFO queues."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    queue_arn: str
    group: str | None = None
    sequence: int | None = None


class Failure(msgspec.Struct, frozen=True, rename={"log_bytes": "logBytes"}):
    """How an invocation failed: whether the function had been ``loaded`` then, the end of what it wrote to its ``log``, how much
    that was in all, and the machine's ``load``: how many processes there were for each processor (0: not told)."""

    loaded: bool
    log: str
    log_bytes: int
    load: float = 0.0


class Invocation(msgspec.Struct, rename=_TOLD_AS):
    """One Lambda invocation. ``ended_at_ms`` and ``response`` are none while it is under way; ``messages`` are empty
    when its payload is no SQS event. ``failure`` and ``environment`` are none where none was told. ``deleted`` are the ids of those messages
    that the function itself took off their queue."""

    function: str
    request_id: str
    payload: str
    messages: tuple[Message, ...]
    started_at_ms: float
    response: str | None = None
    is_error: bool = False
    ended_at_ms: float | None = None
    failure: Failure | None = None
    environment: str | None = None
    deleted: set[str] = msgspec.field(default_factory=set)


class Call(msgspec.Struct, frozen=True, rename=_TOLD_AS):
    """One AWS call of a function, and what became of it; ``status`` is 0 when that is not known, ``error_code`` none when the
    call succeeded, ``refused_entries`` are the ids of the entries that a batch operation did not carry out. ``told``
    is what the function was told instead, when a fault was injected: a status, 0 when it got no answer, and an error's code. ``sent``
    are the ids of the messages that it sent, by the ids of a batch's entries; of a single message by an empty one. ``late`` is one that was
    still under way when its invocation ended, or made after it. Of a call that a
    service of AWS's made, ``function`` is that service, as ``events``, and ``source`` the ARN of the resource that it was made for."""

    function: str
    request_id: str | None
    service: str
    operation: str
    parameters: Mapping[str, Any]
    status: int
    error_code: str | None
    refused_entries: frozenset[str]
    started_at_ms: float
    ended_at_ms: float
    told: tuple[int, str | None] | None = None
    sent: Mapping[str, str] = {}
    source: str = ""
    late: bool = False

    def entries(self, operation: str, queue: str) -> Sequence[Mapping[str, Any]]:
        """What it says of each message, if it is this ``operation`` of SQS, for one message or a batch, on the queue of this name; else nothing."""
        is_it = self.service == "sqs" and self.operation.startswith(operation)
        if not is_it or str(self.parameters.get("QueueUrl", "")).rsplit("/", 1)[-1] != queue:
            return ()
        return self.parameters.get("Entries") or [self.parameters]


class PlatformCall(msgspec.Struct, frozen=True, rename=_TOLD_AS):
    """A call of the platform's in a function's ``role`` (an ARN), such as polling a queue; the first of its kind.
    ``parameters`` are the names it was about."""

    role: str
    service: str
    operation: str
    parameters: Mapping[str, str]
    error_code: str | None
    started_at_ms: float


class Stall(msgspec.Struct, frozen=True, rename=_TOLD_AS):
    """A time in which the engine was held up, whatever was due; with a queue's ARN, a time in which it had no room for a batch of it."""

    started_at_ms: float
    ended_at_ms: float
    queue_arn: str | None = None


class Moved(msgspec.Struct, frozen=True, rename=_TOLD_AS):
    """A message that a queue moved to its dead-letter queue, which has the ARN ``queue_arn``."""

    message_id: str
    body: str
    queue_arn: str
    at_ms: float


class Throttled(msgspec.Struct, frozen=True, rename={**_TOLD_AS, "receive_count": "receiveCount"}):
    """A message that a queue handed out for a function, and whose invocations were throttled until it was visible again."""

    function: str
    queue_arn: str
    message_id: str
    receive_count: int
    body: str
    started_at_ms: float
    ended_at_ms: float


class Left(msgspec.Struct, frozen=True, rename=_TOLD_AS):
    """Processes that a function left running after an invocation: how many, and the commands of the first of them."""

    function: str
    request_id: str
    count: int
    commands: tuple[str, ...]
    at_ms: float


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that was injected into ``stack``, which is told from others by its work queue's ARN."""

    stack: str
    event: FaultInjected


@dataclass(slots=True)
class Recording:
    """What was recorded up to now, in the order of the file. ``service_calls`` are those by which services sent to queues; ``damage`` tells of lines that could not be read."""

    invocations: dict[str, Invocation] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    service_calls: list[Call] = field(default_factory=list)
    platform_calls: list[PlatformCall] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    throttled: list[Throttled] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)

    def since(self, moment_ms: float) -> Recording:
        """What began at that moment or later, or for a stall what ended then; all damage, since it cannot be told when that was."""
        return Recording(
            invocations={i: each for i, each in self.invocations.items() if each.started_at_ms >= moment_ms},
            calls=[call for call in self.calls if call.started_at_ms >= moment_ms],
            service_calls=[call for call in self.service_calls if call.started_at_ms >= moment_ms],
            platform_calls=[call for call in self.platform_calls if call.started_at_ms >= moment_ms],
            moved=[each for each in self.moved if each.at_ms >= moment_ms],
            throttled=[each for each in self.throttled if each.started_at_ms >= moment_ms],
            stalls=[stall for stall in self.stalls if stall.ended_at_ms >= moment_ms],
            injections=[each for each in self.injections if each.event.at_ms >= moment_ms],
            left=[each for each in self.left if each.at_ms >= moment_ms],
            damage=self.damage,
        )


class RecordingFile:
    """A flight recorder's file that may still be written to: each :meth:`read` goes on where the last one ended.

    With ``since_ms`` it tells of what was recorded from then on, a little from just before, and the invocations that were under
    way then: the rest of a file that grows with its engine's age is not read.
    """

    def __init__(self, path: Path, since_ms: float = 0.0) -> None:
        self._path = path
        self._since_ms = since_ms
        self._recording: Recording | None = None
        self._position = 0
        self._from = 0
        self._lines = 0
        # A run looks at it while it waits, and its probing meanwhile.
        self._reading = threading.Lock()

    def anew(self) -> RecordingFile:
        """The same, of which nothing was read yet."""
        return RecordingFile(self._path, self._since_ms)

    def read(self) -> Recording:
        """All that is there now, as complete lines. The same object each time, further filled.

        Raises:
            OSError: when there is no such file.
        """
        with self._reading, self._path.open("rb") as file:
            if self._recording is None:
                self._recording = self._begin(file)
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                self._lines += 1
                self._take(line, self._recording)
        return self._recording

    def _begin(self, file: BinaryIO) -> Recording:
        recording = Recording()
        if self._since_ms > 0:
            self._position = self._from = _offset_of(file, self._since_ms - _DISORDER_MS)
            # The place is found but roughly: when the engine rested before that moment, its line may be from long before.
            file.seek(self._from)
            first_ms = min(_written_ms(file.readline()), self._since_ms)
            long_before = _offset_of(file, first_ms - _DISORDER_MS - _LONGEST_INVOCATION_MS)
            for line in _under_way(file, long_before, self._from):
                self._take(line, recording)
        return recording

    def _take(self, line: bytes, recording: Recording) -> None:
        try:
            _add(recording, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.ValidationError) as error:
            place = f"line {self._lines}" + (f" from byte {self._from}" if self._from else "")
            recording.damage.append(f"{place} of {self._path.name}: {error!r}")


def _offset_of(file: BinaryIO, moment_ms: float) -> int:
    """Where a line begins before which all were written before that moment; found by halving, since the lines are in order of
    time, but for a little."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        begins = file.tell()
        if begins < high and _written_ms(file.readline()) < moment_ms:
            low = begins
        else:
            high = middle
    return low


def _written_ms(line: bytes) -> float:
    """When a line was written, or a little sooner; infinitely late when it does not say."""
    try:
        told = json.loads(line)
        return float(told["startedAt"] if told.get("endedAt") is None else told["endedAt"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return math.inf


def _under_way(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The lines of the invocations between those two places that had no end there."""
    found: dict[str, bytes] = {}
    file.seek(start)
    while start < end and (line := file.readline()):
        start += len(line)
        # Most lines are of other kinds, and need not be understood.
        if _OF_AN_INVOCATION not in line[:_KIND_WITHIN]:
            continue
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            told = json.loads(line)
            if told["kind"] == "invocation-started":
                found[told["requestId"]] = line
            else:
                found.pop(told["requestId"], None)
    yield from found.values()


def _add(recording: Recording, line: dict[str, Any]) -> None:
    match line["kind"]:
        case "invocation-started":
            started = msgspec.convert(line | {"messages": _messages(line["payload"])}, Invocation)
            recording.invocations[started.request_id] = started
        case "invocation-ended":
            invocation = recording.invocations[line["requestId"]]
            invocation.response = line["response"]
            invocation.is_error = line["error"]
            # Recordings that were made before say nothing of it.
            if line.get("failure"):
                invocation.failure = msgspec.convert(line["failure"], Failure)
            invocation.ended_at_ms = line["endedAt"]
        case "aws-call" | "service-call":
            # Recordings that were made before faults could be injected say nothing of it.
            told = line.get("told")
            changed = {
                "error": line["error"]["code"] if line["error"] else None,
                "refused_entries": [entry["Id"] for entry in line["result"].get("Failed") or ()],
                "told": (told["status"], told["error"]) if told else None,
                "sent": _sent(line["result"]),
            }
            of_function = line["kind"] == "aws-call"
            call = msgspec.convert(line | changed, Call)
            (recording.calls if of_function else recording.service_calls).append(call)
            if call.service == "sqs" and call.operation.startswith(_DELETES):
                _note_deleted(recording, call)
        case "platform-call":
            recording.platform_calls.append(msgspec.convert(line, PlatformCall))
        case "engine-held-up" | "queue-held-up":
            recording.stalls.append(msgspec.convert(line, Stall))
        case "dead-lettered":
            recording.moved.append(msgspec.convert(line, Moved))
        case "receive-throttled":
            recording.throttled.append(msgspec.convert(line, Throttled))
        case "processes-left":
            recording.left.append(msgspec.convert(line, Left))
        case "fault-injected":
            recording.injections.append(Injection(line["stack"], _injected(line)))


def _note_deleted(recording: Recording, call: Call) -> None:
    """Note which messages of its batch a function deleted by this call."""
    invocation = recording.invocations.get(call.request_id or "")
    if invocation is None or call.error_code is not None or not 200 <= call.status < 300:
        return
    entries = call.parameters.get("Entries") or [call.parameters]
    receipts = {each.get("ReceiptHandle") for each in entries if each.get("Id") not in call.refused_entries}
    invocation.deleted |= {each.message_id for each in invocation.messages if each.receipt_handle in receipts}


def _injected(line: dict[str, Any]) -> FaultInjected:
    return FaultInjected(
        at_ms=line["startedAt"],
        until_ms=line["endedAt"],
        kind=line["name"],
        task_ids=tuple(line["taskIds"]),
        receive_count=line["receiveCount"],
        delivery_id=line["requestId"],
        **{name: line[name] for name in ("when", "fault", "function", "call", "number")},
    )


def _sent(result: Mapping[str, Any]) -> dict[str, str]:
    if (message_id := result.get("MessageId")) is not None:
        return {"": message_id}
    return {entry["Id"]: entry["MessageId"] for entry in result.get("Successful") or () if "MessageId" in entry}


def _messages(payload: str) -> list[Message]:
    try:
        records = json.loads(payload)["Records"]
        if not all(isinstance(record["body"], str) for record in records):
            return []
        return [
            Message(
                message_id=record["messageId"],
                receipt_handle=record["receiptHandle"],
                body=record["body"],
                receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
                queue_arn=record["eventSourceARN"],
                group=record["attributes"].get("MessageGroupId"),
                sequence=int(record["attributes"].get("SequenceNumber", 0)) or None,
            )
            for record in records
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        # Not an SQS event: an API request, or a call by hand.
        return []
