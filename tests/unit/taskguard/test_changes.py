"""What was written to each record, read from the stream of its table, however the stream is cut into shards and pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import RECORD
from taskguard.evidence.changes import Changes
from taskguard.evidence.table_stream import NoStream, TableStream
from taskguard.history import Event, EvidenceMissing, RecordChanged, RecordObserved, TaskSubmitted

from tests.thoroughness import examples
from tests.unit.judging.building import iso
from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.fake_aws import Fakes, Table
from tests.unit.taskguard.fake_streams import ARN, Shard, StreamService, failure, written
from tests.unit.taskguard.recorder_lines import STACK

STREAMED = {"StreamSpecification": {"StreamEnabled": True}, "LatestStreamArn": ARN}
AT_MS = 1_700_000_000_123.0


def endpoint(service: StreamService, url: str | None = "http://127.0.0.1:1", **description: Any) -> Fakes:
    table = Table([], description=description or STREAMED)
    return Fakes(table=table, url=url, others={"dynamodbstreams": service})


def image(status: str, at_ms: float, attempt: int = 0, outcome: str = "STARTED") -> dict[str, Any]:
    entry = {"M": {"number": {"N": str(attempt)}, "outcome": {"S": outcome}}}
    return {
        "taskId": {"S": "t"},
        "status": {"S": status},
        "updatedAt": {"S": iso(at_ms)},
        "attempts": {"L": [entry] if attempt else []},
    }


def record(status: str | None, changed_at_ms: float | None, task_id: str = "t") -> RecordObserved:
    return RecordObserved(
        at_ms=AT_MS,
        task_id=task_id,
        status=status,
        payload=None,
        attempts=(),
        last_error=None,
        changed_at_ms=changed_at_ms,
    )


def submitted(at_ms: float, task_id: str = "t") -> TaskSubmitted:
    return TaskSubmitted(at_ms=at_ms, answered_ms=at_ms, task_id=task_id, payload={}, accepted=True, status_code=202)


def done(service: StreamService) -> RecordObserved:
    """A task that was completed at once; its record."""
    service.put(written("t", AT_MS, image("PENDING", AT_MS - 1), first=True))
    service.put(written("t", AT_MS + 10, image("PROCESSING", AT_MS + 9, 1)))
    service.put(written("t", AT_MS + 20, image("COMPLETED", AT_MS + 19, 1, "SUCCEEDED")))
    return record("COMPLETED", AT_MS + 19)


def changes_of(
    service: StreamService, *records: RecordObserved, submissions: tuple[TaskSubmitted, ...] = ()
) -> list[Event]:
    return Changes(endpoint(service), STACK, RECORD).of(records, submissions)


def missing(events: list[Event]) -> list[str]:
    return [event.what for event in events if isinstance(event, EvidenceMissing)]


def told(events: list[Event]) -> list[str | None]:
    return [event.status for event in events if isinstance(event, RecordChanged)]


def test_a_record_that_is_left_without_a_status_is_not_taken_for_removed() -> None:
    service = StreamService()
    done(service)
    without_status = image("", AT_MS + 29)
    del without_status["status"]
    service.put(written("t", AT_MS + 30, without_status))
    events = changes_of(service, record("", AT_MS + 29), submissions=(submitted(AT_MS + 40),))
    assert told(events) == ["PENDING", "PROCESSING", "COMPLETED", ""]
    assert missing(events) == []


def test_each_change_is_told_as_it_was_written() -> None:
    service = StreamService()
    found = changes_of(service, done(service))
    assert found == [
        RecordChanged(
            at_ms=AT_MS + later, within_ms=0.0, task_id="t", number=number, status=status, written_at_ms=AT_MS + later - 1,
            attempt=attempt, outcome=outcome,
        )
        for later, number, status, attempt, outcome in (
            (0, 1, "PENDING", 0, None), (10, 2, "PROCESSING", 1, "STARTED"), (20, 3, "COMPLETED", 1, "SUCCEEDED"),
        )
    ]  # fmt: skip


def test_a_time_without_a_fraction_of_a_second_stands_for_that_second() -> None:
    service = StreamService()
    service.put(written("t", 1_700_000_000_000.0, image("PENDING", AT_MS), first=True))
    (found,) = changes_of(service, record("PENDING", AT_MS))
    assert isinstance(found, RecordChanged)
    assert (found.at_ms, found.within_ms) == (1_700_000_000_000.0, 1000.0)


def test_records_that_are_laid_out_otherwise_tell_what_they_have() -> None:
    service = StreamService()
    service.put(written("t", AT_MS, {"status": {"BOOL": True}, "attempts": {"S": "many"}}, first=True))
    (found,) = changes_of(service, record(None, None))
    assert isinstance(found, RecordChanged)
    assert (found.status, found.written_at_ms, found.attempt, found.outcome) == ("True", None, 0, None)


def test_the_stream_is_read_until_it_tells_of_each_record_as_it_was_read(clock: Clock) -> None:
    service = StreamService(empty_first=4)
    assert told(changes_of(service, done(service))) == ["PENDING", "PROCESSING", "COMPLETED"]
    assert clock.waited


def test_a_stream_that_stays_behind_is_said_after_a_while(clock: Clock) -> None:
    service = StreamService()
    done(service)
    found = changes_of(service, record("DEAD_LETTER", AT_MS + 99))
    assert missing(found) == ["the latest changes of 1 record"]
    assert told(found) == ["PENDING", "PROCESSING", "COMPLETED"]
    assert sum(clock.waited) < 10


def test_what_was_written_after_the_record_was_read_is_told_too() -> None:
    service = StreamService()
    read = done(service)
    service.put(written("t", AT_MS + 30, image("RETRYING", AT_MS + 29, 1)))
    found = changes_of(service, read)
    assert (told(found)[-1], missing(found)) == ("RETRYING", [])


def test_changes_of_an_earlier_run_with_the_same_ids_are_left_out() -> None:
    service = StreamService()
    done(service)
    service.put(written("t", AT_MS + 1000, None))
    service.put(written("t", AT_MS + 3000, image("PENDING", AT_MS + 2999), first=True))
    again = record("PENDING", AT_MS + 2999)
    assert told(changes_of(service, again, submissions=(submitted(AT_MS + 2000),))) == ["PENDING"]
    # A record that is removed during the run is another matter.
    assert len(told(changes_of(service, again, submissions=(submitted(AT_MS - 10),)))) == 5


def test_a_record_whose_beginning_is_gone_is_said(clock: Clock) -> None:
    service = StreamService()
    read = done(service)
    service.shards["s1"].trimmed = 1
    found = changes_of(service, read)
    assert (told(found), missing(found)) == (["PROCESSING", "COMPLETED"], ["the first changes of 1 record"])


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException", "ResourceNotFoundException"])
def test_a_stream_that_cannot_be_read_is_said_at_once(code: str, clock: Clock) -> None:
    service = StreamService(failing=[failure(code)] * 9)
    (what,) = missing(changes_of(service, record("PENDING", AT_MS)))
    assert what.startswith("the changes of the records (")
    assert code in what
    assert clock.waited == []


def test_a_table_without_a_stream_is_said(clock: Clock) -> None:
    events = Changes(endpoint(StreamService(), TableName="TasksTable"), STACK, RECORD).of([record("PENDING", 1.0)], ())
    assert missing(events) == ["the changes of the records (the table TasksTable has no stream)"]
    with pytest.raises(NoStream):
        next(TableStream(endpoint(StreamService(), TableName="TasksTable"), "TasksTable").read_new())


def test_a_stream_is_read_on_from_where_it_was_left() -> None:
    service = StreamService()
    changes = Changes(endpoint(service), STACK, RECORD)
    assert len(told(changes.of([done(service)], ()))) == 3
    service.put(written("u", AT_MS + 40, image("PENDING", AT_MS + 39), first=True))
    service.calls.clear()
    assert told(changes.of([record("PENDING", AT_MS + 39, "u")], ())) == ["PENDING"]
    assert service.calls.count("GetShardIterator") == 0


def test_an_iterator_that_has_expired_is_made_anew_after_the_last_record() -> None:
    service = StreamService()
    changes = Changes(endpoint(service), STACK, RECORD)
    read = done(service)
    changes.of([read], ())
    service.put(written("t", AT_MS + 30, image("RETRYING", AT_MS + 29, 1)))
    service.expire()
    assert told(changes.of([record("RETRYING", AT_MS + 29)], ())) == ["PENDING", "PROCESSING", "COMPLETED", "RETRYING"]


@pytest.mark.parametrize(("url", "recording"), [(None, None), ("http://127.0.0.1:1", Path("recording"))])
def test_what_was_written_when_a_run_begins_is_not_read(url: str | None, recording: Path | None) -> None:
    service = StreamService(shards={"old": Shard(closed=True), "new": Shard(parent="old")})
    service.put(written("long-ago", AT_MS - 9e6, image("PENDING", AT_MS), first=True), "old")
    service.put(written("t", AT_MS - 5e6, image("COMPLETED", AT_MS), first=True), "new")
    there = Fakes(
        table=Table([], description=STREAMED), url=url, recording=recording, others={"dynamodbstreams": service}
    )
    changes = Changes(there, STACK, RECORD)
    changes.begin()
    service.put(written("t", AT_MS, image("PENDING", AT_MS), first=True), "new")
    service.calls.clear()
    assert told(changes.of([record("PENDING", AT_MS)], ())) == ["PENDING"]
    assert service.calls.count("GetShardIterator") == 0


def test_what_was_read_meanwhile_is_not_read_again() -> None:
    service = StreamService()
    changes = Changes(endpoint(service), STACK, None)
    read = done(service)
    changes.read()
    assert not service.calls
    changes.words = RECORD
    service.failing.append(failure("InternalServerError"))
    changes.read()
    changes.read()
    service.put(written("t", AT_MS + 30, image("RETRYING", AT_MS + 29, 1)))
    service.calls.clear()
    assert told(changes.of([record("RETRYING", AT_MS + 29)], ())) == ["PENDING", "PROCESSING", "COMPLETED", "RETRYING"]
    assert service.calls.count("GetShardIterator") == 0
    assert read.status == "COMPLETED"


def test_a_shard_that_closes_in_the_middle_of_a_run_is_read_before_its_child() -> None:
    service = StreamService(shards={"child": Shard(parent="s1"), "s1": Shard(closed=True)})
    service.put(written("t", AT_MS, image("PENDING", AT_MS), first=True))
    service.put(written("t", AT_MS + 10, image("PROCESSING", AT_MS + 9, 1)), "child")
    # The child is described first, and waits for its parent to be read.
    assert told(changes_of(service, record("PROCESSING", AT_MS + 9))) == ["PENDING", "PROCESSING"]


@given(
    counts=st.lists(st.integers(0, 7), min_size=1, max_size=5),
    page=st.integers(1, 4),
    empty=st.integers(0, 2),
    readings=st.integers(1, 3),
)
@settings(max_examples=examples(60), deadline=None)
def test_every_record_is_read_once_and_in_order(counts: list[int], page: int, empty: int, readings: int) -> None:
    names = [f"s{number}" for number in range(len(counts))]
    shards = {
        name: Shard(parent=names[n - 1] if n else None, closed=n + 1 < len(names)) for n, name in enumerate(names)
    }
    service = StreamService(shards=shards, page=page, empty_first=empty)
    for name, count in zip(names, counts, strict=True):
        for _ in range(count):
            service.put(written("t", AT_MS, image("PENDING", AT_MS)), name)
    stream = TableStream(endpoint(service), "TasksTable")
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for _ in range(readings) for record in stream.read_new()]
    for _ in range(100):
        numbers.extend(int(record["dynamodb"]["SequenceNumber"]) for record in stream.read_new())
    assert numbers == list(range(1, sum(counts) + 1))


def test_a_table_without_a_stream_gets_one_on_an_engine_of_ours_alone() -> None:
    switched: list[dict[str, Any]] = []

    class Switching(Table):
        def update_table(self, **request: Any) -> None:
            switched.append(request)

    for url, description, recording, expected in (
        ("http://127.0.0.1:1", {}, Path("recording"), 1),
        ("http://127.0.0.1:1", STREAMED, Path("recording"), 0),
        ("http://127.0.0.1:1", {}, None, 0),
        (None, {}, None, 0),
    ):
        switched.clear()
        there = Fakes(
            table=Switching([], description=description),
            url=url,
            recording=recording,
            others={"dynamodbstreams": StreamService()},
        )
        Changes(there, STACK, None).begin()
        assert not switched
        Changes(there, STACK, RECORD).begin()
        assert len(switched) == expected
        assert all(each["StreamSpecification"]["StreamEnabled"] for each in switched)
