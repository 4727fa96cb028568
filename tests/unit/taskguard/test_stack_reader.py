"""Records, queues and logs of a deployed stack, read from clients that answer as AWS does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import LOG, RECORD, TASKGUARD, Dialect
from taskguard.evidence import dead_letters
from taskguard.evidence.queues import Queues as StackQueues
from taskguard.evidence.records import Records
from taskguard.history import DeadLetterLogged, Event, EvidenceMissing, RecordedAttempt
from taskguard.service.stack import Queue
from taskguard.support.times import milliseconds

from tests.unit.taskguard.conftest import Clock
from tests.unit.taskguard.fake_aws import MONITOR, Fakes, Functions, LogService, Queues, Table, consumer
from tests.unit.taskguard.recorder_lines import DEAD_ARN, DEAD_URL, STACK, WORK_ARN

GROUP = f"/aws/lambda/{MONITOR}"


def reader(*items: dict[str, Any], at_once: int = 100, names: Dialect = TASKGUARD, **fakes: Any) -> Records:
    return Records(Fakes(table=Table(list(items), at_once), **fakes), STACK, names)


def logged_lines(*lines: str, group: str = GROUP) -> LogService:
    """Logs of these lines, a millisecond apart, two a page."""
    service = LogService(page=2)
    for number, line in enumerate(lines):
        service.put(group, "stream", 5000 + number, line)
    return service


def dead_letter_logs(service: LogService, *request_ids: str, since_ms: float = 0.0) -> list[Event]:
    return dead_letters.dead_letter_logs(Fakes(log_service=service), STACK, LOG, request_ids, since_ms)


def queues(**fakes: Any) -> StackQueues:
    return StackQueues(Fakes(**fakes), STACK)


def report(request_id: str) -> str:
    return f"REPORT RequestId: {request_id}\tDuration: 1 ms"


DEAD_TASK = json.dumps({"event": "TASK_DEAD_LETTER", "taskId": "t1", "messageId": "m1", "attempts": 3})


def test_every_task_asked_for_has_a_record_in_that_order_and_the_missing_ones_no_status() -> None:
    records = reader({"taskId": "b", "status": "COMPLETED"}).records(["c", "b", "a"])
    assert [(r.task_id, r.status) for r in records] == [("c", None), ("b", "COMPLETED"), ("a", None)]
    assert (records[0].payload, records[0].attempts, records[0].last_error) == (None, (), None)


def test_a_record_without_a_status_is_not_taken_for_none() -> None:
    stack = reader({"taskId": "a", "payload": "1"}, {"taskId": "b", "status": None})
    assert [(r.task_id, r.status, r.payload) for r in stack.records("abc")] == [
        ("a", "", 1),
        ("b", "", None),
        ("c", None, None),
    ]
    assert stack.statuses("abc") == {}


@pytest.mark.parametrize(("count", "at_once"), [(1, 100), (100, 100), (101, 100), (250, 100), (30, 7)])
def test_any_number_of_records_is_read_however_many_keys_an_answer_leaves(count: int, at_once: int) -> None:
    ids = [f"t{number}" for number in range(count)]
    stack = reader(*({"taskId": i, "status": "COMPLETED"} for i in ids), at_once=at_once)
    assert stack.statuses([*ids, *ids[:3], "unknown"]) == dict.fromkeys(ids, "COMPLETED")
    assert [r.status for r in stack.records(ids)] == ["COMPLETED"] * count


def test_reads_see_what_was_last_written() -> None:
    table = Table([], at_once=1)
    Records(Fakes(table=table), STACK, TASKGUARD).statuses(["a", "b"])
    assert len(table.requests) == 2
    assert all(request["ConsistentRead"] for request in table.requests)


def test_no_tasks_are_no_request() -> None:
    table = Table([])
    assert Records(Fakes(table=table), STACK, TASKGUARD).statuses([]) == {}
    assert table.requests == []


@pytest.mark.parametrize(
    ("stored", "payload"),
    [
        ('{"n": 1.0, "list": [1, null]}', {"n": 1.0, "list": [1, None]}),
        ({"n": 1, "half": {"of": [True, None]}}, {"n": 1, "half": {"of": [True, None]}}),
        ("not json", "not json"),
        (None, None),
    ],
)
def test_a_payload_may_be_stored_as_text_or_as_a_map(stored: Any, payload: Any) -> None:
    [record] = reader({"taskId": "a", "status": "PENDING", "payload": stored}).records(["a"])
    assert record.payload == payload
    assert json.loads(json.dumps(record.payload)) == payload


def test_attempts_are_read_with_their_times_and_backoffs() -> None:
    attempts = [
        {
            "number": 1,
            "startedAt": "1970-01-01T00:00:01.500+00:00",
            "outcome": "FAILED",
            "error": "e",
            "backoffSeconds": 5,
        },
        {"number": 2, "startedAt": "yesterday", "outcome": "SUCCEEDED"},
        {},
    ]
    [record] = reader({"taskId": "a", "status": "COMPLETED", "attempts": attempts, "lastError": "e"}).records(["a"])
    assert record.last_error == "e"
    assert record.attempts == (
        RecordedAttempt(number=1, started_at_ms=1500.0, outcome="FAILED", error="e", backoff_seconds=5.0),
        RecordedAttempt(number=2, started_at_ms=None, outcome="SUCCEEDED", error=None, backoff_seconds=None),
        RecordedAttempt(number=0, started_at_ms=None, outcome="", error=None, backoff_seconds=None),
    )


@pytest.mark.parametrize(("stored", "status"), [(7, "7"), (True, "True"), (["DONE"], "['DONE']")])
def test_a_status_that_is_no_text_is_told_as_one(stored: Any, status: str) -> None:
    stack = reader({"taskId": "a", "status": stored})
    assert stack.statuses(["a"]) == {"a": status}
    assert stack.records(["a"])[0].status == status


def test_a_status_of_null_is_an_empty_one() -> None:
    stack = reader({"taskId": "a", "status": None, "lastError": None})
    assert stack.statuses(["a"]) == {}
    [record] = stack.records(["a"])
    assert (record.status, record.last_error) == ("", None)


@pytest.mark.parametrize("stored", [None, 7, "many", True, {"number": 1}, [], [None, 7, "one", [1]]])
def test_attempts_that_are_no_list_of_maps_are_none(stored: Any) -> None:
    [record] = reader({"taskId": "a", "status": "PENDING", "attempts": stored}).records(["a"])
    assert record.attempts == ()


@pytest.mark.parametrize(("stored", "counted"), [(7, 7), (0, 0), (-1, None), (10**9, None), ("7", None), (True, None)])
def test_a_number_of_attempts_is_read(stored: Any, counted: int | None) -> None:
    [record] = reader({"taskId": "a", "status": "PENDING", "attempts": stored}).records(["a"])
    assert record.counted == counted


def test_figures_of_an_attempt_that_are_kept_as_text_are_read() -> None:
    attempts = [{"number": "2", "backoffSeconds": "7.5", "outcome": "FAILED"}]
    [record] = reader({"taskId": "a", "status": "PENDING", "attempts": attempts}).records(["a"])
    assert [(each.number, each.backoff_seconds) for each in record.attempts] == [(2, 7.5)]


def test_no_record_is_read_of_an_empty_id() -> None:
    [record] = reader({"taskId": "a", "status": "PENDING"}).records(["", "a"])[1:]
    assert record.task_id == "a"


@pytest.mark.parametrize("odd", [None, "one", "NaN", True, [1], {"of": 1}])
def test_figures_of_an_attempt_that_are_no_numbers_are_left_out(odd: Any) -> None:
    attempts = [{"number": odd, "backoffSeconds": odd, "outcome": None, "startedAt": None, "error": None}]
    [record] = reader({"taskId": "a", "status": "PENDING", "attempts": attempts}).records(["a"])
    assert record.attempts == (
        RecordedAttempt(number=0, started_at_ms=None, outcome="", error=None, backoff_seconds=None),
    )


def test_sets_in_a_payload_are_lists() -> None:
    [record] = reader({"taskId": "a", "payload": {"tags": {"b", "a"}, "numbers": {2, 1}, "all": [{3}]}}).records(["a"])
    assert record.payload == {"tags": ["a", "b"], "numbers": ["1", "2"], "all": [["3"]]}


@pytest.mark.parametrize("stored", [b"\xff", {"raw": b"text"}, {"raws": {b"b", b"a"}}])
def test_binary_in_a_payload_is_some_text(stored: Any) -> None:
    [record] = reader({"taskId": "a", "status": "PENDING", "payload": stored}).records(["a"])
    assert json.loads(json.dumps(record.payload)) == record.payload
    assert record.payload != stored


def test_a_status_that_is_binary_is_some_text() -> None:
    stack = reader({"taskId": "a", "status": b"DONE"})
    assert isinstance(stack.records(["a"])[0].status, str)
    assert isinstance(stack.statuses(["a"])["a"], str)


def test_a_payload_too_deep_to_read_is_its_text() -> None:
    text = '{"a":' * 50_000
    [record] = reader({"taskId": "a", "payload": text}).records(["a"])
    assert record.payload == text


SILENT: dict[str, Any] = {"FunctionResponseTypes": []}


@pytest.mark.parametrize(
    ("mappings", "heeded"),
    [
        ([], {}),
        ([consumer("one")], {"one": True}),
        ([consumer("one", **SILENT)], {"one": False}),
        ([consumer("one", FunctionResponseTypes=None)], {"one": False}),
        ([consumer("one"), consumer("other", **SILENT)], {"one": True, "other": False}),
        ([consumer("one", **SILENT), consumer("other")], {"one": False, "other": True}),
        ([consumer("one"), consumer("one")], {"one": True}),
        # It is not said which of them invoked it.
        ([consumer("one"), consumer("one", **SILENT), consumer("one")], {"one": None}),
        ([consumer("one", **SILENT), consumer("one")], {"one": None}),
    ],
)
def test_whether_partial_batches_are_heeded_is_told_of_each_consumer_of_the_work_queue(
    mappings: list[dict[str, Any]], heeded: dict[str, bool | None]
) -> None:
    consumers = {WORK_ARN: mappings, DEAD_ARN: [consumer(MONITOR)]}
    assert queues(lambdas=Functions(consumers=consumers)).heeds_partial_batches() == heeded


def test_the_work_queue_s_patience_is_read() -> None:
    policy = json.dumps({"maxReceiveCount": "4", "deadLetterTargetArn": DEAD_ARN})
    stack = queues(queues=Queues({"VisibilityTimeout": "30", "RedrivePolicy": policy}))
    assert (stack.visibility_timeout_seconds(), stack.receives_before_death()) == (30.0, 4)


def test_a_queue_without_a_redrive_policy_never_gives_a_message_up() -> None:
    assert queues(queues=Queues({"VisibilityTimeout": "30"})).receives_before_death() == 0


def test_other_pipelines_attributes_are_given() -> None:
    record = msgspec.structs.replace(RECORD, status="state", payload="job")
    names = msgspec.structs.replace(TASKGUARD, record=record)
    stack = reader({"taskId": "a", "state": "done", "status": "no", "job": "[]"}, names=names)
    assert stack.statuses(["a"]) == {"a": "done"}
    assert stack.records(["a"])[0].payload == []


def test_both_queues_are_counted() -> None:
    work, dead = queues().queue_depths()
    assert (work.queue, work.visible, work.in_flight, work.delayed) == ("work", 3, 2, 1)
    assert (dead.queue, dead.visible, dead.in_flight, dead.delayed) == ("dead-letter", 0, 4, 0)


@pytest.mark.parametrize(("consumers", "are_empty"), [((), True), (("TaskGuard-dev-again",), False)])
def test_another_queue_counts_where_somebody_consumes_it(consumers: tuple[str, ...], are_empty: bool) -> None:
    # Its figures are those of the dead-letter queue: it holds messages.
    another = Queue(logical_id="Another", url=DEAD_URL, arn="arn", consumers=consumers)
    assert StackQueues(Fakes(), replace(STACK, beside=(another,))).are_empty_beside() is are_empty
    assert queues().are_empty_beside()


def test_dead_letter_logs_are_read_from_every_page() -> None:
    [logged] = dead_letter_logs(logged_lines("START r1", "INIT", report("r1"), DEAD_TASK, "END r1"), "r1")
    assert isinstance(logged, DeadLetterLogged)
    assert (logged.at_ms, logged.task_id, logged.message_id) == (5003.0, "t1", "m1")
    assert logged.fields == json.loads(DEAD_TASK)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[1]",
        "7",
        "null",
        '"TASK_DEAD_LETTER"',
        '{"event": "ELSE", "taskId": "t1"}',
        '{"taskId": "t1"}',
        DEAD_TASK[:-2],
        pytest.param('{"event":' * 100_000, id="deeply nested"),
    ],
)
def test_lines_that_are_no_dead_letter_s_are_passed_over(line: str) -> None:
    assert dead_letter_logs(logged_lines(line, report("r1")), "r1") == []


def test_ids_that_are_no_texts_are_none_and_the_fields_are_kept() -> None:
    line = json.dumps({"event": "TASK_DEAD_LETTER", "taskId": 7, "messageId": ["m"]})
    [logged] = dead_letter_logs(logged_lines(line))
    assert isinstance(logged, DeadLetterLogged)
    assert (logged.task_id, logged.message_id, logged.fields["taskId"]) == (None, None, 7)


def test_what_was_logged_before_is_left_aside() -> None:
    another = json.dumps({"event": "TASK_DEAD_LETTER", "taskId": "t2"})
    [logged] = dead_letter_logs(logged_lines(another, DEAD_TASK, report("r1")), "r1", since_ms=5001)
    assert isinstance(logged, DeadLetterLogged)
    assert logged.task_id == "t1"


def test_logs_that_come_late_are_waited_for(clock: Clock) -> None:
    service = logged_lines(report("r1"))
    service.now = lambda: clock.now
    service.put(GROUP, "stream", 5001, DEAD_TASK, report("r2"), arrives=clock.now + 10)
    [logged] = dead_letter_logs(service, "r1", "r2")
    assert isinstance(logged, DeadLetterLogged)
    assert 10 <= sum(clock.waited) < 11


def test_logs_that_do_not_come_are_missing_evidence_beside_what_is_there(clock: Clock) -> None:
    logged, missing = dead_letter_logs(logged_lines(DEAD_TASK, report("r1"), "waiting for r2"), "r1", "r2")
    assert isinstance(logged, DeadLetterLogged)
    assert isinstance(missing, EvidenceMissing)
    assert missing.affects == ("DeadLetterLogged",)
    assert "2 invocations" in missing.what


def test_logs_that_are_refused_for_a_while_are_read_all_the_same(clock: Clock) -> None:
    service = logged_lines(DEAD_TASK, report("r1"))
    service.failing = [_refused(), None, _refused()]
    [logged] = dead_letter_logs(service, "r1")
    assert isinstance(logged, DeadLetterLogged)


@pytest.mark.parametrize("request_ids", [(), ("r1",)])
def test_logs_that_are_refused_are_missing_evidence(clock: Clock, request_ids: tuple[str, ...]) -> None:
    service = logged_lines(DEAD_TASK, report("r1"))
    service.failing = [_refused()] * 1000
    [missing] = dead_letter_logs(service, *request_ids)
    assert isinstance(missing, EvidenceMissing)
    assert missing.affects == ("DeadLetterLogged",)
    assert "AccessDenied" in missing.what


def _refused() -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "FilterLogEvents")


@pytest.mark.parametrize("request_ids", [(), ("r1",)])
def test_a_log_group_that_is_not_there_is_missing_only_when_something_should_be_in_it(
    clock: Clock, request_ids: tuple[str, ...]
) -> None:
    found = dead_letter_logs(logged_lines(group="/aws/lambda/other"), *request_ids)
    assert [type(event) for event in found] == [EvidenceMissing] * len(request_ids)


@settings(deadline=None, derandomize=True)
@given(st.datetimes(min_value=datetime(1970, 1, 3), timezones=st.timezones()))  # noqa: DTZ001  # it is given a zone
def test_an_iso_time_is_read_to_its_millisecond(moment: Any) -> None:
    assert milliseconds(moment.isoformat()) == pytest.approx(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        "",
        "yesterday",
        7,
        [],
        "2024-13-01T00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01",
        "2024-01-01 00:00:00.5",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_is_none(stamp: object) -> None:
    assert milliseconds(stamp) is None
