"""From a recording to the calls of functions: which are told, what they are about, and whose task they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.recorder.calls import calls_of, sends_of
from taskguard.evidence.recorder.recording import Call, Invocation, Message, Recording
from taskguard.history import Called

from tests.unit.taskguard.recorder_lines import STACK as BARE
from tests.unit.taskguard.recorder_lines import WORK_URL, function, recording_of, service_call

WORKER = function("TaskGuard-dev-processTask")
STACK = replace(BARE, functions=(WORKER,))
IDS = frozenset({"t-1", "t-10", "T-1"})


def called(*tasks: str, ids: frozenset[str] = IDS, fails: bool = False, **changes: Any) -> list[Called]:
    """What is told of a call that was made while these tasks were worked on."""
    given: dict[str, Any] = {
        "function": WORKER.name,
        "request_id": "r-1",
        "service": "dynamodb",
        "operation": "UpdateItem",
        "parameters": {"TableName": "tasks", "Key": {"taskId": {"S": "t-1"}}},
        "status": 200,
        "error_code": None,
        "refused_entries": frozenset(),
        "started_at_ms": 10.0,
        "ended_at_ms": 12.0,
    }
    messages = tuple(Message(f"m-{each}", "receipt", f'{{"taskId": "{each}"}}', 1, "arn") for each in tasks)
    invocation = Invocation(WORKER.name, "r-1", "{}", messages, 5.0, ended_at_ms=11.0, is_error=fails)
    recording = Recording(invocations={"r-1": invocation}, calls=[Call(**given | changes)])
    return list(calls_of(recording, STACK, TASKGUARD.message, ids))


def test_a_write_is_told_with_its_table_and_its_task() -> None:
    [call] = called("t-1", "t-10")
    assert (call.function, call.what, call.task_ids) == (WORKER.label, "dynamodb.UpdateItem on tasks", ("t-1",))
    assert (call.at_ms, call.answered_ms, call.took_effect) == (10.0, 12.0, True)


def test_one_that_was_not_waited_for_was_left_under_way() -> None:
    [call], [in_time] = called("t-1", late=True), called("t-1")
    assert (call.left, in_time.left) == (True, False)


def test_who_failed_or_was_told_otherwise_by_a_fault_could_wait_for_nothing() -> None:
    [failed], [told] = called("t-1", late=True, fails=True), called("t-1", late=True, told=(0, None))
    [at_the_start] = called("t-1", late=True, request_id=None)
    assert not any(each.left for each in (failed, told, at_the_start))


def test_a_refused_write_took_no_effect() -> None:
    [call] = called("t-1", status=400, error_code="ConditionalCheckFailedException")
    assert not call.took_effect


@pytest.mark.parametrize("operation", ["GetItem", "Query", "BatchGetItem", "ChangeMessageVisibility"])
def test_what_changes_nothing_is_left_out(operation: str) -> None:
    assert called("t-1", operation=operation) == []


def test_a_body_in_a_body_names_its_task() -> None:
    parameters = {"QueueUrl": "http://127.0.0.1/000000000000/work", "MessageBody": '{"taskId":"t-10","payload":{}}'}
    [call] = called(operation="SendMessage", service="sqs", parameters=parameters)
    assert (call.resource, call.task_ids) == ("work", ("t-10",))


def test_a_call_that_names_no_task_is_that_of_the_only_one() -> None:
    [alone], [beside] = called("t-1", parameters={}), called("t-1", "t-10", parameters={})
    assert (alone.task_ids, beside.task_ids) == (("t-1",), ())


def test_a_function_that_is_not_the_stacks_is_nobodys_business() -> None:
    assert called("t-1", function="another") == []


def test_what_services_send_to_the_stacks_queues_is_told_with_its_task(tmp_path: Path) -> None:
    body = '{"taskId": "t-1"}'
    recording = recording_of(
        tmp_path,
        service_call({"QueueUrl": WORK_URL, "MessageBody": body}, at=1.0),
        service_call({"QueueUrl": WORK_URL, "MessageBody": body}, by="events", error="AccessDenied", at=2.0),
        service_call({"QueueUrl": "http://127.0.0.1/0/other", "MessageBody": body}, at=3.0),
    )
    assert recording.calls == []
    route, rule = sends_of(recording, STACK, TASKGUARD.message, IDS)
    assert (route.function, route.what, route.task_ids) == ("API Gateway", "sqs.SendMessage on TaskQueue", ("t-1",))
    assert (route.took_effect, route.delivery_id) == (True, None)
    assert (rule.function, rule.took_effect, rule.error) == ("EventBridge", False, "AccessDenied")
