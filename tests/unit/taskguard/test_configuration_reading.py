"""How a stack is set up, read back through the same interfaces everywhere; what is not told is not made up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from botocore.exceptions import ClientError
from taskguard.evidence.configuration import Configuration, configuration_of
from taskguard.history import ConfigurationObserved, Event, EvidenceMissing
from taskguard.history.settings import EventRule

from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Fakes, Functions, Table, consumer
from tests.unit.taskguard.recorder_lines import DEAD_ARN, DEAD_URL, STACK, WORK_ARN, WORK_URL, function

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, "Get")
WORK = {
    "VisibilityTimeout": "90",
    "MessageRetentionPeriod": "1209600",
    "SqsManagedSseEnabled": "true",
    "RedrivePolicy": json.dumps({"maxReceiveCount": "3", "deadLetterTargetArn": DEAD_ARN}),
}
DEAD = {"VisibilityTimeout": "90", "MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true"}
STATEMENT = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": WORK_ARN}
RESOURCES = [
    {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "TaskQueue", "SqsManagedSseEnabled": True}},
    {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "TaskDLQ"}},
    {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {"TableName": "TasksTable", "SSESpecification": {"SSEEnabled": True}},
    },
    {"Type": "AWS::Logs::LogGroup"},
]


@dataclass
class Queues:
    attributes: dict[str, Any] = field(default_factory=lambda: {WORK_URL: WORK, DEAD_URL: DEAD})

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        assert AttributeNames == ["All"]
        found = self.attributes[QueueUrl]
        if isinstance(found, Exception):
            raise found
        return {"Attributes": found}


@dataclass(slots=True)
class Lambdas(Functions):
    timeouts: Mapping[str, Any] = field(default_factory=lambda: {WORKER: 15, MONITOR: 15})
    reserved: Mapping[str, Any] = field(default_factory=dict)

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        found = self.timeouts[FunctionName]
        if isinstance(found, Exception):
            raise found
        return {"Timeout": found, "Role": f"arn:aws:iam::0:role/path/role-of-{FunctionName}"}

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        if isinstance(found := self.reserved.get(FunctionName), Exception):
            raise found
        return {} if found is None else {"ReservedConcurrentExecutions": found}


@dataclass
class Iam:
    statements: Any = field(default_factory=lambda: [STATEMENT])
    attached: bool = False
    encode: bool = False

    def get_paginator(self, operation: str) -> Any:
        names = {
            "list_role_policies": ("PolicyNames", [] if self.attached else ["inline"]),
            "list_attached_role_policies": ("AttachedPolicies", [{"PolicyArn": "arn:p"}] if self.attached else []),
        }
        key, found = names[operation]

        def pages(*, RoleName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
            assert RoleName.startswith("role-of-")
            yield {key: []}
            yield {key: found}

        return type("Paginator", (), {"paginate": staticmethod(pages)})

    def get_role_policy(self, *, RoleName: str, PolicyName: str) -> dict[str, Any]:  # noqa: N803
        assert (RoleName[:8], PolicyName) == ("role-of-", "inline")
        return {"PolicyDocument": self._document()}

    def get_policy(self, *, PolicyArn: str) -> dict[str, Any]:  # noqa: N803
        assert PolicyArn == "arn:p"
        return {"Policy": {"DefaultVersionId": "v7"}}

    def get_policy_version(self, *, PolicyArn: str, VersionId: str) -> dict[str, Any]:  # noqa: N803
        assert (PolicyArn, VersionId) == ("arn:p", "v7")
        return {"PolicyVersion": {"Document": self._document()}}

    def _document(self) -> Any:
        document = {"Statement": self.statements}
        return quote(json.dumps(document)) if self.encode else document


class Templates:
    def __init__(self, body: Any) -> None:
        self._body = body

    def get_template(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        assert StackName == "TaskGuard-dev"
        if isinstance(self._body, Exception):
            raise self._body
        return {"TemplateBody": self._body}


def observed(
    queues: dict[str, Any] | None = None,
    lambdas: Lambdas | None = None,
    iam: Iam | None = None,
    table: Mapping[str, Any] | None = None,
    template: Any = REFUSED,
) -> tuple[ConfigurationObserved, list[str]]:
    """What is read, and what is said to be missing."""
    description = {"SSEDescription": {"Status": "ENABLED"}} if table is None else table
    endpoint = Fakes(
        table=Table([], description=description),
        queues=Queues({WORK_URL: WORK, DEAD_URL: DEAD, **(queues or {})}),  # type: ignore[arg-type]
        lambdas=lambdas or Lambdas(),
        others={"iam": iam or Iam(), "cloudformation": Templates(template)},
    )
    found, *rest = configuration_of(endpoint, STACK)
    assert isinstance(found, ConfigurationObserved)
    return found, [event.what for event in rest if isinstance(event, EvidenceMissing)]


def test_everything_is_read_back() -> None:
    found, missing = observed()
    assert missing == []
    assert (found.table, found.dead_letter_queue, found.dead_letter_consumer) == (True, True, True)
    work, dead = found.queues
    assert (work.visibility_timeout_seconds, work.retention_seconds, work.encrypted) == (90.0, 1_209_600.0, True)
    assert (work.max_receives, work.dead_letters_watched, dead.max_receives) == (3, True, 0)
    assert [(each.name, each.queue, each.timeout_seconds) for each in found.consumers] == [
        (WORKER, "work", 15.0),
        (MONITOR, "dead-letter", 15.0),
    ]
    assert all(each.partial_batches for each in found.consumers)
    assert found.store_encrypted is True
    assert [(each.holder, each.actions, each.resources) for each in found.permissions] == [
        (name, ("sqs:SendMessage",), (WORK_ARN,)) for name in sorted((WORKER, MONITOR))
    ]


@dataclass
class Events:
    """A bus with a rule for the work queue, and one on a schedule."""

    def list_event_buses(self) -> dict[str, Any]:
        return {"EventBuses": [{"Name": "orders"}]}

    def list_rule_names_by_target(self, *, TargetArn: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        assert EventBusName == "orders"
        return {"RuleNames": ["packing", "nightly"] if TargetArn == WORK_ARN else []}

    def describe_rule(self, *, Name: str, EventBusName: str) -> dict[str, Any]:  # noqa: N803
        assert EventBusName == "orders"
        return {"State": "DISABLED", "EventPattern": "{}"} if Name == "packing" else {"State": "ENABLED"}


def test_rules_that_send_to_a_queue_are_read_where_the_template_has_any() -> None:
    endpoint = Fakes(
        table=Table([], description={"SSEDescription": {"Status": "ENABLED"}}),
        queues=Queues(),  # type: ignore[arg-type]
        lambdas=Lambdas(),
        others={"iam": Iam(), "cloudformation": Templates("Rule: { Type: AWS::Events::Rule }"), "events": Events()},
    )
    (found,) = configuration_of(endpoint, STACK)
    assert isinstance(found, ConfigurationObserved)
    rules = [each.rules for each in found.queues]
    assert rules == [(EventRule(name="packing", pattern="{}", enabled=False),), ()]


def test_functions_that_consume_no_queue_have_permissions_too() -> None:
    submit = "TaskGuard-dev-submitTask"
    lambdas = Lambdas(timeouts={WORKER: 15, MONITOR: 15, submit: 20})
    stack = replace(STACK, functions=(function(submit),))
    endpoint = Fakes(
        table=Table([], description={"SSEDescription": {"Status": "ENABLED"}}),
        queues=Queues(),  # type: ignore[arg-type]
        lambdas=lambdas,
        others={"iam": Iam(), "cloudformation": Templates({"Resources": {}})},
    )
    (found,) = configuration_of(endpoint, stack)
    assert isinstance(found, ConfigurationObserved)
    assert {each.holder for each in found.permissions} == {WORKER, MONITOR, submit}


@pytest.mark.parametrize(
    ("attributes", "encrypted"),
    [
        ({"SqsManagedSseEnabled": "false"}, False),
        ({"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "alias/aws/sqs"}, True),
        ({"KmsMasterKeyId": "key"}, True),
    ],
)
def test_a_queue_is_encrypted_by_either_key(attributes: dict[str, str], encrypted: bool) -> None:
    plain = {name: value for name, value in WORK.items() if name != "SqsManagedSseEnabled"}
    found, missing = observed({WORK_URL: plain | attributes})
    assert (found.queues[0].encrypted, missing) == (encrypted, [])


@pytest.mark.parametrize("written", [lambda body: body, json.dumps, yaml.safe_dump])
def test_encryption_that_an_engine_does_not_tell_of_is_read_from_the_template(written: Callable[[Any], Any]) -> None:
    plain = {"VisibilityTimeout": "90", "MessageRetentionPeriod": "1209600"}
    body: Any = {"Resources": {str(n): each for n, each in enumerate(RESOURCES)}}
    body["Resources"]["Fn::ForEach::Queue"] = ["Name", ["a"], {}]
    found, missing = observed(
        {WORK_URL: plain, DEAD_URL: plain}, table={"TableName": "TasksTable"}, template=written(body)
    )
    assert [queue.encrypted for queue in found.queues] == [True, False]
    assert (found.store_encrypted, missing) == (True, [])


def test_encryption_that_nobody_tells_of_is_missing() -> None:
    found, missing = observed({WORK_URL: {"VisibilityTimeout": "90"}}, table={"TableName": "TasksTable"})
    assert (found.queues[0].encrypted, found.store_encrypted) == (None, None)
    assert [what.split(" (")[0] for what in missing] == [
        "the encryption of the work queue",
        "the encryption of the table",
    ]


def test_a_table_whose_encryption_is_off_is_not_encrypted() -> None:
    assert observed(table={"SSEDescription": {"Status": "DISABLED"}})[0].store_encrypted is False


def test_a_queues_own_policy_tells_whether_it_refuses_unencrypted_calls() -> None:
    denial = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policies = {url: json.dumps({"Statement": [denial | {"Resource": WORK_ARN}]}) for url in (WORK_URL, DEAD_URL)}
    found, missing = observed({url: WORK | {"Policy": policy} for url, policy in policies.items()})
    assert ([queue.unencrypted_refused for queue in found.queues], missing) == ([True, False], [])
    assert [queue.unencrypted_refused for queue in observed()[0].queues] == [False, False]
    assert observed({WORK_URL: REFUSED})[0].queues[0].unencrypted_refused is None


def test_dead_letters_that_go_elsewhere_and_a_queue_without_any() -> None:
    policy = json.dumps({"maxReceiveCount": 5, "deadLetterTargetArn": f"{DEAD_ARN}-other"})
    elsewhere = observed({WORK_URL: WORK | {"RedrivePolicy": policy}})[0].queues[0]
    assert (elsewhere.max_receives, elsewhere.dead_letters_watched) == (5, False)
    without = {name: value for name, value in WORK.items() if name != "RedrivePolicy"}
    assert observed({WORK_URL: without})[0].queues[0].max_receives == 0


def test_consumers_that_are_off_or_take_batches_as_a_whole() -> None:
    consumers = {
        WORK_ARN: [consumer(WORKER, State="Disabled", FunctionResponseTypes=[])],
        DEAD_ARN: [consumer(MONITOR, State="Enabled")],
    }
    worker, monitor = observed(lambdas=Lambdas(consumers=consumers))[0].consumers
    assert (worker.enabled, worker.partial_batches) == (False, False)
    assert (monitor.enabled, monitor.partial_batches) == (True, True)


def test_what_makes_messages_go_or_wait_otherwise_is_read() -> None:
    mapping = consumer(
        WORKER,
        BatchSize=100,
        MaximumBatchingWindowInSeconds=5,
        FilterCriteria={"Filters": [{"Pattern": '{"body":{"kind":["a"]}}'}, {}]},
        ScalingConfig={"MaximumConcurrency": 2},
    )
    lambdas = Lambdas(consumers={WORK_ARN: [mapping], DEAD_ARN: [consumer(MONITOR)]}, reserved={WORKER: 7})
    found, missing = observed({WORK_URL: WORK | {"DelaySeconds": "30"}}, lambdas=lambdas)
    worker, monitor = found.consumers
    assert (worker.batch_size, worker.window_seconds, worker.most_at_once, worker.reserved) == (100, 5.0, 2, 7)
    assert worker.filters == ('{"body":{"kind":["a"]}}', "{}")
    assert (monitor.filters, monitor.most_at_once, monitor.reserved) == ((), None, None)
    assert [(queue.delay_seconds, queue.fifo) for queue in found.queues] == [(30.0, False), (None, False)]
    assert missing == []


def test_a_concurrency_that_may_not_be_read_is_no_missing_evidence() -> None:
    found, missing = observed(lambdas=Lambdas(reserved={WORKER: REFUSED}))
    assert (found.consumers[0].reserved, missing) == (None, [])


@pytest.mark.parametrize("iam", [Iam(encode=True), Iam(attached=True), Iam(statements=STATEMENT)])
def test_policies_are_read_wherever_and_however_they_are_written(iam: Iam) -> None:
    assert {each.actions for each in observed(iam=iam)[0].permissions} == {("sqs:SendMessage",)}


def test_all_but_some_actions_is_as_wide_as_all_and_a_denial_is_no_permission() -> None:
    statements = [
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": WORK_ARN},
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    ]
    found = observed(iam=Iam(statements=statements))[0].permissions
    assert {(each.actions, each.resources) for each in found} == {(("*",), ("*",))}


def test_what_is_refused_is_said_and_the_rest_is_read() -> None:
    lambdas = Lambdas(timeouts={WORKER: REFUSED, MONITOR: 15})
    found, missing = observed({WORK_URL: REFUSED}, lambdas=lambdas)
    assert [what.split(" (")[0] for what in missing] == [f"the settings of {WORKER}", "the settings of the work queue"]
    assert found.queues[0].max_receives is None
    assert found.consumers[0].timeout_seconds is None
    assert found.queues[1].encrypted is True
    assert {each.holder for each in found.permissions} == {MONITOR}


def test_the_configuration_is_read_once_and_anew_when_it_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[int] = []

    def read(*_: Any) -> list[Event]:
        readings.append(1)
        return []

    monkeypatch.setattr("taskguard.evidence.configuration.configuration_of", read)
    configuration = Configuration(Fakes(), STACK)
    for _ in range(3):
        assert configuration.events() == []
    assert len(readings) == 1
    configuration.begin()
    configuration.events()
    assert len(readings) == 2


def test_a_reading_under_way_does_not_hold_up_the_end_of_an_interrupted_run(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, asked, answered = list[threading.Thread](), threading.Event(), threading.Event()

    def read(*_: object) -> list[Event]:
        reader.append(threading.current_thread())
        asked.set()
        answered.wait(10)
        return []

    monkeypatch.setattr("taskguard.evidence.configuration.configuration_of", read)
    configuration = Configuration(Fakes(), STACK)
    configuration.begin()
    assert asked.wait(10)
    # Python waits at its end for all threads but such.
    assert reader[0].daemon
    answered.set()
    assert configuration.events() == []


@pytest.mark.parametrize(("effect", "lets_in"), [("Allow", True), ("Deny", False)])
def test_a_queue_s_own_policy_may_let_callers_in(effect: str, lets_in: bool) -> None:
    policy = {"Statement": [{"Effect": effect, "Principal": "*", "Action": "sqs:*", "Resource": WORK_ARN}]}
    [found, *_] = observed({WORK_URL: WORK | {"Policy": json.dumps(policy)}})
    assert found.queues[0].own_policy is lets_in
