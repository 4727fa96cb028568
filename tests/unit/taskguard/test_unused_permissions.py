"""What a role was granted and none of its functions used, and what one needed and was not granted, as far as a recording can tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from taskguard.evidence.privileges.uses import lacking, unused
from taskguard.history import ConfigurationObserved, Permission, QueueSettings
from taskguard.service.stack import Function, Queue

from tests.unit.taskguard.recorder_lines import (
    DEAD_ARN,
    FUNCTION,
    STACK,
    WORK_ARN,
    WORK_URL,
    aws_call,
    function,
    recording_of,
    sqs_record,
    started,
)

OTHER = "TaskGuard-dev-submitTask"
ACCOUNT = "000000000000"
TABLE = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/T"
CALL = aws_call("SendMessage", {"QueueUrl": WORK_URL})
BEGUN = started("r1", sqs_record("m"))


def left(
    tmp_path: Path,
    *permissions: Permission,
    lines: tuple[str, ...] = (BEGUN, CALL),
    shared: bool = False,
    beside: tuple[Queue, ...] = (),
) -> list[tuple[str, ...]]:
    """Holder, action and resource of what was not used, by functions with a role each or with one for both."""
    functions: list[Function] = [function(FUNCTION), function(OTHER)]
    if shared:
        functions = [replace(each, role=functions[0].role) for each in functions]
    observed = ConfigurationObserved(at_ms=0.0, queues=(), consumers=(), store_encrypted=None, permissions=permissions)
    stack = replace(STACK, functions=tuple(functions), beside=beside)
    found = unused(observed, recording_of(tmp_path, *lines), stack, "eu-central-1")
    return [(each.holder, *each.actions, *each.resources) for each in found]


def may(action: str, resource: str = WORK_ARN, holder: str = FUNCTION) -> Permission:
    return Permission(holder=holder, actions=(action,), resources=(resource,))


def test_what_no_call_needed_is_unused(tmp_path: Path) -> None:
    granted = Permission(holder=FUNCTION, actions=("sqs:SendMessage", "sqs:PurgeQueue"), resources=(WORK_ARN, DEAD_ARN))
    assert left(tmp_path, granted) == [
        (FUNCTION, "sqs:SendMessage", DEAD_ARN),
        (FUNCTION, "sqs:PurgeQueue", WORK_ARN),
        (FUNCTION, "sqs:PurgeQueue", DEAD_ARN),
    ]


@pytest.mark.parametrize(
    "permission",
    [
        may("sqs:SendMessage"),
        may("sqs:sendmessage"),
        may("sqs:Send*", "*"),
        may("sqs:SendMessageBatch"),
        # What polls the queue acts in the consumer's role, whether a recording of this run has it or not.
        may("sqs:ReceiveMessage"),
        may("sqs:DeleteMessageBatch"),
        may("sqs:GetQueueAttributes"),
        # Nobody sees whether these are used.
        may("logs:CreateLogGroup", "*"),
        may("xray:PutTraceSegments", "*"),
        may("s3:GetObject", "arn:aws:s3:::bucket/*"),
        may("dynamodb:PartiQLSelect", TABLE),
        may("dynamodb:GetRecords", f"{TABLE}/stream/*"),
        may("*", "*"),
    ],
)
def test_what_was_used_or_cannot_be_seen_is_not_called_unused(tmp_path: Path, permission: Permission) -> None:
    assert left(tmp_path, permission) == []


def test_a_consumer_of_one_queue_polls_no_other(tmp_path: Path) -> None:
    assert left(tmp_path, may("sqs:ReceiveMessage", DEAD_ARN)) == [(FUNCTION, "sqs:ReceiveMessage", DEAD_ARN)]


def test_another_queue_of_the_services_is_polled_in_the_role_of_its_consumer(tmp_path: Path) -> None:
    arn = WORK_ARN + "-retries"
    polls = may("sqs:ReceiveMessage", arn)
    for consumers, found in (((FUNCTION,), []), ((OTHER,), [(FUNCTION, "sqs:ReceiveMessage", arn)])):
        beside = Queue(logical_id="Retries", url=WORK_URL + "-retries", arn=arn, consumers=consumers)
        assert left(tmp_path, polls, beside=(beside,)) == found


def test_what_is_granted_for_another_account_is_used_by_the_like_here(tmp_path: Path) -> None:
    elsewhere = WORK_ARN.replace(ACCOUNT, "123456789012").replace("eu-central-1", "us-east-1")
    assert left(tmp_path, may("sqs:SendMessage", elsewhere), may("sqs:SendMessageBatch", elsewhere)) == []


def test_what_the_platform_was_seen_to_do_is_used(tmp_path: Path) -> None:
    line = {"kind": "platform-call", "role": function(FUNCTION).role, "service": "sqs", "operation": "ReceiveMessage"}
    url = WORK_URL.replace("TaskQueue", "TaskDLQ")
    polled = json.dumps(line | {"parameters": {"QueueUrl": url}, "error": None, "startedAt": 1000.0})
    assert left(tmp_path, may("sqs:ReceiveMessage", DEAD_ARN), lines=(BEGUN, polled)) == []


def test_a_function_that_was_not_invoked_could_use_nothing(tmp_path: Path) -> None:
    assert left(tmp_path, may("dynamodb:GetItem", TABLE, holder=OTHER)) == []


def test_a_role_of_several_functions_is_used_by_any_of_them(tmp_path: Path) -> None:
    granted = [
        may(action, holder=holder) for action in ("sqs:SendMessage", "sqs:PurgeQueue") for holder in (FUNCTION, OTHER)
    ]
    assert left(tmp_path, *granted, shared=True) == [(f"{FUNCTION}, {OTHER}", "sqs:PurgeQueue", WORK_ARN)]


POLLING = (may("sqs:ReceiveMessage"), may("sqs:DeleteMessage"), may("sqs:GetQueueAttributes"))
SENDS = ("sqs:SendMessage", WORK_ARN)


def needed(
    tmp_path: Path, *permissions: Permission, lines: tuple[str, ...] = (BEGUN, CALL), own_policy: bool = False
) -> list[tuple[str, str]]:
    """Action and resource of what the function did and was not granted."""
    queue = QueueSettings(
        queue="work",
        visibility_timeout_seconds=60,
        retention_seconds=60,
        encrypted=True,
        max_receives=3,
        dead_letters_watched=True,
        own_policy=own_policy,
    )
    observed = ConfigurationObserved(
        at_ms=0.0, queues=(queue,), consumers=(), store_encrypted=None, permissions=permissions
    )
    stack = replace(STACK, functions=(function(FUNCTION),))
    found = lacking(observed, recording_of(tmp_path, *lines), stack, "eu-central-1")
    assert {each.holder for each in found} <= {FUNCTION}
    return [(each.actions[0], each.resources[0]) for each in found]


def test_what_was_done_and_is_not_granted_is_lacking_once(tmp_path: Path) -> None:
    assert needed(tmp_path, *POLLING, lines=(BEGUN, CALL, CALL)) == [SENDS]
    assert needed(tmp_path, *POLLING, may("sqs:SendMessage", DEAD_ARN)) == [SENDS]
    # There is no such action: a batch is allowed by the one for a message.
    assert needed(tmp_path, *POLLING, may("sqs:SendMessageBatch")) == [SENDS]


@pytest.mark.parametrize(
    "resource",
    [
        WORK_ARN,
        "*",
        "arn:aws:sqs:*",
        "arn:*:sqs:*:*:Task*",
        WORK_ARN.replace("Task", "${aws:PrincipalTag/kind}"),
        # Meant for where the service runs otherwise.
        "arn:aws:sqs:us-east-1:123456789012:" + WORK_ARN.rpartition(":")[-1],
    ],
)
def test_what_any_statement_grants_is_not_lacking(tmp_path: Path, resource: str) -> None:
    assert needed(tmp_path, *POLLING, may("sqs:sendmessage", resource)) == []


def test_what_polls_a_queue_does_so_in_its_consumers_role(tmp_path: Path) -> None:
    assert needed(tmp_path, may("sqs:SendMessage"), *POLLING[1:]) == [("sqs:ReceiveMessage", WORK_ARN)]


@pytest.mark.parametrize(
    "line",
    [
        aws_call("SendMessage", {"QueueUrl": WORK_URL}, error="AccessDenied"),
        aws_call("ListQueues", {}),
        # Of a queue elsewhere it was not read whom it lets in itself.
        aws_call("SendMessage", {"QueueUrl": f"{WORK_URL}-elsewhere"}),
        aws_call("ExecuteStatement", {"Statement": "SELECT * FROM T"}, service="dynamodb"),
        aws_call("PutObject", {"Bucket": "b"}, service="s3"),
    ],
)
def test_of_what_failed_or_is_not_understood_nothing_is_lacking(tmp_path: Path, line: str) -> None:
    assert needed(tmp_path, *POLLING, lines=(BEGUN, line)) == []


def test_a_role_that_was_not_read_and_a_queue_with_a_policy_of_its_own_may_grant_anything(tmp_path: Path) -> None:
    assert needed(tmp_path) == []
    assert needed(tmp_path, may("logs:PutLogEvents", "*"), own_policy=True) == []
