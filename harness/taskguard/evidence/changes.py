"""The changes of the tasks' records, as the table's stream tells them: what was written, not what a handler says it wrote.

A stream is a little behind its table, so it is read until it tells of each record as it was read from the table. It must not
know which changes are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from taskguard.contract.dialect import RecordWords, field_of
from taskguard.evidence.table_stream import NoStream, TableStream
from taskguard.history import Event, EvidenceMissing, RecordChanged, RecordObserved, TaskSubmitted
from taskguard.history.wording import times
from taskguard.service.stack import Stack
from taskguard.support.times import milliseconds
from taskguard.support.waiting import WaitedInVain, wait_for
from taskguard.targets.base import Endpoint

SOURCE = "DynamoDB Streams"
_LATE_SECONDS_LOCALLY = 5.0
_LATE_SECONDS_ON_AWS = 60.0
_A_SECOND_MS = 1000.0


class _Change(NamedTuple):
    """``event`` has no number yet."""

    is_first: bool
    event: RecordChanged


class Changes:
    """The changes of one stack's records; without a table, or as long as nobody knows their ``words``, there are none. Not safe to use from
    several threads."""

    def __init__(self, endpoint: Endpoint, stack: Stack, words: RecordWords | None) -> None:
        self._stream = TableStream(endpoint, stack.table.name) if stack.table is not None else None
        self.words = words
        self._now_ms = endpoint.clock.now_ms
        self._is_local = endpoint.url is not None
        # What is deployed to an engine of ours is there to be graded; on another it is somebody's.
        self._is_ours = endpoint.recording is not None
        self._late_seconds = _LATE_SECONDS_LOCALLY if self._is_local else _LATE_SECONDS_ON_AWS
        self._seen: dict[str, list[_Change]] = {}

    def begin(self) -> None:
        """Nothing that was written before this will be asked for: that spares reading a day's changes on AWS, and those of all runs before
        on an engine of ours. There a table that has no stream gets one, if it is known what stands in its records."""
        if self._stream is None or (self._is_local and not self._is_ours):
            return
        # Who asks for the changes is told.
        with suppress(NoStream, ClientError, BotoCoreError):
            if self._is_ours and self.words is not None:
                self._stream.switch_on()
            self._stream.skip_what_is_there()

    def read(self) -> None:
        """Read what the stream tells of up to now, which need not be read then when all is asked for."""
        if self._stream is not None and self.words is not None:
            with suppress(NoStream, ClientError, BotoCoreError):
                self._read_new(self._stream, self.words)

    def of(self, records: Sequence[RecordObserved], submitted: Iterable[TaskSubmitted]) -> list[Event]:
        """All changes of these records since their tasks were ``submitted``, once the stream tells of them as they are.

        A task of an earlier run may have had the same id, and its record been removed since: its changes are left out.
        """
        stream, words = self._stream, self.words
        if stream is None or words is None:
            return []
        missing: list[Event] = []
        try:
            wait_for(lambda: self._tells_of(records, stream, words), seconds=self._late_seconds, every=0.05)
        except WaitedInVain:
            behind = sum(not self._is_told(record) for record in records)
            missing.append(self._missing(f"the latest changes of {times(behind, 'record')}"))
        except (NoStream, ClientError, BotoCoreError) as error:
            missing.append(self._missing(f"the changes of the records ({error})"))
        # Of several with one id the first one counts.
        first_ms = {event.task_id: event.at_ms for event in reversed([*submitted]) if event.task_id is not None}
        found = {record.task_id: self._since(record.task_id, first_ms) for record in records}
        beheaded = sum(bool(changes) and not changes[0].is_first for changes in found.values())
        if beheaded:
            missing.append(self._missing(f"the first changes of {times(beheaded, 'record')}"))
        numbered = (each for changes in found.values() for each in enumerate(changes, 1))
        return [*(msgspec.structs.replace(change.event, number=number) for number, change in numbered), *missing]

    def _tells_of(self, records: Sequence[RecordObserved], stream: TableStream, words: RecordWords) -> bool:
        self._read_new(stream, words)
        return all(self._is_told(record) for record in records)

    def _read_new(self, stream: TableStream, words: RecordWords) -> None:
        for record in stream.read_new():
            change = _change_of(record, words)
            self._seen.setdefault(change.event.task_id, []).append(change)

    def _is_told(self, record: RecordObserved) -> bool:
        if record.status is None:
            return True
        # What was written after the record was read is there as well.
        return any(
            change.event.status == record.status and change.event.written_at_ms == record.changed_at_ms
            for change in reversed(self._seen.get(record.task_id, ()))
        )

    def _since(self, task_id: str, first_ms: Mapping[str, float]) -> list[_Change]:
        changes = self._seen.get(task_id, [])
        submitted_ms = first_ms.get(task_id, 0.0)
        before = [
            index for index, each in enumerate(changes) if each.event.status is None and each.event.at_ms < submitted_ms
        ]
        return changes[before[-1] + 1 :] if before else changes

    def _missing(self, what: str) -> EvidenceMissing:
        return EvidenceMissing(at_ms=self._now_ms(), source=SOURCE, what=what, affects=("RecordChanged",))


def _change_of(record: Mapping[str, Any], names: RecordWords) -> _Change:
    told = record["dynamodb"]
    image: Mapping[str, Any] = told.get("NewImage") or {}
    at_ms = round(told["ApproximateCreationDateTime"].timestamp() * 1000, 3)
    last = ((field_of(image, names.attempts) or {}).get("L") or [{}])[-1].get("M", {})
    number = _text(field_of(last, names.attempt_number)) or ""
    event = RecordChanged(
        at_ms=at_ms,
        # Told with a fraction of a second it is no rounded time.
        within_ms=0.0 if at_ms % _A_SECOND_MS else _A_SECOND_MS,
        task_id=_text(told["Keys"].get(names.key)) or "",
        number=0,
        status=(_text(image.get(names.status)) or "") if image else None,
        written_at_ms=milliseconds(_text(field_of(image, names.changed_at))),
        attempt=int(number) if number.isdecimal() else 0,
        outcome=_text(field_of(last, names.attempt_outcome)),
    )
    return _Change(record["eventName"] == "INSERT", event)


def _text(attribute: Mapping[str, Any] | None) -> str | None:
    """The value of a string, a number or a truth value, in the form of the DynamoDB API, as a record's reader has it."""
    kind, value = next(iter((attribute or {}).items()), ("", None))
    return str(value) if kind in ("S", "N", "BOOL") else None
