"""A pipeline of several queues: what became of a task before it came to the work queue, and where tasks go on from there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from taskguard.contract.dialect import MessageWords
from taskguard.evidence.recorder.stages import other_stages
from taskguard.history import OnEarlierStage, OtherStage
from taskguard.service.stack import Queue

from tests.unit.taskguard.recorder_lines import (
    FUNCTION,
    STACK,
    WORK_ARN,
    WORK_URL,
    aws_call,
    ended,
    function,
    recording_of,
    sqs_record,
    started,
)

CHECKER, SHIPPER = "TaskGuard-dev-check", "TaskGuard-dev-ship"
CHECKS = Queue(logical_id="Checks", url=f"{WORK_URL}-checks", arn=f"{WORK_ARN}-checks", consumers=(CHECKER,))
SHIPMENTS = Queue(logical_id="Shipments", url=f"{WORK_URL}-ships", arn=f"{WORK_ARN}-ships", consumers=(SHIPPER,))
FUNCTIONS = tuple(map(function, (FUNCTION, CHECKER, SHIPPER)))
IDS = ("t1", "t2")


def of(task_id: str, message_id: str, arn: str, *, receives: int = 1) -> dict[str, Any]:
    return sqs_record(message_id, body=json.dumps({"taskId": task_id}), arn=arn, receives=receives)


def sent(task_id: str, new_id: str, to: str, *, by: str, at: float = 1004.0) -> str:
    parameters = {"QueueUrl": to, "MessageBody": json.dumps({"taskId": task_id})}
    return aws_call("SendMessage", parameters, told={"MessageId": new_id}, request_id=by, at=at)


def moved(task_id: str, message_id: str) -> str:
    line = {"kind": "dead-lettered", "queue": f"{CHECKS.arn}-dead", "source": CHECKS.arn, "messageId": message_id}
    return json.dumps({**line, "body": json.dumps({"taskId": task_id}), "startedAt": 3000.0})


def told(
    folder: Path, *lines: str, beside: tuple[Queue, ...] = (CHECKS, SHIPMENTS)
) -> list[OnEarlierStage | OtherStage]:
    stack = replace(STACK, beside=beside, functions=FUNCTIONS)
    return list(other_stages(recording_of(folder, *lines), stack, MessageWords(), IDS))


def earlier(folder: Path, *lines: str, beside: tuple[Queue, ...] = (CHECKS, SHIPMENTS)) -> list[OnEarlierStage]:
    return [event for event in told(folder, *lines, beside=beside) if isinstance(event, OnEarlierStage)]


def others(folder: Path, *lines: str, beside: tuple[Queue, ...] = (CHECKS, SHIPMENTS)) -> list[OtherStage]:
    return [event for event in told(folder, *lines, beside=beside) if isinstance(event, OtherStage)]


ON = (
    started("c1", of("t1", "a1", CHECKS.arn), function=CHECKER),
    sent("t1", "w1", WORK_URL, by="c1"),
    ended("c1"),
)
"""The first task is sent on from the queue before the work queue."""


def test_a_task_that_is_sent_on_is_told_with_the_moment(tmp_path: Path) -> None:
    [event] = earlier(tmp_path, *ON)
    assert (event.task_id, event.message_id, event.outcome) == ("t1", "a1", "sent on")
    assert event.queue == CHECKS.name
    assert 1004.0 <= event.at_ms < 1010.0


def test_one_that_fails_there_is_not_told_until_it_dies(tmp_path: Path) -> None:
    failing = (started("c2", of("t2", "a2", CHECKS.arn, receives=3), function=CHECKER), ended("c2", error=True))
    assert len(earlier(tmp_path, *ON, *failing)) == 1
    [_, dead] = earlier(tmp_path, *ON, *failing, moved("t2", "a2"))
    assert (dead.task_id, dead.outcome, dead.at_ms) == ("t2", "dead-lettered", 3000.0)


def test_one_that_is_acknowledged_there_and_not_sent_on_is_told_as_that(tmp_path: Path) -> None:
    [_, dropped] = earlier(tmp_path, *ON, started("c2", of("t2", "a2", CHECKS.arn), function=CHECKER), ended("c2"))
    assert (dropped.task_id, dropped.outcome) == ("t2", "acknowledged")


def test_a_queue_from_which_nothing_comes_to_the_work_queue_is_no_stage_before_it(tmp_path: Path) -> None:
    audit = (started("c2", of("t2", "a2", CHECKS.arn), function=CHECKER), ended("c2"))
    assert earlier(tmp_path, *audit, moved("t2", "a2")) == []


def test_a_stage_before_the_stage_before_is_one_too(tmp_path: Path) -> None:
    first = replace(CHECKS, arn=f"{WORK_ARN}-first", url=f"{WORK_URL}-first")
    lines = (
        started("f1", of("t1", "f1", first.arn), function=CHECKER),
        sent("t1", "a1", CHECKS.url, by="f1"),
        ended("f1"),
    )
    found = earlier(tmp_path, *lines, *ON, beside=(first, CHECKS))
    assert [(each.queue, each.outcome) for each in found] == [(first.name, "sent on"), (CHECKS.name, "sent on")]


def test_a_queue_to_which_the_work_queue_s_consumer_sends_is_a_way_back(tmp_path: Path) -> None:
    back = (started("r1", of("t1", "w1", WORK_ARN)), sent("t1", "a9", CHECKS.url, by="r1"), ended("r1", error=True))
    assert told(tmp_path, *ON, *back) == []


def test_tasks_of_nobody_are_not_told(tmp_path: Path) -> None:
    of_nobody = (
        started("c3", of("t9", "a3", CHECKS.arn), function=CHECKER),
        sent("t9", "w3", WORK_URL, by="c3"),
        ended("c3"),
    )
    assert told(tmp_path, *of_nobody) == []


def test_each_other_stage_is_told_once(tmp_path: Path) -> None:
    lines: list[str] = []
    for number in (1, 2):
        lines += [
            started(f"r{number}", of(f"t{number}", f"w{number}", WORK_ARN)),
            sent(f"t{number}", f"s{number}", SHIPMENTS.url, by=f"r{number}"),
            ended(f"r{number}"),
        ]
    found = others(tmp_path, *ON, *lines)
    assert {(each.queue, each.logical_id, each.consumers) for each in found} == {
        (SHIPMENTS.name, "Shipments", ("ship",)),
        (CHECKS.name, "Checks", ("check",)),
    }
    assert len(found) == 2


def test_one_to_which_the_api_or_a_topic_sends_is_told_by_who_is_handed_its_messages(tmp_path: Path) -> None:
    [stage] = others(tmp_path, started("s1", of("t1", "x1", SHIPMENTS.arn), function=SHIPPER))
    assert stage.queue == SHIPMENTS.name


def test_a_queue_of_the_same_worker_or_of_dead_letters_is_none(tmp_path: Path) -> None:
    done = (started("r1", of("t1", "w1", WORK_ARN)), sent("t1", "s1", SHIPMENTS.url, by="r1"), ended("r1"))
    assert len(others(tmp_path, *done)) == 1
    assert others(tmp_path, *done, beside=(replace(SHIPMENTS, consumers=(FUNCTION,)),)) == []
    dead = replace(CHECKS, arn=f"{CHECKS.arn}-dead", url=f"{CHECKS.url}-dead")
    handed = started("d1", of("t1", "a1", dead.arn), function=CHECKER)
    assert others(tmp_path, handed, moved("t1", "a1"), beside=(dead,)) == []
    assert len(others(tmp_path, handed, beside=(dead,))) == 1
