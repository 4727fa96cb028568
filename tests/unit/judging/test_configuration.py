"""The pipeline is deployed with the settings that its behaviour needs."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import ConfigurationObserved, Event, Permission
from taskguard.judging.verdict import Outcome

from tests.unit.judging.building import CONFIGURATION, DEAD, FIRST_TRY, changed, judge, missing, run, without

EVENTS = run(FIRST_TRY, DEAD)
WORK, DEAD_QUEUE = CONFIGURATION.queues
WORKER, MONITOR = CONFIGURATION.consumers
QUEUE_ARN = "arn:aws:sqs:eu-central-1:0:work"


def messages(outcome: Outcome = Outcome.FAIL, events: list[Event] | None = None, **changes: Any) -> list[str]:
    verdict = judge("configuration", changed(events or EVENTS, CONFIGURATION, **changes))
    assert verdict.outcome is outcome, verdict
    return [finding.message for finding in verdict.findings]


def with_queues(work: dict[str, Any] | None = None, dead: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"queues": (replace(WORK, **(work or {})), replace(DEAD_QUEUE, **(dead or {})))}


def with_worker(**changes: Any) -> dict[str, Any]:
    return {"consumers": (replace(WORKER, **changes), MONITOR)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_queues({"max_receives": 2}), "the work queue gives a message up after 2 receives, expected 3"),
        (with_queues({"max_receives": 5}), "the work queue gives a message up after 5 receives, expected 3"),
        (with_queues({"max_receives": 0}), "the work queue has no dead-letter queue"),
        (
            with_queues({"dead_letters_watched": False}),
            "the work queue moves dead messages to another queue than the pipeline's dead-letter queue",
        ),
        (with_queues({"encrypted": False}), "the work queue is not encrypted at rest"),
        (with_queues(dead={"encrypted": False}), "the dead-letter queue is not encrypted at rest"),
        ({"store_encrypted": False}, "the tasks' records are not encrypted at rest"),
        (with_queues({"unencrypted_refused": False}), "the work queue does not refuse unencrypted transport"),
        (
            with_queues(dead={"unencrypted_refused": False}),
            "the dead-letter queue does not refuse unencrypted transport",
        ),
        (
            with_queues({"retention_seconds": 20.0}),
            "the work queue keeps a message for 20 s, no longer than the longest backoff, 20 s",
        ),
        (
            with_queues(dead={"retention_seconds": 86400.0}),
            "the dead-letter queue keeps a message for 86400 s, the work queue for 1209600 s: its age goes on",
        ),
        (
            with_queues({"visibility_timeout_seconds": 14.0}),
            "worker, the consumer of the work queue, may work for 15 s, and a message is hidden for 14 s only",
        ),
        (
            with_queues(dead={"visibility_timeout_seconds": 14.0}),
            "monitor, the consumer of the dead-letter queue, may work for 15 s, and a message is hidden for 14 s only",
        ),
        (with_worker(enabled=False), "worker, the consumer of the work queue, is switched off"),
        (
            with_worker(partial_batches=False),
            "worker, the consumer of the work queue, cannot report one message of a batch as failed without the others",
        ),
        ({"consumers": (WORKER,)}, "the dead-letter queue has no consumer"),
    ],
)
def test_a_setting_that_is_wrong_fails(changes: dict[str, Any], message: str) -> None:
    assert messages(**changes) == [message]


def test_a_visibility_timeout_as_long_as_the_consumers_is_enough() -> None:
    assert messages(Outcome.PASS, **with_queues({"visibility_timeout_seconds": 15.0})) == []


@pytest.mark.parametrize(
    ("action", "resource", "message"),
    [
        ("sqs:*", QUEUE_ARN, "worker may do sqs:*"),
        ("*", QUEUE_ARN, "worker may do *"),
        ("sqs:Send*", QUEUE_ARN, "worker may do sqs:Send*"),
        ("sqs:SendMessage", "*", "worker may do sqs:SendMessage to *"),
        ("sqs:SendMessage", "arn:aws:sqs:*:0:work", "worker may do sqs:SendMessage to arn:aws:sqs:*:0:work"),
        ("sqs:SendMessage", "arn:aws:sqs:eu:0:*", "worker may do sqs:SendMessage to arn:aws:sqs:eu:0:*"),
        (
            "dynamodb:PutItem",
            "arn:aws:dynamodb:eu:0:table/*",
            "worker may do dynamodb:PutItem to arn:aws:dynamodb:eu:0:table/*",
        ),
        (
            "logs:PutLogEvents",
            "arn:aws:logs:eu:0:log-group:/aws/lambda/*:*",
            "worker may do logs:PutLogEvents to arn:aws:logs:eu:0:log-group:/aws/lambda/*:*",
        ),
    ],
)
def test_a_wildcard_in_a_role_fails(action: str, resource: str, message: str) -> None:
    permission = Permission(holder="worker", actions=(action,), resources=(resource,))
    assert messages(permissions=(*CONFIGURATION.permissions, permission)) == [message]


@pytest.mark.parametrize(
    ("actions", "resource"),
    [
        (("logs:PutLogEvents",), "arn:aws:logs:eu:0:log-group:/aws/lambda/worker:*"),
        (("dynamodb:Query",), "arn:aws:dynamodb:eu:0:table/tasks/*"),
        (("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "*"),
    ],
)
def test_all_inside_of_one_named_thing_and_what_cannot_be_limited_is_no_wildcard(
    actions: tuple[str, ...], resource: str
) -> None:
    permission = Permission(holder="worker", actions=actions, resources=(resource,))
    assert messages(Outcome.PASS, permissions=(*CONFIGURATION.permissions, permission)) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            with_queues({"visibility_timeout_seconds": None}),
            "the visibility timeout of the work queue could not be read",
        ),
        (with_queues({"retention_seconds": None}), "the retention of the work queue could not be read"),
        (with_queues({"encrypted": None}), "the encryption of the work queue could not be read"),
        (with_queues({"max_receives": None}), "the limit of receives of the work queue could not be read"),
        (with_worker(enabled=None), "worker: whether it is switched on could not be read"),
        (with_worker(partial_batches=None), "worker: whether it reports partial batches could not be read"),
        (with_worker(timeout_seconds=None), "worker: its timeout could not be read"),
        ({"store_encrypted": None}, "the encryption of the tasks' records could not be read"),
        ({"permissions": ()}, "no permission of any part of the pipeline could be read"),
    ],
)
def test_a_setting_that_could_not_be_read_is_unknown(changes: dict[str, Any], message: str) -> None:
    assert messages(Outcome.UNKNOWN, **changes) == [message]


def test_a_history_from_before_transport_was_looked_at_is_judged_without() -> None:
    assert messages(Outcome.PASS, **with_queues({"unencrypted_refused": None})) == []


def test_a_wrong_setting_fails_though_another_could_not_be_read() -> None:
    events = [*EVENTS, missing("ConfigurationObserved")]
    assert messages(events=events, **with_queues({"max_receives": 5, "retention_seconds": None}))
    assert messages(Outcome.UNKNOWN, events=events, consumers=(WORKER,))


def test_no_configuration_at_all_is_unknown() -> None:
    verdict = judge("configuration", without(EVENTS, ConfigurationObserved))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.findings[0].message == "how the pipeline is set up was not read"
