"""Tasks that go through a queue beside the work queue: to be tried again there, to be sent back from there, or to stay; or by a topic."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    Delivered,
    Event,
    EvidenceMissing,
    HeldUp,
    History,
    Resent,
)
from taskguard.service.stack import Queue, Table

from tests.unit.taskguard.recorder_lines import (
    DEAD_URL,
    FUNCTION,
    STACK,
    WORK_ARN,
    WORK_URL,
    aws_call,
    ended,
    function,
    service_call,
    sqs_record,
    started,
)
from tests.unit.taskguard.told_events import events, of_kind

RETRIES = WORK_ARN + "-retries"


def missing(folder: Path, *lines: str) -> list[str]:
    found = events(folder, started("r1", sqs_record("m1"), sqs_record("m2")), ended("r1"), *lines)
    return [each.what for each in of_kind(found, EvidenceMissing)]


def test_a_task_that_its_consumer_is_handed_from_another_queue_is_not_followed_there(tmp_path: Path) -> None:
    again = json.dumps({"taskId": "task-of-m1"})
    [what] = missing(tmp_path, started("r2", sqs_record("n1", body=again, arn=RETRIES), at=5000.0), ended("r2"))
    assert "the queue TaskQueue-retries, of which" in what
    assert "it is not of this stack, and is not followed" in what


def test_a_stage_that_all_tasks_come_to_which_were_done_before_is_no_queue_for_retries(tmp_path: Path) -> None:
    bodies = [json.dumps({"taskId": f"task-of-m{number}"}) for number in (1, 2)]
    next_stage = [sqs_record(f"n{number}", body=body, arn=RETRIES) for number, body in enumerate(bodies)]
    assert missing(tmp_path, started("r2", *next_stage), ended("r2")) == []


def test_other_tasks_of_another_queue_and_a_next_stage_are_no_retries(tmp_path: Path) -> None:
    again = json.dumps({"taskId": "task-of-m1"})
    lines = (
        started("r2", sqs_record("n1", arn=RETRIES)),
        ended("r2"),
        started("r3", sqs_record("n2", body=again, arn=RETRIES), function="TaskGuard-dev-next"),
        ended("r3"),
    )
    assert missing(tmp_path, *lines) == []


def beside(consumer: str | None = FUNCTION, **more: Any) -> Queue:
    consumers = () if consumer is None else (consumer,)
    return Queue(logical_id="Retries", url=WORK_URL + "-retries", arn=RETRIES, consumers=consumers, **more)


def told(folder: Path, queue: Queue, *lines: str) -> list[Event]:
    return events(folder, *lines, stack=replace(STACK, beside=(queue,)))


def body(task_id: str) -> str:
    return json.dumps({"taskId": task_id})


def sent(
    new_id: str, task_id: str, *, to: str = WORK_URL + "-retries", by: str = "r1", at: float = 1004.0, **more: Any
) -> str:
    parameters = {"QueueUrl": to, "MessageBody": body(task_id), **more}
    return aws_call("SendMessage", parameters, told={"MessageId": new_id}, request_id=by, at=at)


WORKED = (
    started("r1", *(sqs_record(f"m{number}") for number in range(1, 6))),
    sent("n1", "task-of-m1"),
    ended("r1"),
)
"""Five tasks, of which the first is sent to the queue beside."""


def from_beside(new_id: str = "n1", task_id: str = "task-of-m1", *, by: str = FUNCTION, receives: int = 1) -> str:
    record = sqs_record(new_id, body=body(task_id), arn=RETRIES, receives=receives)
    return started("r2", record, at=5000.0, function=by)


def test_a_task_is_followed_to_a_queue_where_the_same_consumer_tries_it_again(tmp_path: Path) -> None:
    queue = beside(delay_seconds=4.0, hidden_seconds=30.0)
    found = told(tmp_path, queue, *WORKED, from_beside(), ended("r2", at=5010.0))
    [again] = of_kind(found, Resent)
    assert (again.new_message_id, again.delay_seconds, again.through, again.sends) == (
        "n1",
        4.0,
        "TaskQueue-retries",
        1,
    )
    [failed] = of_kind(found, AttemptFailed)
    assert failed.reason == "the function sent its task to the queue TaskQueue-retries, to be tried again"
    [chain] = History(found).chains_of("task-of-m1")
    assert [(each.number, each.succeeded is not None) for each in chain.attempts] == [(1, False), (2, True)]
    last = chain.attempts[1].delivered
    assert last is not None
    assert (last.queue, last.hidden_seconds) == ("TaskQueue-retries", 30.0)
    assert of_kind(found, EvidenceMissing) == []


def test_the_delay_that_was_asked_for_goes_before_the_queues_own(tmp_path: Path) -> None:
    lines = (WORKED[0], sent("n1", "task-of-m1", DelaySeconds=9), WORKED[2])
    [again] = of_kind(told(tmp_path, beside(delay_seconds=4.0), *lines), Resent)
    assert (again.delay_seconds, again.new_message_id) == (9.0, "n1")


def test_an_answer_is_read_as_the_mapping_of_that_queue_has_it(tmp_path: Path) -> None:
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "n1"}]})
    for reporting, count in ((frozenset({FUNCTION}), 2), (frozenset(), 1)):
        found = told(tmp_path, beside(reporting=reporting), *WORKED, from_beside(), ended("r2", answer))
        assert len(of_kind(found, AttemptFailed)) == count


def test_a_wait_that_is_asked_of_that_queue_is_told(tmp_path: Path) -> None:
    asks = {"QueueUrl": WORK_URL + "-retries", "ReceiptHandle": "receipt-n1-1", "VisibilityTimeout": 7}
    call = aws_call("ChangeMessageVisibility", asks, request_id="r2", at=5004.0)
    [asked] = of_kind(told(tmp_path, beside(), *WORKED, from_beside(), call, ended("r2")), BackoffRequested)
    assert (asked.message_id, asked.delay_seconds) == ("n1", 7.0)


def test_that_there_was_no_room_for_that_queues_messages_is_told_as_of_the_work_queues(tmp_path: Path) -> None:
    line = json.dumps({"kind": "queue-held-up", "queue": RETRIES, "startedAt": 4000.0, "endedAt": 4500.0})
    [held] = of_kind(told(tmp_path, beside(), *WORKED, from_beside(), ended("r2"), line), HeldUp)
    assert held.queue == "work"


def test_what_such_a_queue_moves_to_its_own_dead_letters_is_dead(tmp_path: Path) -> None:
    moved = {
        "kind": "dead-lettered",
        "queue": RETRIES + "-dead",
        "source": RETRIES,
        "messageId": "n1",
        "body": body("task-of-m1"),
        "startedAt": 9000.0,
    }
    found = told(tmp_path, beside(), *WORKED, from_beside(), ended("r2", error=True), json.dumps(moved))
    [dead] = of_kind(found, DeadLettered)
    assert (dead.message_id, dead.queue, dead.where) == (
        "n1",
        "TaskQueue-retries-dead",
        "the queue TaskQueue-retries-dead",
    )


@pytest.mark.parametrize(("code", "attempts"), [("one", 2), ("two", 1), ("", 1)])
def test_a_function_with_the_same_code_tries_again_what_is_sent_to_it(tmp_path: Path, code: str, attempts: int) -> None:
    other = "TaskGuard-dev-again"
    functions = tuple(
        replace(function(name), code=of) for name, of in ((FUNCTION, "one" if code else ""), (other, code))
    )
    stack = replace(STACK, functions=functions, beside=(beside(other),))
    found = events(tmp_path, *WORKED, from_beside(by=other), ended("r2"), stack=stack)
    assert len(History(found).attempts_of("task-of-m1")) == attempts


SENDS_BACK = "TaskGuard-dev-sendBack"


def test_a_queue_that_only_delays_is_no_attempt(tmp_path: Path) -> None:
    back = sent("m9", "task-of-m1", to=WORK_URL, by="r2", at=5004.0)
    third = started("r3", sqs_record("m9", body=body("task-of-m1")), at=5100.0)
    lines = (*WORKED, from_beside(by=SENDS_BACK), back, ended("r2"), third, ended("r3", at=5110.0))
    found = told(tmp_path, beside(SENDS_BACK, delay_seconds=4.0), *lines)
    [again] = of_kind(found, Resent)
    assert (again.message_id, again.new_message_id, again.delay_seconds, again.sends) == ("m1", "m9", 4.0, 2)
    assert (again.at_ms, again.delivery_id) == (1004.0, "r1")
    [chain] = History(found).chains_of("task-of-m1")
    assert [each.message_id for each in chain.attempts] == ["m1", "m9"]


def test_a_consumer_that_hands_on_all_that_it_has_from_there_tries_nothing(tmp_path: Path) -> None:
    back = sent("m9", "task-of-m1", to=WORK_URL, by="r2", at=5004.0)
    found = told(tmp_path, beside(), *WORKED, from_beside(), back, ended("r2"))
    assert {each.message_id for each in of_kind(found, Delivered)} == {f"m{number}" for number in range(1, 6)}


def test_who_gives_up_what_was_delayed_does_so_for_the_attempt_before(tmp_path: Path) -> None:
    others = (
        started("r0", sqs_record("m6", body=body("t6")), at=900.0),
        sent("n6", "t6", by="r0", at=901.0),
        ended("r0", at=905.0),
        started("r5", sqs_record("n6", body=body("t6"), arn=RETRIES), at=950.0, function=SENDS_BACK),
        sent("m7", "t6", to=WORK_URL, by="r5", at=951.0),
        ended("r5", at=955.0),
    )
    gives_up = sent("d1", "task-of-m1", to=DEAD_URL, by="r2", at=5004.0)
    lines = (*others, *WORKED, from_beside(by=SENDS_BACK), gives_up, ended("r2"))
    [dead] = of_kind(told(tmp_path, beside(SENDS_BACK), *lines), DeadLettered)
    assert dead.sent_by is not None
    assert (dead.sent_by.message_id, dead.sent_by.delivery_id, dead.origin_id) == ("m1", "r1", "m1")


def tried_before(*, receives: int = 3) -> tuple[str, ...]:
    return (
        started("r1", *(sqs_record(f"m{number}") for number in range(2, 6)), sqs_record("m1", receives=receives)),
        sent("n1", "task-of-m1"),
        ended("r1"),
    )


def test_what_is_given_up_after_several_attempts_to_a_queue_that_nobody_reads_is_dead(tmp_path: Path) -> None:
    found = told(tmp_path, beside(None), *tried_before())
    [dead] = of_kind(found, DeadLettered)
    assert (dead.message_id, dead.queue, dead.origin_id) == ("n1", "TaskQueue-retries", "m1")
    [failed] = of_kind(found, AttemptFailed)
    assert failed.reason == "the function gave its task up to the queue TaskQueue-retries, which nobody reads"


@pytest.mark.parametrize(
    ("queue", "lines"),
    [
        # At the first attempt it may be an answer; somebody reads it; and too few others tell what is usual.
        (beside(None), tried_before(receives=1)),
        (beside("TaskGuard-dev-next"), tried_before()),
        (
            beside(None),
            (*tried_before(), aws_call("ReceiveMessage", {"QueueUrl": WORK_URL + "-retries"}, request_id="r9")),
        ),
        (beside(None), (started("r1", sqs_record("m1", receives=3)), sent("n1", "task-of-m1"), ended("r1"))),
    ],
    ids=["first", "consumed", "polled", "alone"],
)
def test_what_may_be_an_answer_to_somebody_is_not_given_up(
    tmp_path: Path, queue: Queue, lines: tuple[str, ...]
) -> None:
    found = told(tmp_path, queue, *lines)
    assert (of_kind(found, DeadLettered), of_kind(found, AttemptFailed)) == ([], [])


def test_of_another_worker_whose_tasks_come_back_nobody_knows_how_the_attempts_ended(tmp_path: Path) -> None:
    # It succeeds with one of them, so that it tries them itself, or does something else.
    other = "TaskGuard-dev-second"
    lines = (
        started("r1", *(sqs_record(f"m{number}") for number in range(1, 6))),
        sent("n1", "task-of-m1"),
        sent("n2", "task-of-m2"),
        ended("r1"),
        started("r2", sqs_record("n1", body=body("task-of-m1"), arn=RETRIES), at=5000.0, function=other),
        started("r3", sqs_record("n2", body=body("task-of-m2"), arn=RETRIES), at=5000.0, function=other),
        sent("d1", "task-of-m1", to=DEAD_URL, by="r2", at=5004.0),
        ended("r2"),
        ended("r3"),
    )
    found = told(tmp_path, beside(other), *lines)
    ended_well = {each.task_id for each in of_kind(found, AttemptSucceeded)}
    assert ended_well == {"task-of-m3", "task-of-m4", "task-of-m5"}
    [missing] = of_kind(found, EvidenceMissing)
    assert "on the queue TaskQueue-retries, to which some are sent and come back" in missing.what


TOPIC = "arn:aws:sns:eu-central-1:000000000000:Again"


def published(text: str, published_id: str, *, at: float = 1004.0) -> str:
    return aws_call(
        "Publish", {"TopicArn": TOPIC, "Message": text}, service="sns", told={"MessageId": published_id}, at=at
    )


def by_topic(text: str, new_id: str, *, source: str = TOPIC, at: float = 1020.0) -> str:
    return service_call(
        {"QueueUrl": WORK_URL, "MessageBody": text}, by="sns", source=source, told={"MessageId": new_id}, at=at
    )


def test_what_is_published_to_a_topic_that_leads_to_the_queue_is_sent_again(tmp_path: Path) -> None:
    text = body("task-of-m1")
    envelope = json.dumps({"Type": "Notification", "MessageId": "p1", "TopicArn": TOPIC, "Message": text})
    for sends in (by_topic(envelope, "m9"), by_topic(text, "m9")):
        lines = (started("r1", sqs_record("m1"), sqs_record("m2")), published(text, "p1"), ended("r1"), sends)
        [again] = of_kind(events(tmp_path, *lines), Resent)
        assert (again.message_id, again.new_message_id, again.delay_seconds, again.accepted) == ("m1", "m9", None, True)


@pytest.mark.parametrize(
    "sends",
    [by_topic(body("task-of-m1"), "m9", source=TOPIC + "-other"), by_topic(body("task-of-m1"), "m9", at=1000.0)],
)
def test_what_another_topic_sent_or_this_one_before_is_not_joined(tmp_path: Path, sends: str) -> None:
    lines = (started("r1", sqs_record("m1")), published(body("task-of-m1"), "p1"), ended("r1"), sends)
    assert of_kind(events(tmp_path, *lines), Resent) == []


def test_a_text_that_is_published_several_times_is_joined_to_the_last_before(tmp_path: Path) -> None:
    text = body("task-of-m1")
    second = (
        started("r2", sqs_record("m9", body=text), at=2000.0),
        published(text, "p2", at=2004.0).replace('"r1"', '"r2"'),
        ended("r2"),
    )
    lines = (
        started("r1", sqs_record("m1")),
        published(text, "p1"),
        ended("r1"),
        by_topic(text, "m9"),
        *second,
        by_topic(text, "m10", at=2020.0),
    )
    found = of_kind(events(tmp_path, *lines), Resent)
    assert [(each.message_id, each.new_message_id) for each in found] == [("m1", "m9"), ("m9", "m10")]


@pytest.mark.parametrize("others", [(), ("m2",)], ids=["alone", "in a batch"])
def test_what_is_put_off_by_a_schedule_is_not_known_since_the_engine_runs_none(
    tmp_path: Path, others: tuple[str, ...]
) -> None:
    target = {"Arn": WORK_ARN, "Input": body("task-of-m1") if others else "in other words", "RoleArn": "role"}
    call = aws_call("CreateSchedule", {"Name": "again", "Target": target}, service="scheduler")
    lines = (started("r1", sqs_record("m1"), *(sqs_record(each) for each in others)), call, ended("r1"))
    found = events(tmp_path, *lines)
    assert [each.message_id for each in of_kind(found, AttemptSucceeded)] == list(others)
    [missing] = of_kind(found, EvidenceMissing)
    assert missing.task_ids == ("task-of-m1",)
    assert "the engine takes schedules, and does not run them" in missing.what
    refused = call.replace('"error": null', '"error": {"code": "Conflict", "message": "no"}')
    assert of_kind(events(tmp_path, lines[0], refused, lines[2]), EvidenceMissing) == []


@pytest.mark.parametrize(("acknowledged", "is_put_off"), [(3, True), (2, False)])
def test_what_is_put_off_by_an_item_that_is_to_expire_is_not_known(
    tmp_path: Path, acknowledged: int, *, is_put_off: bool
) -> None:
    later = Table(logical_id="Later", name="later", key="job", expires_by="dueAt")
    item = {"job": {"S": "task-of-m1"}, "dueAt": {"N": "1700"}}
    others = [sqs_record(f"other-{number}") for number in range(acknowledged)]
    call = aws_call("PutItem", {"TableName": "later", "Item": item}, service="dynamodb")
    lines = (started("r1", sqs_record("m1"), *others), call, ended("r1"))
    found = events(tmp_path, *lines, stack=replace(STACK, expiring=(later,)))
    # What is written for all tells nothing of a few.
    assert len(of_kind(found, AttemptSucceeded)) == acknowledged + (not is_put_off)
    missing = of_kind(found, EvidenceMissing)
    assert [each.task_ids for each in missing] == [("task-of-m1",)] * is_put_off
    assert all("put off by items of the table Later that are to expire (1 here)" in each.what for each in missing)
    of_others = call.replace("dueAt", "noted")
    assert (
        of_kind(
            events(tmp_path, lines[0], of_others, lines[2], stack=replace(STACK, expiring=(later,))), EvidenceMissing
        )
        == []
    )


def test_what_goes_through_other_queues_is_written_and_read_back(tmp_path: Path) -> None:
    runs = ((beside(None), tried_before()), (beside(), (*WORKED, from_beside())))
    for found in (History(told(tmp_path, queue, *lines)) for queue, lines in runs):
        found.write(tmp_path / "history.jsonl")
        assert History.read(tmp_path / "history.jsonl") == found
