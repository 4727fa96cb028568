"""Least privilege, on roles and calls made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.evidence.privileges.actions import UNKNOWN_RESOURCE, Access, Place, accesses_of, matches

from tests.privileges.policies import PolicyError, Statement, is_allowed, statements_of
from tests.privileges.report import as_markdown, faults
from tests.privileges.roles import Role
from tests.privileges.table import NO_TEST, PLATFORM, Row, State, Use, table_of, uses_of
from tests.unit.taskguard.recorder_lines import WORK_ARN, WORK_URL, aws_call, recording_of, sqs_record, started

PLACE = Place(region="eu-central-1", account="000000000000")
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/T"
FUNCTION = "TaskGuard-dev-processTask"
SEND = Access("sqs:SendMessage", WORK_ARN)


def allow(action: str | list[str], resource: str | list[str] = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def statements(*entries: dict[str, Any]) -> list[Statement]:
    return statements_of({"Version": "2012-10-17", "Statement": list(entries)}, "a policy")


def role(*entries: dict[str, Any], arn: str = "arn:aws:iam::000000000000:role/R") -> Role:
    return Role(function=FUNCTION, arn=arn, statements=tuple(statements(*entries)))


# Policies


@pytest.mark.parametrize(
    ("entries", "allowed"),
    [
        ([], False),
        ([allow("sqs:SendMessage", WORK_ARN)], True),
        ([allow("SQS:sendmessage", WORK_ARN)], True),
        ([allow(["sqs:DeleteMessage", "sqs:Send*"], [WORK_ARN, TABLE])], True),
        ([allow("sqs:SendMessage", "arn:aws:sqs:*:*:Task????e")], True),
        ([allow("sqs:SendMessage", "arn:aws:sqs:*:*:tas*")], False),
        ([allow("sqs:SendMessage", f"{WORK_ARN}-other")], False),
        ([allow("sqs:ReceiveMessage", WORK_ARN)], False),
        ([allow("*"), allow("sqs:*", WORK_ARN, "Deny")], False),
        ([allow("sqs:SendMessage", effect="Deny")], False),
    ],
)
def test_an_access_is_allowed_by_one_statement_and_denied_by_none(entries: list[dict[str, Any]], allowed: bool) -> None:
    assert is_allowed(statements(*entries), SEND) is allowed


@pytest.mark.parametrize("strange", [{"Condition": {}}, {"NotAction": "*"}, {"NotResource": "*"}])
def test_what_is_not_understood_is_refused_by_name(strange: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=f"the policy p.*{next(iter(strange))}"):
        statements_of({"Statement": allow("sqs:*") | strange}, "the policy p")


@given(st.text(alphabet="ab:[]$^.\\", max_size=20))
def test_a_pattern_without_wildcards_covers_itself_alone(text: str) -> None:
    assert matches(text, text)
    assert not matches(text, f"{text}a")
    assert matches("*", text)
    assert matches("?" * len(text), text)


# Calls


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("sqs", "SendMessage", {"QueueUrl": WORK_URL}), [SEND]),
        (("sqs", "SendMessageBatch", {"QueueUrl": WORK_URL, "Entries": []}), [SEND]),
        (("sqs", "DeleteMessageBatch", {"QueueUrl": WORK_URL}), [Access("sqs:DeleteMessage", WORK_ARN)]),
        (
            ("sqs", "ReceiveMessage", {"QueueUrl": "http://h:1/queue/eu-central-1/000000000000/TaskQueue"}),
            [Access("sqs:ReceiveMessage", WORK_ARN)],
        ),
        (("sqs", "GetQueueUrl", {"QueueName": "TaskQueue"}), [Access("sqs:GetQueueUrl", WORK_ARN)]),
        (("sqs", "SendMessage", {"QueueUrl": "TaskQueue"}), [SEND]),
        (("sqs", "SendMessage", {"QueueUrl": ""}), [Access("sqs:SendMessage", UNKNOWN_RESOURCE)]),
        (("sqs", "ListMessageMoveTasks", {"SourceArn": WORK_ARN}), [Access("sqs:ListMessageMoveTasks", WORK_ARN)]),
        (
            ("sqs", "StartMessageMoveTask", {"SourceArn": f"{WORK_ARN}-dead", "DestinationArn": WORK_ARN}),
            [
                *(
                    Access(f"sqs:{action}", f"{WORK_ARN}-dead")
                    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
                ),
                SEND,
                Access("sqs:StartMessageMoveTask", f"{WORK_ARN}-dead"),
            ],
        ),
        (("sqs", "ListQueues", {}), [Access("sqs:ListQueues", UNKNOWN_RESOURCE)]),
        (("dynamodb", "PutItem", {"TableName": "T"}), [Access("dynamodb:PutItem", TABLE)]),
        (("dynamodb", "PutItem", {"TableName": TABLE}), [Access("dynamodb:PutItem", TABLE)]),
        (
            ("dynamodb", "Query", {"TableName": "T", "IndexName": "i"}),
            [Access("dynamodb:Query", f"{TABLE}/index/i")],
        ),
        (("dynamodb", "BatchGetItem", {"RequestItems": {"T": {}}}), [Access("dynamodb:BatchGetItem", TABLE)]),
        (
            (
                "dynamodb",
                "TransactWriteItems",
                {
                    "TransactItems": [{"Put": {"TableName": "T"}}, {"ConditionCheck": {"TableName": "T"}}, {"New": {}}]
                    * 2
                },
            ),
            [Access("dynamodb:PutItem", TABLE), Access("dynamodb:ConditionCheckItem", TABLE)],
        ),
        (
            ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": {"Item": {}}}]}),
            [Access("dynamodb:PutItem", UNKNOWN_RESOURCE)],
        ),
        (
            ("logs", "PutLogEvents", {"logGroupName": "/g", "logStreamName": "s"}),
            [Access("logs:PutLogEvents", "arn:aws:logs:eu-central-1:000000000000:log-group:/g:log-stream:s")],
        ),
        (("s3", "GetObject", {"Bucket": "b"}), [Access("s3:GetObject", UNKNOWN_RESOURCE)]),
    ],
)
def test_a_call_needs_the_actions_of_the_service_authorization_reference(
    call: tuple[str, str, dict[str, Any]], expected: list[Access]
) -> None:
    assert list(accesses_of(*call, PLACE)) == expected


def test_a_call_is_of_the_test_whose_task_or_message_it_names(tmp_path: Path) -> None:
    recording = recording_of(
        tmp_path,
        started("r1", sqs_record("m", body='{"taskId": "test-one-more-0"}'), sqs_record("n", body="test-one-0")),
        aws_call("ChangeMessageVisibility", {"QueueUrl": WORK_URL, "ReceiptHandle": "receipt-m-1"}),
        aws_call("UpdateItem", {"TableName": "T", "Key": {"taskId": {"S": "test-one-0"}}}, service="dynamodb"),
        aws_call("UpdateItem", {"TableName": "T", "Key": {"taskId": {"S": "of-nobody"}}}, service="dynamodb"),
    )
    uses = uses_of(recording, [role()], PLACE, {"test-one": "one", "test-one-more": "more"})
    assert [use.seen_in for use in uses] == ["more", "one", NO_TEST]


def test_a_call_of_another_function_is_left_aside(tmp_path: Path) -> None:
    recording = recording_of(tmp_path, aws_call("SendMessage", {"QueueUrl": WORK_URL}))
    others = Role(function="another", arn="arn:aws:iam::000000000000:role/O", statements=())
    assert uses_of(recording, [others], PLACE, {}) == []


def platform_call(operation: str, error: str | None = None) -> str:
    line = {"kind": "platform-call", "role": role().arn, "service": "logs", "operation": operation}
    return json.dumps(line | {"parameters": {"logGroupName": "/g"}, "error": error, "startedAt": 1000.0})


def test_the_platforms_calls_count_for_the_function_whose_role_they_are_made_in(tmp_path: Path) -> None:
    # LocalStack alone asks for the group where there is one already.
    lines = [platform_call("PutLogEvents"), platform_call("CreateLogGroup", "ResourceAlreadyExistsException")]
    roles = [role(), Role(function="another", arn="arn:aws:iam::000000000000:role/other", statements=())]
    uses = uses_of(recording_of(tmp_path, *lines), roles, PLACE, {})
    assert [(use.access.action, use.seen_in) for use in uses] == [("logs:PutLogEvents", PLATFORM)]

    uses = uses_of(recording_of(tmp_path, *lines, platform_call("CreateLogGroup")), roles, PLACE, {})
    assert [use.access.action for use in uses] == ["logs:PutLogEvents", "logs:CreateLogGroup"]


# The table


def states(rows: list[Row]) -> list[tuple[str, State]]:
    return [(row.action, row.state) for row in rows]


def use(access: Access, seen_in: str = "a test") -> Use:
    return Use(FUNCTION, access, seen_in)


def test_what_is_allowed_and_used_is_no_fault() -> None:
    rows = table_of([role(allow("sqs:SendMessage", WORK_ARN))], [use(SEND), use(SEND, "another")], complete=True)
    assert states(rows) == [("sqs:SendMessage", State.USED)]
    assert rows[0].seen_in == ("a test", "another")
    assert faults(rows) == []


def test_a_call_without_a_permission_is_a_fault_whatever_was_run() -> None:
    rows = table_of([role(allow("sqs:SendMessage", TABLE))], [use(SEND)], complete=False)
    assert states(rows) == [("sqs:SendMessage", State.NOT_ALLOWED)]
    assert f"sqs:SendMessage on {WORK_ARN} is not allowed" in faults(rows)[0]
    assert "a test" in faults(rows)[0]


def test_an_unused_permission_is_a_fault_once_all_tests_were_run() -> None:
    roles = [role(allow(["sqs:SendMessage", "sqs:PurgeQueue"], WORK_ARN))]
    assert states(table_of(roles, [use(SEND)], complete=False)) == [("sqs:SendMessage", State.USED)]
    rows = table_of(roles, [use(SEND)], complete=True)
    assert states(rows) == [("sqs:PurgeQueue", State.UNUSED), ("sqs:SendMessage", State.USED)]
    assert "no test used it" in faults(rows)[0]


@pytest.mark.parametrize("entry", [allow("sqs:*", WORK_ARN), allow("sqs:Send?essage", WORK_ARN), allow(SEND.action)])
def test_a_permission_for_more_than_can_be_named_is_a_fault(entry: dict[str, Any]) -> None:
    (row,) = table_of([role(entry)], [use(SEND)], complete=True)
    assert row.state is State.TOO_WIDE
    assert "more than can be named" in faults([row])[0]


def test_what_cannot_be_seen_is_said_so_with_the_page_that_asks_for_it() -> None:
    rows = table_of([role(allow("xray:PutTraceSegments"))], [], complete=True)
    assert states(rows) == [("xray:PutTraceSegments", State.NOT_VISIBLE)]
    assert faults(rows) == []
    assert "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html" in as_markdown(rows)


def test_the_table_is_markdown_with_the_first_tests_named() -> None:
    uses = [use(SEND, f"test {number}") for number in range(4)]
    text = as_markdown(table_of([role(allow("sqs:SendMessage", f"{WORK_ARN}*"))], uses, complete=True))
    assert text.splitlines()[2] == (
        rf"| {FUNCTION} | sqs:SendMessage | {WORK_ARN}\* | allowed, used | test 0; test 1; 2 more |"
    )
