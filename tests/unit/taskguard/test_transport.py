"""A queue's policy counts as one that refuses unencrypted calls only when it refuses all of them, to everybody."""

from __future__ import annotations

from typing import Any

import pytest
from taskguard.evidence.transport import refuses_unencrypted

ARN = "arn:aws:sqs:eu-central-1:000000000000:TaskQueue"
# Its form is that of AWS's own example.
STATEMENT: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": ARN,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ALLOWED = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": ARN}


def refuses(*statements: Any, **changes: Any) -> bool:
    return refuses_unencrypted({"Statement": [*statements, STATEMENT | changes]}, ARN)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["*"]}},
        {"Action": ["SQS:*"]},
        {"Action": "*", "Resource": "*"},
        {"Condition": {"bool": {"AWS:securetransport": [False]}}},
        {"Condition": STATEMENT["Condition"] | {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}}},
    ],
)
def test_it_is_found_however_it_is_written(changes: dict[str, Any]) -> None:
    assert refuses(ALLOWED, **changes)


def test_one_statement_need_not_be_a_list() -> None:
    assert refuses_unencrypted({"Statement": STATEMENT}, ARN)


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
        {"Action": "sqs:SendMessage"},
        {"Action": None, "NotAction": "sqs:*"},
        {"Resource": f"{ARN}-other"},
        {"Condition": {}},
        {"Condition": None},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": ["true", "false"]}}},
        {"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
        {"Condition": STATEMENT["Condition"] | {"StringEquals": {"aws:PrincipalAccount": "000000000000"}}},
        {"Condition": STATEMENT["Condition"] | {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": STATEMENT["Condition"] | {"NotIpAddress": {"aws:SourceIp": ["127.0.0.1", "0.0.0.0/0"]}}},
        {"Condition": STATEMENT["Condition"] | {"NotIpAddress": {"aws:SourceIp": "here"}}},
    ],
)
def test_less_than_all_calls_of_everybody_is_not_enough(changes: dict[str, Any]) -> None:
    assert not refuses(ALLOWED, **changes)


def test_a_queue_without_a_policy_refuses_nobody() -> None:
    assert not refuses_unencrypted({}, ARN)
