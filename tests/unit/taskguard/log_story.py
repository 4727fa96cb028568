"""Writes what a stack's logs say of a run: a run's events told as the lines that its functions and the platform log.

The names are the trail's own, written out once more: what ``handlers/trail.py`` writes is compared with them in
``test_trail_reading``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from taskguard.evidence.log_lines import LogLine
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    RecordedAttempt,
    RecordObserved,
)

from tests.unit.judging.building import iso
from tests.unit.taskguard.fake_aws import MONITOR, WORKER, compact, record_item
from tests.unit.taskguard.recorder_lines import DEAD_ARN, WORK_ARN, WORK_URL

E = TypeVar("E", bound=Event)
WORK_GROUP, MONITOR_GROUP = f"/aws/lambda/{WORKER}", f"/aws/lambda/{MONITOR}"


@dataclass(frozen=True, slots=True)
class Logged:
    """A log line, and what it is for those who leave it out: START, RECEIVED, CALL, ANSWERED, RAISED, END, REPORT, LOG."""

    what: str
    line: LogLine


def body_of(task_id: str | None, payload: Any) -> str:
    return compact({"taskId": task_id, "payload": payload}) if task_id is not None else str(payload)


def digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def handed(
    message_id: str, receive_count: int, task_id: str | None, payload: Any, arn: str = WORK_ARN
) -> dict[str, Any]:
    """A message as TRAIL_RECEIVED tells it."""
    return {
        "messageId": message_id,
        "receiveCount": receive_count,
        "queueArn": arn,
        "receipt": f"{message_id}-{receive_count}",
        "taskId": task_id,
        "bodySha256": digest(body_of(task_id, payload)),
    }


def trail(event: str, request_id: str, **fields: Any) -> str:
    """A record of the trail, as Powertools logs it: without the names whose value is none."""
    record = {"level": "INFO", "message": "trail", "service": "TaskGuard", "event": event, "requestId": request_id}
    return compact(record | {name: value for name, value in fields.items() if value is not None})


def call(
    request_id: str, *entries: dict[str, Any], at: float, ended: float | None = None, url: str = WORK_URL, **answer: Any
) -> str:
    given: dict[str, Any] = {"status": 200, "error": None, "refused": []} | answer
    return trail(
        "TRAIL_CALL", request_id, queueUrl=url, entries=list(entries), startedAt=at, endedAt=ended or at + 3, **given
    )


def entry(message_id: str, receive_count: int, seconds: float | None, entry_id: str | None = None) -> dict[str, Any]:
    return {"id": entry_id, "receipt": f"{message_id}-{receive_count}", "visibilityTimeout": seconds}


def report(request_id: str, duration_ms: float, init_ms: float | None = None, status: str | None = None) -> str:
    line = f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {int(duration_ms) + 1} ms"
    line += "\tMemory Size: 256 MB\tMax Memory Used: 90 MB"
    line += f"\tInit Duration: {init_ms:.2f} ms" if init_ms is not None else ""
    return line + (f"\tStatus: {status}" if status else "")


def start(request_id: str) -> str:
    return f"START RequestId: {request_id} Version: $LATEST"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}"


class Story:
    """The log lines of a run, invocation by invocation. On AWS lines bear the time at which they were written; with
    ``afterwards`` all bear that of their invocation's end, as on local engines."""

    def __init__(self, *, afterwards: bool = False) -> None:
        self._afterwards = afterwards
        self.lines: list[Logged] = []

    def invocation(
        self, group: str, request_id: str, began: float, ended: float, *said: tuple[str, float, str]
    ) -> None:
        """``said`` are the function's own lines: what each is, when it was logged, and its text."""
        written = [
            ("START", began, start(request_id)),
            *said,
            ("END", ended, end(request_id)),
            ("REPORT", ended, report(request_id, ended - began)),
        ]
        for what, at, text in written:
            line = LogLine(group, f"stream of {request_id}", int(ended if self._afterwards else at), text)
            self.lines.append(Logged(what, line))

    def tell(self, events: Iterable[Event]) -> None:
        """The lines of these deliveries and deaths, whatever else is among the events."""
        events = list(events)
        for delivered in _of_kind(events, Delivered):
            self._delivery(delivered, [e for e in events if getattr(e, "delivery_id", None) == delivered.delivery_id])
        for death in _of_kind(events, DeadLettered):
            logged = [e for e in _of_kind(events, DeadLetterLogged) if e.message_id == death.message_id]
            self._death(death, logged)

    def _delivery(self, delivered: Delivered, of_it: list[Event]) -> None:
        request_id, began = delivered.delivery_id, delivered.at_ms
        message = handed(delivered.message_id, delivered.receive_count, delivered.task_id, delivered.payload)
        said = [("RECEIVED", began, trail("TRAIL_RECEIVED", request_id, at=began, messages=[message]))]
        for asked in _of_kind(of_it, BackoffRequested):
            one = entry(asked.message_id, asked.receive_count, asked.delay_seconds)
            answer: dict[str, Any] = {} if asked.accepted else {"status": 400, "error": "InvalidParameterValue"}
            text = call(request_id, one, at=asked.at_ms, ended=asked.answered_ms, **answer)
            said.append(("CALL", asked.answered_ms, text))
        outcomes = [e for e in of_it if isinstance(e, (AttemptSucceeded, AttemptFailed))]
        for outcome in outcomes:
            failed = isinstance(outcome, AttemptFailed)
            items = {"batchItemFailures": [{"itemIdentifier": outcome.message_id}] if failed else []}
            text = trail("TRAIL_ANSWERED", request_id, at=outcome.at_ms, answer=items)
            said.append(("ANSWERED", outcome.at_ms, text))
        ended = max((outcome.at_ms for outcome in outcomes), default=began + 9)
        self.invocation(WORK_GROUP, request_id, began, ended, *said)

    def _death(self, death: DeadLettered, logged: list[DeadLetterLogged]) -> None:
        request_id, began = f"dead-{death.message_id}", death.at_ms
        message = handed(death.message_id, 4, death.task_id, death.payload, DEAD_ARN)
        self.invocation(
            MONITOR_GROUP,
            request_id,
            began,
            began + 9,
            ("RECEIVED", began, trail("TRAIL_RECEIVED", request_id, at=began, messages=[message])),
            *(("LOG", each.at_ms, compact(each.fields)) for each in logged),
            (
                "ANSWERED",
                began + 9,
                trail("TRAIL_ANSWERED", request_id, at=began + 9, answer={"batchItemFailures": []}),
            ),
        )


def items_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The table's items behind the records that were observed."""
    return [
        record_item(
            taskId=record.task_id,
            status=record.status,
            payload=compact(record.payload),
            attempts=[_attempt(attempt) for attempt in record.attempts],
            lastError=record.last_error,
            createdAt=_iso(record.created_at_ms),
            updatedAt=_iso(record.changed_at_ms),
            completedAt=_iso(record.completed_at_ms),
        )
        for record in _of_kind(events, RecordObserved)
        if record.status is not None
    ]


def _attempt(attempt: RecordedAttempt) -> dict[str, Any]:
    return record_item(
        number=attempt.number,
        startedAt=_iso(attempt.started_at_ms),
        outcome=attempt.outcome,
        error=attempt.error,
        backoffSeconds=int(attempt.backoff_seconds) if attempt.backoff_seconds is not None else None,
        finishedAt=_iso(attempt.finished_at_ms),
    )


def _iso(at_ms: float | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def _of_kind(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def as_json(line: str) -> dict[str, Any]:
    """A structured log line's fields."""
    fields: dict[str, Any] = json.loads(line)
    return fields
