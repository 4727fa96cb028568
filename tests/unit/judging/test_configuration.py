"""The pipeline is deployed with the settings that its behaviour needs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Settings, Weight
from taskguard.contract.dialect import Dialect
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED, Waiting
from taskguard.history import BackoffRequested, ConfigurationObserved, Delivered, Event, Permission
from taskguard.judging.verdict import Outcome

from tests.terms import demanding
from tests.unit.guarantees.faulty import struck
from tests.unit.judging.building import (
    CONFIGURATION,
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    changed,
    judge,
    missing,
    run,
    the,
    without,
)

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
            "the work queue keeps a message for 20 s, and its retries together take 35 s",
        ),
        (
            with_queues({"retention_seconds": 35.0}),
            "the work queue keeps a message for 35 s, and its retries together take 35 s",
        ),
        (
            with_queues({"retention_seconds": 36.0}, {"retention_seconds": 35.0}),
            "the dead-letter queue keeps a message for 35 s, and the retries before its death, which count, take 35 s",
        ),
        (
            with_queues(dead={"retention_seconds": 86400.0}),
            "the dead-letter queue keeps a message for 1 day, the work queue for 14 days: its age goes on",
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


def test_who_reads_dead_letters_is_advised_to_report_them_one_by_one() -> None:
    what = "monitor, the consumer of the dead-letter queue, cannot report one message of a batch as failed without the others"
    monitor = replace(MONITOR, partial_batches=False)
    assert messages(Outcome.PASS, consumers=(WORKER, monitor)) == [f"advised otherwise: {what}"]
    assert messages(Outcome.PASS, consumers=(WORKER, replace(MONITOR, partial_batches=None)))


@pytest.mark.parametrize("reports", [False, None])
def test_who_is_handed_one_message_at_a_time_need_not_report_its_failures_one_by_one(reports: bool | None) -> None:
    assert messages(Outcome.PASS, **with_worker(partial_batches=reports, batch_size=1)) == []
    unlike = Outcome.UNKNOWN if reports is None else Outcome.FAIL
    assert len(messages(unlike, **with_worker(partial_batches=reports, batch_size=2))) == 1


@pytest.mark.parametrize(
    ("hidden", "gathers", "outcome", "message"),
    [
        (90.0, None, Outcome.PASS, None),
        (90.0, 0.0, Outcome.PASS, None),
        (100.0, 10.0, Outcome.PASS, None),
        (
            15.0,
            None,
            Outcome.PASS,
            "may work for 15 s, and a message is hidden for 15 s; AWS advises 90 s, 6 times as long",
        ),
        (
            90.0,
            75.0,
            Outcome.PASS,
            "gathers a batch for 75 s and may work for 15 s, and a message is hidden for 90 s; AWS advises 165 s, 6 times as long, "
            "and the window",
        ),
        (
            90.0,
            76.0,
            Outcome.FAIL,
            "gathers a batch for 76 s and may work for 15 s, and a message is hidden for 90 s only",
        ),
    ],
)
def test_a_message_is_hidden_while_it_is_gathered_and_worked_on(
    hidden: float, gathers: float | None, outcome: Outcome, message: str | None
) -> None:
    changes = with_queues({"visibility_timeout_seconds": hidden}) | with_worker(window_seconds=gathers)
    advised = "advised otherwise: " if outcome is Outcome.PASS else ""
    expected = [] if message is None else [f"{advised}worker, the consumer of the work queue, {message}"]
    assert messages(outcome, **changes) == expected


@pytest.mark.parametrize(
    ("reserved", "most", "fifo", "advised"),
    [
        (100, None, False, "without a MaximumConcurrency ever more batches are, while messages wait,"),
        (1, 2, False, "up to 2 batches are"),
        (2, 2, False, None),
        (1, None, True, None),
    ],
)
def test_less_concurrency_than_batches_at_once_is_advised_against(
    reserved: int, most: int | None, fifo: bool, advised: str | None
) -> None:
    found = messages(Outcome.PASS, **with_queues({"fifo": fifo}), **with_worker(reserved=reserved, most_at_once=most))
    assert [message.partition(f" of {reserved}, and ")[2].partition(" handed over")[0] for message in found] == (
        [] if advised is None else [advised]
    )


def test_a_dead_letter_that_its_retries_nearly_outlived_is_advised_against() -> None:
    found = messages(Outcome.PASS, **with_queues({"retention_seconds": 60.0}, {"retention_seconds": 69.0}))
    expected = "the dead-letter queue keeps a message for 69 s, of which the retries before its death use up 35 s"
    assert found == [f"advised otherwise: {expected}"]
    assert messages(Outcome.PASS, **with_queues({"retention_seconds": 60.0}, {"retention_seconds": 70.0})) == []


def test_in_a_fifo_dead_letter_queue_the_age_begins_anew() -> None:
    assert messages(Outcome.PASS, **with_queues(dead={"retention_seconds": 60.0, "fifo": True})) == []


def test_where_nobody_asks_for_waits_the_queues_own_are_summed() -> None:
    contract = demanding(waiting=Waiting(constant=AS_DEPLOYED))
    terms = msgspec.structs.replace(EXPECTED, contract=contract)
    events = changed(EVENTS, CONFIGURATION, **with_queues({"retention_seconds": 270.0}, {"retention_seconds": 9e5}))
    silent = without(events, BackoffRequested)
    message = "the work queue keeps a message for 270 s, and its retries together take 270 s"
    assert [found.message for found in judge("configuration", silent, terms).findings] == [message]
    assert judge("configuration", events, terms).findings == ()


@pytest.mark.parametrize(("kept", "fails"), [(35.0, True), (36.0, False)])
def test_where_a_service_asks_for_its_own_waits_those_of_a_task_that_died_are_summed(kept: float, fails: bool) -> None:
    contract = demanding(waiting=Waiting(constant=AS_DEPLOYED))
    terms = msgspec.structs.replace(EXPECTED, contract=contract)
    changes = with_queues({"retention_seconds": kept}, {"retention_seconds": 9e5})
    died, lived = (changed(events, CONFIGURATION, **changes) for events in (run(DEAD), run(SECOND_TRY)))
    message = "the work queue keeps a message for 35 s, and its retries together take 35 s"
    assert [found.message for found in judge("configuration", died, terms).findings] == [message] * fails
    # One that lives on had not all waits that there may be, nor has one that the run itself made to fail.
    made_to_fail = [*died, struck("fail", the(died, Delivered), when="before")]
    for events in (lived, made_to_fail):
        assert judge("configuration", events, terms).findings == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (with_queues({"fifo": True}), "the work queue is a FIFO queue"),
        (with_queues({"delay_seconds": 30.0}), "the work queue delays each message by 30 s"),
        (with_queues({"retention_seconds": 1e6}), "the work queue keeps a message for 1000000 s"),
        (
            with_worker(window_seconds=1.0, batch_size=100),
            "the consumer of the work queue gathers batches of up to 100 for 1 s",
        ),
        (with_worker(filters=("a", "b")), "the consumer of the work queue is handed only what matches a or b"),
        (with_worker(most_at_once=2), "the consumer of the work queue has at most 2 batches at once"),
        (with_worker(reserved=9), "the consumer of the work queue has a reserved concurrency of 9"),
    ],
)
def test_what_is_set_on_purpose_is_told_and_no_fault(changes: dict[str, Any], told: str) -> None:
    verdict = judge("configuration", changed(EVENTS, CONFIGURATION, **changes))
    assert verdict.outcome is Outcome.PASS
    read, *clauses = verdict.observed.split("; ")
    assert read == "2 queues, 2 consumers and 2 permissions read back"
    assert told in clauses


def test_a_retention_is_told_where_it_is_not_what_every_queue_has() -> None:
    for_days = {"retention_seconds": 345_600.0}
    told = "; the dead-letter queue keeps a message for 14 days"
    for dead, clause in (({}, told), (for_days, "")):
        verdict = judge("configuration", changed(EVENTS, CONFIGURATION, **with_queues(for_days, dead)))
        assert verdict.observed == f"2 queues, 2 consumers and 2 permissions read back{clause}"


def test_what_a_role_did_not_use_is_advised_against_once_for_each_holder() -> None:
    arns = [f"arn:aws:sqs:eu-central-1:0:queue-{number}" for number in range(4)]
    unused = (
        *(Permission(holder="worker", actions=("sqs:PurgeQueue",), resources=(arn,)) for arn in arns),
        Permission(holder="monitor", actions=("sqs:SendMessage",), resources=(QUEUE_ARN,)),
    )
    assert messages(Outcome.PASS, unused=unused) == [
        "worker did not use in this run what its role grants: sqs:PurgeQueue on queue-0; sqs:PurgeQueue on queue-1; "
        "sqs:PurgeQueue on queue-2; sqs:PurgeQueue on queue-3",
        "monitor did not use in this run what its role grants: sqs:SendMessage on work",
    ]
    # Where nothing failed or died, the ways were not taken that may need it.
    assert messages(Outcome.PASS, events=run(FIRST_TRY, SECOND_TRY), unused=unused) == []


def test_what_was_done_in_the_name_of_a_role_that_does_not_grant_it() -> None:
    lacking = tuple(
        Permission(holder=holder, actions=(action,), resources=(QUEUE_ARN,))
        for holder, action in (("worker", "sqs:A"), ("monitor", "sqs:A"), ("worker", "sqs:B"))
    )
    assert messages(lacking=lacking) == [
        "the role of monitor does not grant what was done in its name: sqs:A on work; AWS would refuse that",
        "the role of worker does not grant what was done in its name: sqs:A on work, sqs:B on work; AWS would refuse that",
    ]


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
        (("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules"), "*"),
        (("cloudwatch:PutMetricData",), "*"),
        (("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"), "*"),
        (("secretsmanager:GetSecretValue",), "arn:aws:secretsmanager:eu:0:secret:shop/key-??????"),
    ],
)
def test_all_inside_of_one_named_thing_and_what_cannot_be_limited_is_no_wildcard(
    actions: tuple[str, ...], resource: str
) -> None:
    permission = Permission(holder="worker", actions=actions, resources=(resource,))
    assert messages(Outcome.PASS, permissions=(*CONFIGURATION.permissions, permission)) == []


def test_beside_what_cannot_be_limited_the_rest_is_told() -> None:
    permission = Permission(holder="worker", actions=("sqs:ListQueues", "sqs:SendMessage"), resources=("*",))
    assert messages(permissions=(*CONFIGURATION.permissions, permission)) == ["worker may do sqs:SendMessage to *"]


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


def parts(events: list[Event] | None = None, **changes: Any) -> dict[str, str]:
    found = judge("configuration", changed(events or EVENTS, CONFIGURATION, **changes)).parts
    return {part: str(outcome) for part, outcome in found.items() if outcome is not Outcome.PASS}


def test_each_setting_that_is_a_must_is_judged_by_itself_and_the_rest_together() -> None:
    verdict = judge("configuration", EVENTS)
    assert set(verdict.parts) == {"configuration", *(f"settings.{name}" for name in Settings.__struct_fields__)}
    assert parts() == {}
    assert parts(**with_queues({"encrypted": False})) == {"settings.encryption": "fail"}
    assert parts(**with_queues({"max_receives": 2}, {"retention_seconds": 20.0})) == {
        "configuration": "fail",
        "settings.retention": "fail",
    }
    assert parts(**with_worker(partial_batches=None, enabled=None)) == {
        "configuration": "unknown",
        "settings.partial_batches": "unknown",
    }


def test_what_is_advised_is_no_part_and_without_evidence_no_part_is_known() -> None:
    settings = Settings(encryption=Weight.MUST, tls=Weight.ADVICE)
    terms = replace(EXPECTED, contract=demanding(settings=settings))
    verdict = judge(
        "configuration", changed(EVENTS, CONFIGURATION, **with_queues({"unencrypted_refused": False})), terms
    )
    assert verdict.parts == {"configuration": Outcome.PASS, "settings.encryption": Outcome.PASS}
    assert set(judge("configuration", without(EVENTS, ConfigurationObserved)).parts.values()) == {Outcome.UNKNOWN}


def test_that_nothing_ends_the_retries_is_told_where_the_stack_is_to_say_it() -> None:
    terms = Terms(contract=built_in("as-deployed"), dialect=Dialect())
    endless = {"queues": (replace(WORK, max_receives=0),), "consumers": (WORKER,)}

    def told(events: list[Event], **changes: Any) -> list[str]:
        verdict = judge("configuration", changed(events, CONFIGURATION, **changes), terms)
        assert verdict.outcome is Outcome.PASS
        return [each.message for each in verdict.findings if "no dead-letter queue" in each.message]

    assert told(run(FIRST_TRY), **endless) == [
        "advised otherwise: the work queue has no dead-letter queue: a message that always fails comes again and again until it is too "
        "old, and is then deleted"
    ]
    assert told(EVENTS, **endless) == [], "its consumer gives up itself"
    fifo = {**endless, "queues": (replace(WORK, max_receives=0, fifo=True),)}
    assert told(run(FIRST_TRY), **fifo) == [], "it would lose the order"
